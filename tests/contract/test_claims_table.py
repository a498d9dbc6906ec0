"""The lease table of meshrun keeps its promises on every state database that is supported."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mariadb import find, mariadb
from waiting import until

from meshrun.claims import ClaimTable
from meshrun.dialects import Adapter, impatient, retried, transaction
from meshrun.lease import LeaseKeeper
from meshrun.tenure import ClaimLostError, Runner, claim_key

# sqlmesh itself warns when it is imported
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

Open = Callable[[], ClaimTable]

_numbers = itertools.count()
NOBODY_SINCE = 0


@pytest.fixture(scope="module")
def mariadb_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if find("mariadbd") is None:
        pytest.skip("no MariaDB on this machine (Debian: apt-get install mariadb-server)")
    with mariadb(tmp_path_factory.mktemp("mariadb")) as port:
        yield port


@pytest.fixture(params=["postgres", "duckdb", "mysql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same database again and again, each time with connections of its own."""
    connect = {"postgres": _postgres, "duckdb": _duckdb, "mysql": _mysql}[request.param](request, tmp_path)
    adapters: list[Any] = [connect()]
    adapters[0].create_schema("state")

    def open_table() -> ClaimTable:
        adapters.append(connect())
        table = ClaimTable(adapters[-1], "state", lease=60)
        table.create()
        return table

    yield open_table
    for adapter in adapters:
        adapter._connection_pool.close_all()


@pytest.fixture
def table(opened: Open) -> ClaimTable:
    return opened()


def opened_as_for_claims(config: Any) -> Any:  # noqa: ANN401 - SQLMesh's
    """Open connections as meshrun does for claims: they do not wait long for a locked row."""
    adapter = config.create_engine_adapter(concurrent_tasks=8)
    connect = impatient(config._connection_factory_with_kwargs, adapter.dialect)
    return type(adapter)(connect, multithreaded=True, pre_ping=config.pre_ping)


def _postgres(request: pytest.FixtureRequest, _folder: Path) -> Callable[[], Any]:
    from sqlmesh.core.config.connection import PostgresConnectionConfig

    url = urlsplit(request.getfixturevalue("postgres_url")())
    host, database = parse_qs(url.query)["host"][0], url.path.strip("/")
    config = PostgresConnectionConfig(host=host, user=url.username, password="", port=5432, database=database)
    return lambda: opened_as_for_claims(config)


def _mysql(request: pytest.FixtureRequest, _folder: Path) -> Callable[[], Any]:
    from sqlmesh.core.config.connection import MySQLConnectionConfig

    port, database = request.getfixturevalue("mariadb_port"), f"test{next(_numbers)}"
    config = MySQLConnectionConfig(host="127.0.0.1", user="root", password="", port=port, charset="utf8mb4")
    adapter = config.create_engine_adapter(concurrent_tasks=8)
    adapter.execute("DROP DATABASE IF EXISTS state")
    adapter.execute(f"CREATE DATABASE {database}")
    adapter.close()
    return lambda: opened_as_for_claims(config)


def _duckdb(_request: pytest.FixtureRequest, folder: Path) -> Callable[[], Any]:
    import duckdb
    from sqlmesh.core.engine_adapter import DuckDBEngineAdapter

    connection = duckdb.connect(str(folder / "project.db"))
    return lambda: DuckDBEngineAdapter(connection.cursor, multithreaded=True)


def runner(run_id: str, job: str | None = None, started: int = NOBODY_SINCE) -> Runner:
    return Runner(run_id, job, started)


def rewrite(table: ClaimTable, change: str, *keys: str) -> None:
    marks = ", ".join("?" for _ in keys)
    with transaction(table.adapter):
        table._execute(f"UPDATE {table.table} SET {change} WHERE claim_key IN ({marks})", keys)  # noqa: S608


def expire(table: ClaimTable, key: str) -> None:
    rewrite(table, f"expires_at = {table.dialect.now} - 1", key)


def test_a_free_claim_is_taken_and_a_held_one_is_not(table: ClaimTable) -> None:
    first = table.take("k", "s.m", runner("one", "job", 17))
    assert first.claim is not None
    second = table.take("k", "s.m", runner("two"))
    assert second.claim is None
    assert (second.row.held, second.row.run_id, second.row.job, second.row.run_started) == (True, "one", "job", 17)
    assert (second.row.expires_at or 0) - second.row.now == pytest.approx(60_000, abs=5_000)


