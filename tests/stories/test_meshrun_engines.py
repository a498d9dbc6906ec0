"""Claiming end to end where the state or the warehouse is not one Postgres: MariaDB, DuckDB, several gateways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from mariadb import find, mariadb
from projects import LOG, Project, fresh_database, model, postgres_gateway, write_project
from waiting import until

pytestmark = [pytest.mark.xdist_group("engines"), pytest.mark.slow]

DAY = "SELECT @start_ts::timestamp AS ds, 1 AS id"
MODELS = {
    "s.by_time": model("s.by_time", "INCREMENTAL_BY_TIME_RANGE (time_column ds)", DAY, gated=True),
    "s.appended": model("s.appended", "INCREMENTAL_UNMANAGED", DAY, gated=True),
    "s.full": model("s.full", "FULL", "SELECT count(*)::int AS n FROM s.by_time"),
}
ONCE = dict.fromkeys(MODELS, 1)


@pytest.fixture(scope="module")
def mariadb_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if find("mariadbd") is None:
        pytest.skip("no MariaDB on this machine (Debian: apt-get install mariadb-server)")
    with mariadb(tmp_path_factory.mktemp("mariadb")) as port:
        yield port


def write(folder: Path, url: str, models: dict[str, str], gateways: str) -> Project:
    """Write a project on Postgres whose gateways are these."""
    made = write_project(folder, url, {f"{name}.sql": text for name, text in models.items()})
    defaults = "default_gateway: here\nmodel_defaults: {dialect: postgres, start: 2026-11-01}\n"
    (folder / "config.yaml").write_text(f"gateways:\n{gateways}{defaults}")
    return made


def overlap(project: Project) -> list[dict[str, str]]:
    """Let two runs of different jobs overlap on the gated models; return what became of each model in each."""
    project.gate(is_open=False)
    first = project.start("--job", "a")
    until(lambda: project.sleeping() == 2, timeout=100)
    second = project.start("--job", "b")
    until(second.lines, timeout=100)
    project.gate(is_open=True)
    done = [first.finish(), second.finish()]
    assert [each.code for each in done] == [0, 0], [each.output for each in done]
    return [each.statuses() for each in done]


def test_the_state_in_mariadb_and_the_warehouse_in_postgres(
    tmp_path: Path, postgres_server: str, mariadb_port: int
) -> None:
    url = fresh_database(postgres_server)
    state = f"{{type: mysql, host: 127.0.0.1, port: {mariadb_port}, user: root, password: ''}}"
    gateway = f"  here:\n    connection: {postgres_gateway(url)}\n    state_connection: {state}\n"
    project = write(tmp_path / "project", url, MODELS, gateway)
    applied = project.sqlmesh("plan", "prod", "--auto-apply", "--no-prompts", "--skip-tests", "--empty-backfill")
    assert applied.code == 0, applied.output
    with pymysql.connect(host="127.0.0.1", port=mariadb_port, user="root", autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE sqlmesh._intervals SET end_ts = end_ts - 86400000")
        first, second = overlap(project)
        assert set(first.values()) == {"evaluated"}
        assert second["s.by_time"] == second["s.appended"] == "up_to_date"
        assert project.evaluations() == ONCE
        cursor.execute("SELECT count(*) FROM sqlmesh._meshbot_claims WHERE owner IS NOT NULL")
        assert cursor.fetchone() == (0,)
    assert project.run().end["outcome"] == "noop"
    assert project.start_command("janitor", str(project.folder)).finish().code == 0


def test_each_model_is_guarded_in_the_warehouse_of_its_own_gateway(tmp_path: Path, postgres_server: str) -> None:
    here, there = fresh_database(postgres_server), fresh_database(postgres_server)
    models = MODELS | {"s.there": model("s.there", "INCREMENTAL_UNMANAGED", DAY, more="gateway there")}
    gateways = [
        f"  {name}:\n    connection: {postgres_gateway(url)}\n" for name, url in (("here", here), ("there", there))
    ]
    managed = "gateway_managed_virtual_layer: true\n"
    project = write(tmp_path / "project", here, models, "".join(gateways) + managed)
    Project(project.folder, there).execute(LOG)
    project.plan("prod", "--empty-backfill")
    project.owe()
    first, second = overlap(project)
    assert len(first | second) == len(models)
    assert project.evaluations() == ONCE
    assert Project(project.folder, there).evaluations() == {"s.there": 1}
    book = "SELECT count(*)::int FROM {}._meshrun_receipts WHERE start_ts = -1"
    schema = "SELECT schemaname FROM pg_tables WHERE tablename = '_meshrun_receipts'"
    for url, held in ((here, 3), (there, 1)):
        warehouse = Project(project.folder, url)
        ((name,),) = warehouse.rows(schema)
        assert warehouse.rows(book.format(name)) == [(held,)]


DUCK = {
    "by_time.sql": "MODEL (name s.by_time, kind INCREMENTAL_BY_TIME_RANGE (time_column ds), cron '@daily');"
    " SELECT @start_ts::timestamp AS ds;",
    "appended.sql": "MODEL (name s.appended, kind INCREMENTAL_UNMANAGED, cron '@daily');"
    " SELECT @start_ts::timestamp AS ds;",
    "full.sql": "MODEL (name s.full, kind FULL, cron '@daily'); SELECT count(*)::int AS n FROM s.by_time;",
}


@pytest.mark.parametrize("state", ["", "    state_connection: {type: duckdb, database: state.db}\n"])
def test_duckdb_alone(tmp_path: Path, state: str) -> None:
    """A file of DuckDB belongs to one process, so runs cannot overlap there; they go one after the other."""
    import duckdb

    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    for name, text in DUCK.items():
        (folder / "models" / name).write_text(text)
    here = f"    connection: {{type: duckdb, database: '{folder}/warehouse.db'}}\n"
    (folder / "config.yaml").write_text(
        f"gateways:\n  here:\n{here}{state.replace('state.db', f'{folder}/state.db')}"
        "model_defaults: {dialect: duckdb, start: 2026-11-29}\n"
    )
    project = Project(folder, "")
    applied = project.sqlmesh("plan", "prod", "--auto-apply", "--no-prompts", "--skip-tests", "--empty-backfill")
    assert applied.code == 0, applied.output
    with duckdb.connect(str(folder / ("state.db" if state else "warehouse.db"))) as connection:
        connection.execute("UPDATE sqlmesh._intervals SET end_ts = end_ts - 86400000")
    ended = project.run()
    assert ended.statuses() == dict.fromkeys(MODELS, "evaluated"), ended.output
    assert project.run().end["outcome"] == "noop"
    assert project.start_command("claims", str(folder)).finish().lines == []
    assert project.start_command("janitor", str(folder)).finish().code == 0
    with duckdb.connect(str(folder / "warehouse.db")) as connection:
        assert connection.execute("SELECT count(*) FROM s.appended").fetchall() == [(1,)]
        assert connection.execute("SELECT n FROM s.full").fetchall() == [(1,)]
