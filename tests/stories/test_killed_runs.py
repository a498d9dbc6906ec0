"""A run is killed with SIGKILL, again and again: afterwards every interval is there once and nothing is stuck."""

from __future__ import annotations

import itertools
import random
import threading

import psycopg
import pytest
from projects import Project, Running, fresh_database, model, write_project
from waiting import until

pytestmark = [pytest.mark.xdist_group("killed"), pytest.mark.slow]

DAYS = 40
KILLS = 20
SECONDS = 0.4
LEASE = {"MESHRUN_LEASE": "1.5"}
DAY = (
    "SELECT day AS ds, day::text AS id FROM generate_series(@start_ts::timestamp, @end_ts, '1 day'::interval) AS t(day)"
)
HELD = """
SELECT count(*)::int FROM sqlmesh._meshbot_claims
WHERE owner IS NOT NULL AND expires_at >= extract(epoch from clock_timestamp()) * 1000
"""
APPENDED = [f"s.appended_{number}" for number in range(16)]
MODELS = {
    "s.by_time": model(
        "s.by_time",
        "INCREMENTAL_BY_TIME_RANGE (time_column ds, batch_size 1, batch_concurrency 1)",
        f"{DAY} WHERE day BETWEEN @start_ts AND @end_ts",
        sleep=SECONDS,
    ),
    "s.by_key": model("s.by_key", "INCREMENTAL_BY_UNIQUE_KEY (unique_key id, batch_size 1)", DAY, sleep=SECONDS),
    APPENDED[0]: model(APPENDED[0], "INCREMENTAL_UNMANAGED", DAY, sleep=SECONDS),
} | {
    below: model(below, "INCREMENTAL_UNMANAGED", f"SELECT ds, id FROM {above}", sleep=SECONDS)  # noqa: S608
    for above, below in itertools.pairwise(APPENDED)
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Project:
    models = {f"{name}.sql": text for name, text in MODELS.items()}
    made = write_project(tmp_path_factory.mktemp("killed") / "project", fresh_database(postgres_server), models)
    made.plan("prod", "--empty-backfill")
    return made


@pytest.fixture
def project(planned: Project) -> Project:
    planned.owe(days=1)
    return planned


def assert_each_interval_once(project: Project, days: int, *names: str) -> None:
    for name in names:
        query = f"SELECT count(*)::int, count(DISTINCT id)::int FROM {name}"  # noqa: S608
        assert (name, project.rows(query)) == (name, [(days, days)])
    committed = project.evaluations()
    appended = [name for name in names if name in APPENDED]
    assert {name: committed[name] for name in appended} == dict.fromkeys(appended, 1)


def assert_nothing_is_stuck(project: Project, *arguments: str) -> None:
    until(lambda: project.rows(HELD) == [(0,)], timeout=10)
    again = project.run(*arguments)
    assert (again.code, again.end["outcome"]) == (0, "noop"), again.output


@pytest.mark.timeout(900)
def test_twenty_kills_at_random_moments(project: Project) -> None:
    project.owe(days=DAYS)
    moments = random.Random(3866)  # noqa: S311 - the same moments in every test run
    for number in range(KILLS):
        # a job of its own: a later run of the same job would leave to a dead one what it holds, until its lease ends
        killed = project.start("--job", f"job-{number}", **LEASE)
        until(lambda killed=killed: killed.evaluates(), timeout=100)
        threading.Event().wait(moments.uniform(0.0, 1.2))
        killed.kill()
        assert killed.finish().code == -9
    last = project.run(**LEASE)
    assert (last.code, last.end["outcome"]) == (0, "succeeded"), last.output
    assert_each_interval_once(project, DAYS, *MODELS)
    assert_nothing_is_stuck(project)


def test_killed_between_the_commit_and_the_record(project: Project) -> None:
    """The interval is in the warehouse and not in the state: it is recorded, not evaluated again."""
    killed = project.start("--select", APPENDED[0], **LEASE)
    killed.await_evaluating(APPENDED[0])
    with psycopg.connect(project.url) as blocker:
        blocker.execute("SELECT 1 FROM sqlmesh._meshbot_claims WHERE model = 's.appended_0' FOR UPDATE")
        until(lambda: project.evaluations().get(APPENDED[0]), timeout=30)
        assert project.rows("SELECT count(*)::int FROM s.appended_0") == [(1,)]
        killed.kill()
        killed.finish()
    finish(project)


def test_killed_between_the_record_and_the_release(project: Project) -> None:
    killed = stalled(project, "OLD.owner IS NOT NULL AND NEW.owner IS NULL AND NEW.model = 's.appended_0'")
    until(lambda: project.evaluations().get(APPENDED[0]), timeout=60)
    until(lambda: stalls(project), timeout=30)
    killed.kill()
    killed.finish()
    finish(project)


def test_killed_while_taking(project: Project) -> None:
    killed = stalled(project, "OLD.owner IS NULL AND NEW.owner IS NOT NULL AND NEW.model = 's.appended_0'")
    until(lambda: stalls(project), timeout=60)
    killed.kill()
    killed.finish()
    finish(project)


def stalled(project: Project, when: str) -> Running:
    """Start a run that hangs for a while in the statement that changes its claim in this way."""
    assert project.run("--select", "s.by_time", **LEASE).code == 0  # the table of claims is there now
    project.owe_again()
    project.execute("""
        CREATE OR REPLACE FUNCTION log.stall() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(2) /* stall */; RETURN NEW; END'
    """)
    project.execute("DROP TRIGGER IF EXISTS stall ON sqlmesh._meshbot_claims")
    project.execute(
        f"CREATE TRIGGER stall BEFORE UPDATE ON sqlmesh._meshbot_claims FOR EACH ROW WHEN ({when}) "
        "EXECUTE FUNCTION log.stall()"
    )
    return project.start("--select", APPENDED[0], **LEASE)


def stalls(project: Project) -> bool:
    query = "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'UPDATE%_claims%'"
    return project.rows(query) != [(0,)]


def finish(project: Project) -> None:
    project.execute("DROP TRIGGER IF EXISTS stall ON sqlmesh._meshbot_claims")
    last = project.run("--select", APPENDED[0], **LEASE)
    assert last.code == 0, last.output
    assert_each_interval_once(project, 1, APPENDED[0])
    assert_nothing_is_stuck(project, "--select", APPENDED[0])