def test_eight_threads_take_one_claim_once(opened: Open) -> None:
    tables = [opened() for _ in range(8)]
    barrier = threading.Barrier(8)

    def take(index: int, key: str) -> bool:
        barrier.wait()
        return tables[index].take(key, "s.m", runner(f"run{index}")).claim is not None

    with ThreadPoolExecutor(8) as pool:
        for key in "abcdefghij":
            assert sum(pool.map(take, range(8), key * 8)) == 1


def test_an_expired_claim_is_anybodys_and_its_first_holder_can_record_nothing(table: ClaimTable) -> None:
    first = table.take("k", "s.m", runner("one")).claim
    assert first is not None
    expire(table, "k")
    second = table.take("k", "s.m", runner("two")).claim
    assert second is not None
    with pytest.raises(ClaimLostError), transaction(table.adapter):
        table.fence(table.adapter, first)
    with transaction(table.adapter):
        table.fence(table.adapter, second)


def test_an_expired_claim_that_nobody_took_is_still_renewed(table: ClaimTable) -> None:
    claim = table.take("k", "s.m", runner("one")).claim
    assert claim is not None
    expire(table, "k")
    assert table.renew([claim]) == set()
    assert table.take("k", "s.m", runner("two")).claim is None


def test_renewing_tells_which_claims_are_lost(table: ClaimTable) -> None:
    kept, lost = (table.take(key, "s.m", runner("one")).claim for key in ("kept", "lost"))
    assert kept is not None
    assert lost is not None
    table.free("lost")
    assert table.renew([kept, lost]) == {lost}


def test_a_released_claim_is_free_and_says_how_it_ended(table: ClaimTable) -> None:
    claim = table.take("k", "s.m", runner("one")).claim
    assert claim is not None
    table.release(claim, "one", "failed", "it's 100% \\ broken ? \u00e4")
    (row,) = table.rows(["k"])
    assert (row.owner, row.last_outcome, row.last_run_id) == (None, "failed", "one")
    assert row.error == "it's 100% \\ broken ? \u00e4"
    assert row.now - (row.ended_at or 0) < 60_000


def test_a_lost_claim_is_not_released_by_its_former_holder(table: ClaimTable) -> None:
    first = table.take("k", "s.m", runner("one")).claim
    expire(table, "k")
    second = table.take("k", "s.m", runner("two")).claim
    assert first is not None
    table.release(first, "one", "done")
    (row,) = table.rows(["k"])
    assert second is not None
    assert (row.owner, row.last_outcome) == (second.owner, None)


def test_a_failure_closes_a_model_to_its_own_run_for_good_and_to_others_that_had_started(table: ClaimTable) -> None:
    claim = table.take("k", "s.m", runner("one")).claim
    assert claim is not None
    table.release(claim, "one", "failed", "no")
    (row,) = table.rows(["k"])
    assert row.ended_at is not None
    assert table.take("k", "s.m", runner("one", started=row.ended_at + 1)).claim is None
    assert table.take("k", "s.m", runner("two", started=row.ended_at)).claim is None
    assert table.take("k", "s.m", runner("two", started=row.ended_at + 1)).claim is not None


def test_the_fence_holds_until_the_recording_transaction_ends(opened: Open) -> None:
    mine, other = opened(), opened()
    claim = mine.take("k", "s.m", runner("one")).claim
    assert claim is not None
    expire(mine, "k")
    fenced, took, seen = threading.Event(), threading.Event(), []

    def record() -> None:
        def statements() -> None:
            with transaction(mine.adapter):
                mine.fence(mine.adapter, claim)
                fenced.set()
                took.wait(timeout=0.5)
                seen.append("recorded")

        retried(statements, mine.adapter)

    def take() -> None:
        fenced.wait()
        until(lambda: other.take("k", "s.m", runner("two")).claim, timeout=20)
        seen.append("taken")
        took.set()

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(record), pool.submit(take)]
    assert results[1].exception() is None
    # either recorded before the taking, or the taking came first and the recording was refused
    assert seen == ["recorded", "taken"] or isinstance(results[0].exception(), ClaimLostError)


