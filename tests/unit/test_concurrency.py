"""What `concurrency` means for a run that is about to start."""

from __future__ import annotations

from datetime import timedelta

import pytest
from schedules import NOW, a_run, job

from scheduler.concurrency import Go, Refused, Turn, Waits, turn
from scheduler.runs import Run, RunState, Trigger

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def run(policy: str, state: RunState = RunState.QUEUED, *, hours: int = 0, made: int = 0, **fields: object) -> Run:
    """Make a run of the tick `hours` after the first one, made `made` seconds after it."""
    times = {"scheduled_for": NOW.replace(second=0) + hours * HOUR, "created_at": NOW + hours * HOUR + made * SECOND}
    return a_run(state, job(concurrency=policy), **{**times, **fields})


def verdict(said: Turn) -> str:
    match said:
        case Go():
            return "go"
        case Refused():
            return "refused"
        case Waits(replaced):
            return f"waits for {len(replaced)}"


AT_WORK = [RunState.STARTING, RunState.RUNNING]


@pytest.mark.parametrize("state", AT_WORK)
def test_what_is_at_work_forbids_also_an_older_run(state: RunState) -> None:
    older, newer = run("forbid"), run("forbid", state, hours=1)
    assert verdict(turn(older, [older, newer])) == "refused"


def test_of_queued_runs_the_oldest_goes_and_the_others_are_refused() -> None:
    queued = [run("forbid", hours=hour) for hour in range(3)]
    assert [verdict(turn(each, queued)) for each in queued] == ["go", "refused", "refused"]


def test_a_queued_run_that_is_cancelled_forbids_nothing() -> None:
    dead = run("forbid", cancel_requested_at=NOW)
    assert turn(run("forbid", hours=1), [dead]) == Go()


def test_the_newest_tick_replaces_the_others_whatever_they_do() -> None:
    runs = [run("replace", state, hours=hour) for hour, state in enumerate([*AT_WORK, RunState.QUEUED])]
    newest = run("replace", hours=3)
    assert turn(newest, [*runs, newest]) == Waits(tuple(each.id for each in runs))
    assert [verdict(turn(each, [*runs, newest])) for each in runs] == ["refused"] * 3


def test_the_retry_of_an_older_tick_does_not_replace_the_run_of_a_newer_one() -> None:
    newer = run("replace", RunState.RUNNING, hours=1)
    retry = run("replace", attempt=2, trigger=Trigger.RETRY, made=2 * 3600)
    assert turn(retry, [newer]) == Refused(f"run {newer.id} is newer, and the job says `concurrency: replace`")
    assert turn(newer, [retry]) == Waits((retry.id,))


def test_a_retry_by_hand_is_as_new_as_its_asking() -> None:
    newer = run("replace", RunState.RUNNING, hours=1)
    retry = run("replace", attempt=2, trigger=Trigger.RETRY, made=2 * 3600, requested_by="command line")
    assert turn(retry, [newer]) == Waits((newer.id,))


def test_allow_looks_at_nobody() -> None:
    assert turn(run("allow"), [run("allow", RunState.RUNNING, hours=1)]) == Go()
