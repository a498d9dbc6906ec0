"""The transition table of a run, whole: every state, every observation, every way to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedules import NOW, a_run, job

from scheduler.observations import Absent, Exited, Observation, Pending, Running
from scheduler.runs import ACTIVE, LAUNCH_GRACE, RETRIED, Report, RunState, Trigger, advance, next_attempt

Q, S, R = RunState.QUEUED, RunState.STARTING, RunState.RUNNING
OK, PARTIAL, FAILED, NOOP = RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.NOOP
INTERRUPTED, CANCELLED, TIMED_OUT, LOST = (
    RunState.INTERRUPTED,
    RunState.CANCELLED,
    RunState.TIMED_OUT,
    RunState.LOST,
)
LATER = NOW + timedelta(minutes=5)
STARTED = NOW + timedelta(seconds=3)
ENDED = NOW + timedelta(minutes=4)
FINAL = [state for state in RunState if state.is_final]
OBSERVATIONS: list[Observation] = [
    Absent(),
    Pending(),
    Running(STARTED),
    *[Exited(code, ENDED) for code in (0, 1, 2, 3, 4, 5, 137, -9, None)],
    *[Exited(None, ENDED, reason) for reason in ("timed_out", "cancelled", "lost", "setup_failed")],
]


@pytest.mark.parametrize(
    ("state", "observed", "becomes"),
    [
        (Q, Absent(), Q),
        (Q, Pending(), S),  # launched, and the worker died before it wrote that down
        (Q, Running(STARTED), R),
        (S, Absent(), Q),  # the worker died before it launched: after a grace, back to the queue
        (S, Pending(), S),
        (S, Running(STARTED), R),
        (R, Absent(), LOST),
        (R, Pending(), R),
        (R, Running(STARTED), R),
    ],
)
def test_a_living_run_follows_its_place(state: RunState, observed: Observation, becomes: RunState) -> None:
    run = a_run(state)
    after = advance(run, observed, Report(), LATER)
    assert after.state is becomes
    if becomes is state:
        assert after is run
    if becomes is R and state is not R:
        assert after.started_at == STARTED


@pytest.mark.parametrize("state", [Q, S, R])
@pytest.mark.parametrize(
    ("end", "outcome", "becomes"),
    [
        (Exited(0, ENDED), None, OK),
        (Exited(0, ENDED), OK, OK),
        (Exited(0, ENDED), NOOP, NOOP),
        (Exited(0, ENDED), FAILED, FAILED),  # the report is worse than the code: believe the worse
        (Exited(1, ENDED), None, FAILED),
        (Exited(1, ENDED), FAILED, FAILED),
        (Exited(1, ENDED), PARTIAL, PARTIAL),  # one of several pods failed
        (Exited(1, ENDED), OK, FAILED),  # nothing but exit code 0 is a success
        (Exited(2, ENDED), None, FAILED),
        (Exited(2, ENDED), PARTIAL, FAILED),
        (Exited(3, ENDED), None, PARTIAL),
        (Exited(3, ENDED), NOOP, PARTIAL),
        (Exited(4, ENDED), None, INTERRUPTED),
        (Exited(4, ENDED), INTERRUPTED, INTERRUPTED),
        (Exited(5, ENDED), None, LOST),  # nobody asked for it: a drained node
        (Exited(5, ENDED), CANCELLED, LOST),
        (Exited(137, ENDED), OK, FAILED),
        (Exited(-9, ENDED), None, FAILED),
        (Exited(None, ENDED), None, LOST),
        (Exited(None, ENDED), OK, LOST),
        (Exited(5, ENDED, "timed_out"), CANCELLED, TIMED_OUT),
        (Exited(5, ENDED, "cancelled"), CANCELLED, CANCELLED),
        (Exited(None, ENDED, "lost"), None, LOST),
        (Exited(1, ENDED, "setup_failed"), None, FAILED),
    ],
)
def test_an_exit_is_weighed(state: RunState, end: Exited, outcome: RunState | None, becomes: RunState) -> None:
    after = advance(a_run(state), end, Report(outcome=outcome), LATER)
    assert (after.state, after.exit_code, after.ended_at, after.since) == (becomes, end.code, ENDED, ENDED)


@pytest.mark.parametrize(
    ("state", "observed", "becomes"),
    [
        (Q, Absent(), CANCELLED),
        (S, Absent(), CANCELLED),
        (Q, Pending(), S),  # its place was told to cancel, and says when it has
        (R, Running(STARTED), R),
        (R, Exited(5, ENDED), CANCELLED),
        (R, Exited(-15, ENDED), CANCELLED),
        (R, Exited(None, ENDED), CANCELLED),
        (R, Exited(0, ENDED), OK),  # it was done before it heard
        (R, Exited(1, ENDED), FAILED),
    ],
)
def test_a_cancelled_run_ends_as_such(state: RunState, observed: Observation, becomes: RunState) -> None:
    run = a_run(state, cancel_requested_at=NOW)
    assert advance(run, observed, Report(), LATER).state is becomes


def test_a_run_that_is_starting_is_given_time() -> None:
    run = a_run(S)
    almost = NOW + LAUNCH_GRACE - timedelta(seconds=1)
    assert advance(run, Absent(), Report(), almost) is run
    again = advance(run, Absent(), Report(), NOW + LAUNCH_GRACE)
    assert (again.state, again.since) == (Q, NOW + LAUNCH_GRACE)


def test_a_run_whose_place_forgot_it_ends_as_it_reported() -> None:
    assert advance(a_run(R), Absent(), Report(outcome=PARTIAL), LATER).state is PARTIAL


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("observed", OBSERVATIONS)
def test_a_final_state_is_never_left(state: RunState, observed: Observation) -> None:
    run = a_run(state, ended_at=NOW)
    assert advance(run, observed, Report(outcome=FAILED), LATER) is run


@given(
    state=st.sampled_from(list(RunState)),
    observed=st.sampled_from(OBSERVATIONS),
    outcome=st.sampled_from([None, *FINAL]),
    cancelled=st.booleans(),
)
def test_every_step_is_a_step_of_the_table(
    state: RunState,
    observed: Observation,
    outcome: RunState | None,
    cancelled: bool,  # noqa: FBT001
) -> None:
    run = a_run(state, cancel_requested_at=NOW if cancelled else None)
    after = advance(run, observed, Report(outcome=outcome), LATER)
    assert after.state in {state, S, R, Q} | set(FINAL)
    assert (after.ended_at is not None) == (after.state.is_final and not state.is_final)
    if isinstance(observed, Exited) and state in ACTIVE:
        assert after.state.is_final
    if after.state is OK and state is not OK:
        assert outcome is OK or (isinstance(observed, Exited) and observed.code == 0)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Exited(-9, ENDED), "killed by signal 9"),
        (Exited(137, ENDED), "killed by signal 9"),
        (Exited(2, ENDED), "exit code 2"),
        (Exited(2, ENDED, detail="no such project"), "no such project"),
        (Exited(5, ENDED), "stopped from outside before it was done"),
        (Exited(None, ENDED, "timed_out"), "not done within 6:00:00"),
    ],
)
def test_an_end_is_explained(end: Exited, words: str) -> None:
    assert advance(a_run(R), end, Report(), LATER).message == words


def test_what_the_run_said_itself_explains_best() -> None:
    after = advance(a_run(R), Exited(1, ENDED, detail="exit"), Report(error="relation does not exist"), LATER)
    assert after.message == "relation does not exist"


@pytest.mark.parametrize("state", list(RunState))
def test_only_trouble_is_retried(state: RunState) -> None:
    run = a_run(state, job(retries={"limit": 1}))
    assert (next_attempt(run, LATER) is not None) == (state in RETRIED)


def test_a_retry_waits_longer_each_time_and_ends() -> None:
    run = a_run(FAILED, job(retries={"limit": 2, "backoff": "30s"}))
    second = next_attempt(run, LATER)
    assert second is not None
    assert (second.id, second.attempt, second.retry_of) == (f"{run.id}-r2", 2, run.id)
    assert (second.state, second.trigger, second.scheduled_for) == (Q, Trigger.RETRY, run.scheduled_for)
    assert second.not_before == LATER + timedelta(seconds=30)
    third = next_attempt(replace(second, state=LOST), LATER)
    assert third is not None
    assert third.not_before == LATER + timedelta(seconds=60)
    assert next_attempt(replace(third, state=FAILED), LATER) is None


def test_a_cancelled_run_is_not_retried() -> None:
    assert next_attempt(a_run(FAILED, job(retries={"limit": 1}), cancel_requested_at=NOW), LATER) is None