def test_taking_does_not_wait_for_a_process_that_was_frozen_while_it_records(opened: Open) -> None:
    mine, other = opened(), opened()
    claim = mine.take("k", "s.m", runner("one")).claim
    assert claim is not None
    expire(mine, "k")
    with transaction(mine.adapter):
        mine.fence(mine.adapter, claim)
        assert other.take("k", "s.m", runner("two")).claim is None
        assert other.take("another", "s.n", runner("two")).claim is not None
    assert other.take("k", "s.m", runner("two")).claim is not None


def test_several_creators_at_once_are_harmless(opened: Open) -> None:
    with ThreadPoolExecutor(6) as pool:
        tables = list(pool.map(lambda _: opened(), range(6)))
    claims = [table.take("k", "s.m", runner(f"run{index}")).claim for index, table in enumerate(tables)]
    assert sum(claim is not None for claim in claims) == 1


def test_all_processes_of_one_run_have_the_same_start(opened: Open) -> None:
    tables = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        runners = set(pool.map(lambda table: table.start("run", "job"), tables))
    (only,) = runners
    assert abs(only.started - tables[0].now()) < 60_000


def test_keys_that_differ_in_case_or_beyond_any_columns_width_are_different(table: ClaimTable) -> None:
    names = ["db.S.Model", "db.s.model", "x" * 900 + "1", "x" * 900 + "2"]
    takings = [table.take(claim_key(name), name, runner("one")) for name in names]
    assert all(taking.claim is not None for taking in takings)


def test_an_operator_frees_by_key_or_by_model_and_the_holder_can_record_nothing(table: ClaimTable) -> None:
    claim = table.take("physical", "s.m", runner("one")).claim
    assert claim is not None
    assert [row.run_id for row in table.free("s.m")] == ["one"]
    with pytest.raises(ClaimLostError), transaction(table.adapter):
        table.fence(table.adapter, claim)
    assert table.free("physical") == []


def test_only_old_free_rows_are_purged(table: ClaimTable) -> None:
    for key in ("old", "new", "held"):
        claim = table.take(key, key, runner("one")).claim
        assert claim is not None
        if key != "held":
            table.release(claim, "one", "done")
    day = 24 * 3600 * 1000 + 1
    rewrite(table, f"ended_at = ended_at - {day}", "old", "held")
    table.purge()
    assert {row.key for row in table.rows()} == {"new", "held"}


def test_a_keeper_renews_while_its_owner_works_and_tells_a_loss(opened: Open) -> None:
    table, other = opened(), opened()
    table.lease = 0.6
    kept, lost = (table.take(key, "s.m", runner("one")).claim for key in ("kept", "lost"))
    assert kept is not None
    assert lost is not None
    told: list[Any] = []
    with LeaseKeeper(table, told.append) as keeper:
        keeper.watch(kept)
        keeper.watch(lost)
        other.free("lost")
        until(lambda: told, timeout=10)
        start = other.now()
        until(lambda: other.now() - start > 1200, timeout=10)
        assert other.take("kept", "s.m", runner("two")).claim is None
    assert told == [lost]


def test_another_state_database_is_refused() -> None:
    from meshrun.tenure import UnsupportedStateError

    class Elsewhere:
        dialect = "bigquery"

    adapter: Adapter = Elsewhere()  # type: ignore[assignment]
    with pytest.raises(UnsupportedStateError, match="state_connection"):
        ClaimTable(adapter, "state")


def test_who_lost_its_turn_restates_nothing(table: ClaimTable) -> None:
    from meshrun.fence import FencedStateSync
    from meshrun.once import one_at_a_time

    recorded = []

    class State:
        engine_adapter = table.adapter

        def add_snapshots_intervals(self, what: str) -> None:
            recorded.append(what)

        def update_auto_restatements(self, what: str) -> None:
            recorded.append(what)

    state: Any = FencedStateSync(State(), table)  # type: ignore[abstract,arg-type]
    with one_at_a_time(table, runner("one"), "restatements:prod") as state.turn:
        state.add_snapshots_intervals("mine")
        table.free("restatements:prod")
        with pytest.raises(ClaimLostError):
            state.add_snapshots_intervals("lost")
        with pytest.raises(ClaimLostError):
            state.update_auto_restatements("lost")
    assert recorded == ["mine"]
