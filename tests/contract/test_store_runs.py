"""Runs in the store: a name is a lock, every step is a compare-and-set, an end is one transaction."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from schedules import NOW, ORIGIN, a_run, job, jobfile

from scheduler.incidents import Incident, NewAlert
from scheduler.runs import ModelResult, ModelStatus, Run, RunState, Trigger, next_attempt
from scheduler.store import Ending, RunFilter, Store

LATER = NOW + timedelta(minutes=5)
RESULTS = (
    ModelResult(
        "sales.orders",
        ModelStatus.EVALUATED,
        seconds=1.25,
        rows=5_000_000_000,
        intervals=(("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),),
        audits_passed=2,
    ),
    ModelResult("sales.revenue", ModelStatus.FAILED, error="division by zero"),
    ModelResult("sales.report", ModelStatus.BLOCKED, blocked_by=("sales.revenue",)),
)


@pytest.fixture
def run(store: Store) -> Run:
    store.merge_schedule(jobfile(job(), job("other")), ORIGIN, NOW)
    made = a_run(spec=job(retries={"limit": 1}))
    assert store.create_run(made)
    return made


def failed(run: Run, was: RunState = RunState.RUNNING) -> Ending:
    ended = replace(run, state=RunState.FAILED, since=LATER, ended_at=LATER, exit_code=1, message="division by zero")
    incident = Incident(run.id, run.project, run.job, "prod", opened_at=LATER, details={"models": ["sales.revenue"]})
    alert = NewAlert(f"{run.id}/failed", {"text": "it failed"}, incident_id=incident.id)
    return Ending(ended, was, RESULTS, next_attempt(ended, LATER), incident, (alert,))


def started(store: Store, run: Run) -> Run:
    running = replace(run, state=RunState.RUNNING, since=NOW, started_at=NOW)
    assert store.move(running, was=run.state)
    return running


def test_a_run_comes_back_as_it_was(store: Store, run: Run) -> None:
    full = replace(
        run,
        id="x",
        attempt=7,
        retry_of=run.id,
        requested_by="ada",
        start="2026-01-01",
        end="2026-01-02",
        not_before=LATER,
        cancel_requested_at=LATER,
        started_at=NOW,
        ended_at=LATER,
        exit_code=3,
        message="half of it",
    )
    assert store.create_run(full)
    assert store.run("x") == full
    assert store.run("y") is None


def test_a_second_create_of_a_run_finds_the_first(store: Store, run: Run) -> None:
    assert not store.create_run(replace(run, sha="other"))
    assert store.run(run.id) == run


def test_a_manual_run_takes_the_job_as_it_stands(store: Store, run: Run) -> None:
    made = store.manual_run("analytics", "hourly", NOW, bounds=("2026-01-01", None), requested_by="ada")
    assert made is not None
    assert store.run(made.id) == made
    assert (made.trigger, made.sha, made.start, made.requested_by) == (Trigger.MANUAL, ORIGIN.sha, "2026-01-01", "ada")
    assert made.id != run.id
    assert store.manual_run("analytics", "nightly", NOW) is None


def test_a_move_is_made_only_from_where_the_run_was_seen(store: Store, run: Run) -> None:
    starting = replace(run, state=RunState.STARTING, since=LATER)
    assert store.move(starting, was=RunState.QUEUED)
    assert not store.move(starting, was=RunState.QUEUED)
    assert store.run(run.id) == starting


def test_only_finish_writes_a_final_state(store: Store, run: Run) -> None:
    with pytest.raises(ValueError, match="by finish"):
        store.move(replace(run, state=RunState.SUCCEEDED), was=RunState.QUEUED)
    with pytest.raises(ValueError, match="no final state"):
        store.finish(Ending(run, RunState.QUEUED))


def test_the_end_of_a_run_is_recorded_with_all_that_follows(store: Store, run: Run) -> None:
    ending = failed(started(store, run))
    assert store.finish(ending)
    assert store.run(run.id) == ending.run
    assert store.results(run.id) == list(RESULTS)
    assert ending.retry is not None
    assert store.run(ending.retry.id) == ending.retry
    incident = store.open_incident("analytics", "hourly", "prod")
    assert incident == replace(ending.incident, version=1) if ending.incident else False
    (alert,) = store.take_alerts(LATER)
    assert (alert.key, alert.payload, alert.incident) == (f"{run.id}/failed", {"text": "it failed"}, incident)


def test_a_run_is_finished_once(store: Store, run: Run) -> None:
    ending = failed(started(store, run))
    assert store.finish(ending)
    assert not store.finish(ending)
    assert not store.finish(replace(ending, run=replace(ending.run, state=RunState.LOST)))
    final = store.run(run.id)
    assert final is not None
    assert final.state is RunState.FAILED
    assert len(store.results(run.id)) == 3


def test_of_many_who_finish_a_run_one_does(store: Store, run: Run) -> None:
    ending = failed(started(store, run))
    together = threading.Barrier(6)

    def attempt(_: int) -> bool:
        together.wait()
        return store.finish(ending)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, range(6))) == [False] * 5 + [True]
    assert len(store.alerts()) == 1


@pytest.mark.parametrize("last", ["insert_new", "_write_incident"])
def test_an_end_that_breaks_in_the_middle_is_not_there_at_all(
    store: Store, run: Run, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = failed(started(store, run))

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(store, last, fail)
        with pytest.raises(RuntimeError):
            store.finish(ending)
    assert store.run(run.id) == replace(run, state=RunState.RUNNING, started_at=NOW)
    assert (store.results(run.id), store.alerts(), store.incidents()) == ([], [], [])
    assert store.finish(ending)


def test_an_end_decided_on_an_older_incident_is_refused(store: Store, run: Run) -> None:
    first = failed(started(store, run))
    second_run = replace(run, id="second", attempt=9)
    store.create_run(second_run)
    second = failed(started(store, second_run))
    assert store.finish(first)
    assert not store.finish(second)  # it would open a second incident
    assert store.run("second") == replace(second_run, state=RunState.RUNNING, started_at=NOW)
    seen = store.open_incident("analytics", "hourly", "prod")
    assert seen is not None
    assert store.finish(replace(second, incident=replace(seen, failures=2), alerts=()))
    now = store.open_incident("analytics", "hourly", "prod")
    assert now == replace(seen, failures=2, version=2)
    third = a_run(RunState.RUNNING, attempt=8)
    store.create_run(third)
    ended = replace(third, state=RunState.FAILED, ended_at=LATER)
    assert not store.finish(Ending(ended, RunState.RUNNING, incident=replace(seen, failures=9)))  # read too early
    assert (store.open_incident("analytics", "hourly", "prod"), store.run(third.id)) == (now, third)


def test_a_closed_incident_leaves_room_for_the_next(store: Store, run: Run) -> None:
    assert store.finish(failed(started(store, run)))
    seen = store.open_incident("analytics", "hourly", "prod")
    better = replace(run, id="better", attempt=9)
    store.create_run(better)
    assert seen is not None
    good = replace(better, state=RunState.SUCCEEDED, since=LATER, ended_at=LATER)
    closed = replace(seen, closed_at=LATER, closed_by_run="better")
    assert store.finish(Ending(good, RunState.QUEUED, incident=closed))
    assert store.open_incident("analytics", "hourly", "prod") is None
    assert [one.closed_by_run for one in store.incidents(open_only=False)] == ["better"]
    third = replace(run, id="third", attempt=10)
    store.create_run(third)
    assert store.finish(failed(started(store, third)))


def test_a_cancel_is_asked_once_and_only_of_the_living(store: Store, run: Run) -> None:
    assert store.request_cancel(run.id, NOW)
    assert store.request_cancel(run.id, LATER)
    asked = store.run(run.id)
    assert asked is not None
    assert asked.cancel_requested_at == NOW
    assert store.finish(failed(started(store, asked)))
    assert not store.request_cancel(run.id, LATER)
    assert not store.request_cancel("unknown", LATER)


def test_a_run_cancelled_while_its_end_is_written_gets_no_next_attempt(store: Store, run: Run) -> None:
    seen = started(store, run)
    store.request_cancel(run.id, NOW)
    assert not store.finish(failed(seen)), "what it was decided on is no longer true"
    asked = store.run(run.id)
    assert asked is not None
    assert not asked.state.is_final
    assert store.finish(failed(asked))


def test_only_what_is_under_way_at_a_place_or_was_cancelled_has_to_be_looked_at(store: Store) -> None:
    store.merge_schedule(jobfile(job()), ORIGIN, NOW)
    store.merge_schedule(jobfile(job()), ORIGIN, NOW)
    ticks = [NOW.replace(second=0) + timedelta(hours=hour) for hour in range(5)]
    runs = [a_run(scheduled_for=tick) for tick in ticks]
    for each in runs:
        store.create_run(each)
    here, there, of_old, cancelled, waiting = runs
    for each, place in ((here, "here"), (there, "there"), (of_old, None)):
        assert store.move(replace(each, state=RunState.STARTING, place=place), RunState.QUEUED)
    store.request_cancel(cancelled.id, NOW)
    assert [run.id for run in store.observable("here")] == [here.id, of_old.id, cancelled.id]
    assert waiting.id in {run.id for run in store.active()}


def test_a_cancel_that_comes_between_is_not_lost(store: Store, run: Run) -> None:
    store.request_cancel(run.id, NOW)
    assert store.move(replace(run, state=RunState.STARTING), was=RunState.QUEUED)
    moved = store.run(run.id)
    assert moved is not None
    assert moved.cancel_requested_at == NOW


def test_runs_are_listed_newest_first_by_what_is_asked(store: Store, run: Run) -> None:
    for hours in range(1, 4):
        at = NOW + timedelta(hours=hours)
        spec = job("other") if hours == 3 else job()
        store.create_run(a_run(spec=spec, scheduled_for=at.replace(second=0), created_at=at, since=at))
    listed = store.runs()
    assert [one.created_at for one in listed] == sorted([one.created_at for one in listed], reverse=True)
    assert len(store.runs(RunFilter(job="hourly"))) == 3
    assert len(store.runs(RunFilter(project="analytics"), limit=2)) == 2
    assert store.runs(RunFilter(project="sales")) == store.runs(RunFilter(projects=frozenset({"sales"}))) == []
    assert len(store.runs(RunFilter(projects=frozenset({"sales", "analytics"})), limit=2)) == 2
    assert store.runs(RunFilter(projects=frozenset())) == []
    assert len(store.runs(RunFilter(states=frozenset({RunState.QUEUED})))) == 4
    assert [one.id for one in store.runs(RunFilter(before=listed[2].created_at))] == [run.id]
    assert store.active()[0] == run
    assert len(store.active(limit=2)) == 2
