"""The migrations: from nothing to the tables that the code knows, by any number of processes at once."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from schedules import NOW, ORIGIN, job, jobfile
from sqlalchemy import inspect, text

from scheduler.errors import Retryable, UserError
from scheduler.store import Store
from scheduler.store.tables import metadata

MIGRATE = """
import sys
from scheduler.store import Store
store = Store(sys.argv[1])
import scheduler.migrations
print("ready", flush=True)
sys.stdin.readline()
store.migrate()
store.close()
"""


def test_the_migrated_schema_is_the_one_that_the_code_knows(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        tables = set(inspect(connection).get_table_names())
    assert tables == set(metadata.tables) | {"alembic_version"}


def test_migrating_again_changes_nothing(store: Store) -> None:
    store.merge_schedule(jobfile(job()), ORIGIN, NOW)
    store.migrate()
    assert len(store.jobs()) == 1


def test_two_processes_migrate_at_once(store_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", MIGRATE, store_url]
    pipe = subprocess.PIPE
    crowd = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in crowd:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=120)[1] for process in crowd]
    assert [process.returncode for process in crowd] == [0, 0], errors
    store = Store(store_url)
    assert store.jobs() == []
    store.close()


def test_a_migration_that_breaks_leaves_the_database_as_it_was(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(store_url)
    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.migrate()
    with store.reading() as connection:
        assert not set(inspect(connection).get_table_names()) & set(metadata.tables)
    store.migrate()
    store.close()


def test_times_are_kept_in_utc(store: Store) -> None:
    berlin = datetime.fromisoformat("2026-07-01T12:00:00.000123+02:00")
    store.merge_schedule(jobfile(job()), ORIGIN, berlin)
    merged = store.projects()[0].merged_at
    assert merged == berlin
    assert merged.tzinfo is UTC


def test_sqlite_keeps_its_promises(store: Store) -> None:
    if store.is_postgres:
        pytest.skip("of SQLite only")
    with store.reading() as connection:
        pragmas = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")]
    assert pragmas == ["wal", 1]


@pytest.mark.parametrize("url", ["mysql://host/db", "not a url", "oracle://x"])
def test_a_database_that_is_not_supported_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="write sqlite:///file or postgresql://"):
        Store(url)


def test_a_database_out_of_reach_can_be_tried_again() -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(Retryable, match="Meshbot's database"):
        store.ping()


def test_a_database_without_tables_says_what_to_do(store_url: str) -> None:
    store = Store(store_url)
    with pytest.raises(UserError, match="meshbot migrate"):
        store.jobs()
    store.close()
