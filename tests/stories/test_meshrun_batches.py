"""Overlapping runs share what is done in pieces: batches side by side, partial intervals, what signals hold back."""

from __future__ import annotations

import pytest
from projects import DAY_MS, Project, fresh_database, model, write_project
from waiting import until

pytestmark = [pytest.mark.xdist_group("batches"), pytest.mark.slow]

DAYS = 6
DAY = "SELECT day AS ds FROM generate_series(@start_ts::timestamp, @end_ts, '1 day'::interval) AS t(day)"
TIMED = "INCREMENTAL_BY_TIME_RANGE (time_column ds{})"
MODELS = {
    "s.batched": model("s.batched", TIMED.format(", batch_size 2, batch_concurrency 2"), DAY, sleep=0.5),
    "s.appended": model("s.appended", "INCREMENTAL_UNMANAGED", DAY, sleep=0.5),
    "s.one_by_one": model("s.one_by_one", "INCREMENTAL_BY_UNIQUE_KEY (unique_key ds, batch_size 3)", DAY, sleep=0.5),
    "s.partial": model("s.partial", TIMED.format(""), DAY, sleep=0.5, more="allow_partials true"),
    "s.signalled": model("s.signalled", TIMED.format(""), DAY, more="signals (but_the_last())"),
}
SIGNAL = """
from sqlmesh import signal

@signal()
def but_the_last(batch):
    return batch[:-1]
"""
PIECES = {"s.batched": 3, "s.appended": 1, "s.one_by_one": 2, "s.signalled": 1}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Project:
    models = {f"{name}.sql": text for name, text in MODELS.items()}
    models |= {"../signals/__init__.py": "", "../signals/days.py": SIGNAL}
    made = write_project(tmp_path_factory.mktemp("batches") / "project", fresh_database(postgres_server), models)
    made.plan("prod", "--empty-backfill")
    return made


@pytest.fixture
def project(planned: Project) -> Project:
    planned.owe(days=DAYS)
    return planned


def assert_all_is_there_once(project: Project) -> None:
    done = project.evaluations()
    done.pop("s.partial")
    assert done == PIECES
    for name in ("s.batched", "s.appended", "s.one_by_one"):
        query = f"SELECT count(*)::int, count(DISTINCT ds)::int FROM {name}"  # noqa: S608
        assert (name, project.rows(query)) == (name, [(DAYS, DAYS)])
    assert project.rows("SELECT count(DISTINCT ds)::int FROM s.signalled") == [(DAYS - 1,)]


def test_processes_of_one_run_do_each_piece_once(project: Project) -> None:
    running = [project.start("--run-id", "shared", "--max-concurrent-models", "3") for _ in range(3)]
    done = [each.finish() for each in running]
    assert [each.code for each in done] == [0, 0, 0], [each.output for each in done]
    assert_all_is_there_once(project)
    # never recorded as done, so that each run looks again; but no process looks where another of its run has looked
    assert project.evaluations()["s.partial"] == 1
    assert [each.statuses().get("s.partial") for each in done].count("evaluated") == 1


def test_runs_of_different_jobs_do_each_piece_once(project: Project) -> None:
    first = project.start("--job", "a", "--max-concurrent-models", "3")
    until(project.sleeping, timeout=60)
    second = project.start("--job", "b")
    done = [first.finish(), second.finish()]
    assert [each.code for each in done] == [0, 0], [each.output for each in done]
    assert_all_is_there_once(project)


def test_a_run_that_is_bounded_does_what_lies_between_and_no_more(project: Project) -> None:
    ((low,),) = project.rows("SELECT max(end_ts) FROM sqlmesh._intervals")
    day = project.rows(f"SELECT to_timestamp({low + DAY_MS} / 1000.0)::date::text")[0][0]
    ended = project.run("--select", "s.batched", "--start", day, "--end", day)
    ((start, end),) = ended.models()["s.batched"]["intervals"]
    assert start.startswith(day), ended.output
    assert project.rows("SELECT ds::date::text FROM s.batched") == [(day,)]
    assert start < end
    assert project.run("--select", "s.batched").code == 0
    assert project.rows("SELECT count(*)::int, count(DISTINCT ds)::int FROM s.batched") == [(DAYS, DAYS)]
