"""A run is frozen (SIGSTOP) for longer than its lease, at the worst moments, and then goes on (SIGCONT).

Its successor has evaluated meanwhile: nothing that the frozen run does afterwards may change what is there.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psycopg
import pytest
from projects import PHYSICAL, Project, Running, fresh_database, model, write_project
from waiting import until

pytestmark = [pytest.mark.xdist_group("frozen"), pytest.mark.slow]

LEASE = {"MESHRUN_LEASE": "2"}
DAY = "SELECT @start_ts::timestamp AS ds, 1 AS id, clock_timestamp() AS at"
MODELS = {
    "s.by_time": model("s.by_time", "INCREMENTAL_BY_TIME_RANGE (time_column ds)", DAY, gated=True),
    "s.appended": model("s.appended", "INCREMENTAL_UNMANAGED", DAY, gated=True),
    "s.at_once": model("s.at_once", "INCREMENTAL_UNMANAGED", DAY),
    "s.full": model("s.full", "FULL", "SELECT clock_timestamp() AS at", gated=True),
}

GATED = ("s.by_time", "s.appended", "s.full")
FIRST_STALLS = """
CREATE OR REPLACE FUNCTION log.stall_first() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
  IF NOT (SELECT open FROM log.gate) AND pg_try_advisory_lock(1) THEN PERFORM log.pass(); END IF;
  RETURN NULL;
END'
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Project:
    models = {f"{name}.sql": text for name, text in MODELS.items()}
    made = write_project(tmp_path_factory.mktemp("frozen") / "project", fresh_database(postgres_server), models)
    made.plan("prod", "--empty-backfill")
    return made


@pytest.fixture
def project(planned: Project) -> Iterator[Project]:
    planned.owe()
    yield planned
    planned.gate(is_open=True)


def evaluating(project: Project, name: str) -> Running:
    """Start a run that is in the middle of its evaluation, waiting at the gate."""
    project.gate(is_open=False)
    running = project.start("--select", name, "--run-id", "first", **LEASE)
    until(project.sleeping, timeout=60)
    return running


def succeed(project: Project, name: str) -> None:
    """Let another run take the claim over, when it has expired, and end."""
    second = project.run("--select", name, "--run-id", "second", **LEASE)
    assert second.statuses() == {name: "evaluated"}, second.output


def go_on(running: Running) -> None:
    running.kill(signal.SIGCONT)
    ended = running.finish()
    assert (ended.code, set(ended.statuses().values())) == (0, {"up_to_date"}), ended.output


@pytest.mark.parametrize("name", GATED)
def test_frozen_in_its_evaluation(project: Project, name: str) -> None:
    running = evaluating(project, name)
    running.kill(signal.SIGSTOP)
    project.gate(is_open=True)
    succeed(project, name)
    (seen,) = project.rows(f"SELECT at FROM {name}")  # noqa: S608
    go_on(running)
    assert project.rows(f"SELECT at FROM {name}") == [seen]  # noqa: S608
    assert project.evaluations() == {name: 1}
    assert project.run("--select", name).end["outcome"] == "noop"


def test_frozen_between_taking_a_claim_and_saying_so_in_the_warehouse(project: Project) -> None:
    """It writes its name over its successor's when it goes on, and must not believe it."""
    assert project.run("--select", "s.at_once", **LEASE).code == 0  # the table of receipts is there now
    project.owe_again()
    (place,) = (table for (table,) in project.rows(PHYSICAL) if table.endswith("_meshrun_receipts"))
    project.execute(FIRST_STALLS)
    project.execute(f"CREATE TRIGGER stall BEFORE UPDATE ON {place} EXECUTE FUNCTION log.stall_first()")
    project.gate(is_open=False)
    running = project.start("--select", "s.at_once", "--run-id", "first", **LEASE)
    until(project.sleeping, timeout=60)
    running.kill(signal.SIGSTOP)
    succeed(project, "s.at_once")
    project.gate(is_open=True)
    until(lambda: not project.sleeping(), timeout=60)
    go_on(running)
    assert project.evaluations() == {"s.at_once": 1}
    project.execute(f"DROP TRIGGER stall ON {place}")


def test_a_frozen_recorder_stops_nobody_else(project: Project) -> None:
    """Frozen in the transaction that records, it keeps the row of its claim locked: others go on with other models."""
    project.gate(is_open=True)
    assert project.run("--select", "s.full", **LEASE).code == 0
    project.owe_again()
    with psycopg.connect(project.url) as blocker:
        blocker.execute("SELECT 1 FROM sqlmesh._meshbot_claims WHERE model = 's.full' FOR UPDATE")
        ended = project.start("--run-id", "second", **LEASE)
        until(lambda: ended.evaluated() == {"s.by_time", "s.appended", "s.at_once"}, timeout=60)
    assert ended.finish().statuses() == dict.fromkeys(MODELS, "evaluated")
