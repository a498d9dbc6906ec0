"""The tick ledger: what is due becomes runs, once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from schedules import NOW, ORIGIN, a_run, job, jobfile
from sqlalchemy import event, text

from scheduler import clock
from scheduler.jobfile import Job
from scheduler.runs import RunState, Trigger
from scheduler.store import Store

HOUR = timedelta(hours=1)
NEXT = datetime.fromisoformat("2026-01-05T07:00Z")


@pytest.fixture
def hourly(store: Store) -> Job:
    wanted = job(catch_up={"policy": "all"})
    store.merge_schedule(jobfile(wanted), ORIGIN, NOW)
    return wanted


def tick(store: Store, now: datetime) -> list[str]:
    return store.record_ticks(now, lambda due: clock.plan(due, now)).run_ids


@pytest.mark.usefixtures("hourly")
def test_nothing_is_due_early(store: Store) -> None:
    assert tick(store, NEXT - timedelta(microseconds=1)) == []
    assert store.active() == []


def test_a_due_tick_is_one_queued_run_of_the_projects_commit(store: Store, hourly: Job) -> None:
    now = NEXT + timedelta(seconds=1)
    (run_id,) = tick(store, now)
    run = store.run(run_id)
    assert run == a_run(spec=hourly, scheduled_for=NEXT, created_at=now, since=now)
    assert tick(store, now) == []
    row = store.job("analytics", "hourly")
    assert row is not None
    assert (row.last_tick, row.next_tick) == (NEXT, NEXT + HOUR)


@pytest.mark.usefixtures("hourly")
def test_ticks_of_an_outage_are_caught_up_in_one_transaction(store: Store) -> None:
    assert len(tick(store, NEXT + 2.5 * HOUR)) == 3
    assert [run.trigger for run in store.active()] == [Trigger.CATCH_UP] * 3


@pytest.mark.usefixtures("hourly")
def test_a_clock_that_goes_back_a_little_makes_nothing_twice(store: Store) -> None:
    tick(store, NEXT + timedelta(seconds=30))
    assert tick(store, NEXT - timedelta(seconds=30)) == []
    assert clock.repair(store, NEXT - timedelta(seconds=30)) == 0
    assert tick(store, NEXT + timedelta(seconds=40)) == []
    assert len(store.active()) == 1


def test_a_clock_that_was_years_ahead_does_not_stop_the_job_for_years(store: Store) -> None:
    store.merge_schedule(jobfile(job()), ORIGIN, NOW)
    (future,) = tick(store, NEXT + timedelta(days=900))
    assert store.next_due() == NEXT + timedelta(days=900) + HOUR
    assert clock.repair(store, NEXT + timedelta(minutes=1)) == 1
    assert tick(store, NEXT + HOUR) == ["analytics-hourly-20260105t0800"]
    assert clock.repair(store, NEXT + HOUR) == 0
    assert store.run(future) is not None


def test_a_tick_that_has_its_run_gets_no_second_one(store: Store, hourly: Job) -> None:
    store.create_run(a_run(spec=hourly, scheduled_for=NEXT, state=RunState.RUNNING))
    tick(store, NEXT)
    (run,) = store.active()
    assert run.state is RunState.RUNNING


def test_missed_ticks_are_recorded_until_told(store: Store) -> None:
    store.merge_schedule(jobfile(job()), ORIGIN, NOW)
    tick(store, NEXT + 2.5 * HOUR)
    (missed,) = store.untold_missed()
    assert (missed.job, missed.first, missed.last, missed.count) == ("hourly", NEXT, NEXT + HOUR, 2)
    store.tell_missed([missed.id], [], NEXT + 3 * HOUR)
    assert store.untold_missed() == []


def test_a_batch_takes_the_longest_due_first(store: Store) -> None:
    jobs = [job(f"j{minute:02}", f"{minute} * * * *") for minute in (20, 10, 40, 30)]
    store.merge_schedule(jobfile(*jobs), ORIGIN, NOW)
    now = NEXT + timedelta(minutes=50)
    batch = store.record_ticks(now, lambda due: clock.plan(due, now), limit=3)
    assert batch.jobs == 3
    assert {run_id.split("-")[1] for run_id in batch.run_ids} == {"j10", "j20", "j30"}


@pytest.mark.usefixtures("hourly")
def test_a_decision_that_fails_leaves_everything_due(store: Store) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        store.record_ticks(NEXT, fail)
    assert store.next_due() == NEXT
    assert len(tick(store, NEXT)) == 1


def test_unqueued_are_the_runs_that_should_be_in_the_queue(store: Store, hourly: Job) -> None:
    kinds = {
        "waiting": a_run(spec=hourly),
        "held back": a_run(spec=hourly, attempt=2, not_before=NOW + HOUR),
        "running": a_run(RunState.RUNNING, hourly, attempt=3),
        "young": a_run(spec=hourly, attempt=4, since=NOW + timedelta(seconds=9)),
    }
    for run in kinds.values():
        assert store.create_run(run)
    at = NOW + timedelta(seconds=10)
    assert store.unqueued(at, timedelta(seconds=2)) == [kinds["waiting"].id]
    assert set(store.unqueued(NOW + HOUR)) == {kinds[kind].id for kind in ("waiting", "held back", "young")}


def test_what_is_due_is_found_by_an_index(store: Store, hourly: Job) -> None:
    many = [job(f"j{number}", "0 5 * * *") for number in range(2000)]
    store.merge_schedule(jobfile(hourly, *many), ORIGIN, NOW)
    with store.writing() as connection:
        connection.execute(text("ANALYZE"))
    asked: list[tuple[str, object]] = []
    event.listen(store._engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    tick(store, NEXT)
    store.next_due()
    for statement, values in [(sql, values) for sql, values in asked if sql.startswith("SELECT")]:
        explain = "EXPLAIN " if store.is_postgres else "EXPLAIN QUERY PLAN "
        with store.reading() as connection:
            plan = str(connection.exec_driver_sql(explain + statement, values).all())
        assert "ix_jobs_next_tick" in plan, plan
