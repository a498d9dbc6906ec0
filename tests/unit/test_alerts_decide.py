"""What is told when, as tables: a sequence of ended runs, and what each of them tells."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from endings import NOON, STATES, Told, a_job, a_result, a_run

from scheduler.alerts import Alert, Kind, backoff, decide, missed, overdue
from scheduler.incidents import Missed
from scheduler.runs import Run, RunState

# `fail a ~b`: model a failed and b is blocked; `ok ?a`: a was left to another run; `+7h ...`: seven hours later, not 15
# minutes. Under each name: what ends, and what that tells.
SEQUENCES: dict[str, list[tuple[str, str]]] = {
    "a good run tells nothing": [("ok", ""), ("noop", "")],
    "a failure opens, a recovery closes": [("fail a", "opened"), ("ok +a", "recovered"), ("ok", "")],
    "partial is a failure": [("partial a ~b +c", "opened"), ("ok", "recovered")],
    "partial that only left models to others is none": [("partial ?a +b", "")],
    "partial with blocked models only is a failure": [("partial ~a", "opened")],
    "the same models are told once": [("fail a", "opened"), ("fail a", ""), ("fail a", ""), ("ok", "recovered")],
    "a changed set is told once": [("fail a", "opened"), ("fail a b", "changed"), ("fail a b", ""), ("fail a", "")],
    "sets that alternate are told once each": [
        ("fail a", "opened"), ("fail b", "changed"), ("fail a", ""), ("fail b", ""),
    ],
    "a reminder once a day": [("fail a", "opened"), ("+23h fail a", ""), ("+2h fail a", "reminder"), ("fail a", "")],
    "another trouble is news": [("error", "opened"), ("timeout", "changed"), ("lost", "changed"), ("lost", "")],
    "a person's cancel is nothing": [("cancelled", ""), ("fail a", "opened"), ("cancelled", ""), ("ok", "recovered")],
    "a cancelled run that had failures is nothing": [("cancelled a", "")],
    "only the last attempt is told": [("retried fail a", ""), ("retried fail a", ""), ("fail a", "opened")],
    "a retry that works tells nothing": [("retried fail a", ""), ("ok", "")],
    "retries inside an incident": [("fail a", "opened"), ("retried fail b", ""), ("ok", "recovered")],
    "one interruption is what a plan does": [("interrupted", ""), ("ok", ""), ("interrupted", ""), ("ok", "")],
    "two interruptions are trouble": [
        ("interrupted", ""), ("interrupted", "opened"), ("interrupted", ""), ("ok", "recovered"),
    ],
    "interrupted with a failed model": [("interrupted a", "opened"), ("ok", "recovered")],
    "an interruption does not touch an incident": [("fail a", "opened"), ("interrupted", ""), ("fail a", "")],
    "a failure after an interruption opens": [("interrupted", ""), ("fail a", "opened"), ("ok", "recovered")],
    "lost opens": [("lost", "opened"), ("ok", "recovered")],
    "timed out opens": [("timeout +a", "opened"), ("ok", "recovered")],
    "a run that left the failing model proves nothing": [
        ("fail a", "opened"), ("ok ?a +b", ""), ("ok +a", "recovered"),
    ],
    "after a lost run nothing may be left to others": [("lost", "opened"), ("noop ?a", ""), ("noop", "recovered")],
    "a model that stays blocked is not good": [("fail a", "opened"), ("partial b ~a", "changed"), ("ok", "recovered")],
    "what a lost run did not reach still fails": [("fail a b", "opened"), ("lost +a", "changed"), ("ok ?b", "")],
    "a model comes good silently": [("fail a b", "opened"), ("ok +a ?b", ""), ("ok +b", "recovered")],
    "soon after a recovery it is the same incident": [
        ("fail a", "opened"), ("ok", "recovered"), ("fail a", "reopened"), ("fail a", ""),
    ],
    "a flapping job recovers after three good runs": [
        ("fail a", "opened"), ("ok", "recovered"), ("fail a", "reopened"),
        ("ok", ""), ("ok", ""), ("fail a", ""), ("ok", ""), ("ok", ""), ("ok", "recovered"),
    ],
    "and after six the next time": [
        ("fail a", "opened"), ("ok", "recovered"), ("fail a", "reopened"), ("ok", ""), ("ok", ""), ("ok", "recovered"),
        ("fail a", "reopened"), ("ok", ""), ("ok", ""), ("ok", ""), ("ok", ""), ("ok", ""), ("ok", "recovered"),
    ],
    "or by the first good run after a quiet time": [
        ("fail a", "opened"), ("ok", "recovered"), ("fail a", "reopened"), ("ok", ""), ("+6h ok", "recovered"),
    ],
    "long after a recovery it is a new incident": [("fail a", "opened"), ("ok", "recovered"), ("+6h fail a", "opened")],
    "interruptions after a recovery": [
        ("fail a", "opened"), ("ok", "recovered"), ("interrupted", ""), ("interrupted", "reopened"),
    ],
    "interruptions apart after a recovery": [
        ("fail a", "opened"), ("ok", "recovered"), ("interrupted", ""), ("ok", ""), ("interrupted", ""),
    ],
}  # fmt: skip


def play(told: Told, steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    done = []
    for words, _ in steps:
        after = timedelta(hours=int(words[1 : words.index("h")])) if words[0] == "+" else timedelta(minutes=15)
        spoken = words.partition(" ")[2] if words[0] == "+" else words
        done.append((words, told.ends(spoken.replace("error", "fail"), after)))
    return done


@pytest.mark.parametrize("name", SEQUENCES)
def test_what_is_told(name: str) -> None:
    assert play(Told(), SEQUENCES[name]) == SEQUENCES[name]


@pytest.mark.parametrize(
    ("on", "steps"),
    [
        ([], [("fail a", ""), ("ok", "")]),
        (["failure"], [("fail a", "opened"), ("ok", "recovered (thread only)")]),
        (["recovery"], [("fail a", ""), ("ok", "recovered")]),
        (["recovery"], [("interrupted", ""), ("ok", "")]),
        (["success"], [("ok +a", "succeeded"), ("noop", ""), ("fail a", ""), ("ok", "succeeded")]),
        (["failure", "success"], [("fail a", "opened"), ("ok", "recovered (thread only) succeeded")]),
        (["failure", "recovery", "success"], [("fail a", "opened"), ("ok", "recovered"), ("ok", "succeeded")]),
    ],
)
def test_a_job_hears_what_it_chose(on: list[str], steps: list[tuple[str, str]]) -> None:
    assert play(Told(a_job(on)), steps) == steps


def test_failure_is_what_a_job_hears_that_chose_nothing() -> None:
    told = Told(a_job().model_copy(update={"alerts": type(a_job().alerts)()}))
    assert told.ends("fail a") == "opened"


def test_one_incident_is_one_thread_also_when_it_opens_again() -> None:
    told = Told()
    for words in ["fail a", "fail b", "ok", "fail a", "ok", "ok", "ok"]:
        told.ends(words)
    assert {alert.incident for alert in told.alerts} == {told.alerts[0].incident}
    assert told.incident
    assert told.incident.id == told.alerts[0].incident


def test_the_stored_incident_says_when_it_opened_and_closed() -> None:
    told = Told()
    told.ends("fail a")
    assert told.incident
    opened = told.incident
    assert (opened.opened_at, opened.closed_at) == (told.now + timedelta(minutes=2), None)
    told.ends("ok")
    closed = told.incident
    assert (closed.closed_at, closed.closed_by_run is None) == (told.now + timedelta(minutes=2), False)
    told.ends("fail a")
    again = told.incident
    assert (again.id, again.closed_at, again.failures) == (opened.id, None, 2)


def test_a_single_interruption_is_stored_closed() -> None:
    told = Told()
    told.ends("interrupted")
    assert told.incident
    assert told.incident.closed_at is not None


def test_nothing_is_stored_when_nothing_changed() -> None:
    assert decide(a_run(RunState.SUCCEEDED), (), None, will_retry=False, now=NOON).incident is None
    told = Told()
    told.ends("fail a")
    run = a_run(RunState.CANCELLED, job=told.job)
    assert decide(run, (), told.incident, will_retry=False, now=told.now).incident is None


def test_the_thread_and_the_version_stay_as_they_were_read() -> None:
    told = Told()
    told.ends("fail a")
    assert told.incident
    told.incident = replace(told.incident, channel="C1", thread_ts="1.2", version=7)
    decision = decide(a_run(RunState.SUCCEEDED), (), told.incident, will_retry=False, now=told.now)
    assert decision.incident
    assert (decision.incident.channel, decision.incident.thread_ts, decision.incident.version) == ("C1", "1.2", 7)


def test_a_new_incident_does_not_take_over_the_thread_of_the_last() -> None:
    told = Told()
    told.ends("fail a")
    told.ends("ok")
    assert told.incident
    told.incident = replace(told.incident, channel="C1", thread_ts="1.2")
    told.ends("fail a", timedelta(days=2))
    assert (told.incident.channel, told.incident.thread_ts) == (None, None)


def test_a_run_bounded_by_hand_proves_nothing_of_the_rest() -> None:
    told = Told()
    told.ends("fail a")
    run = replace(a_run(RunState.SUCCEEDED), start="2026-01-01", end="2026-01-02")
    assert not decide(run, (a_result("+a"),), told.incident, will_retry=False, now=told.now).alerts


def bounded(state: RunState, retry_of: str | None = None) -> Run:
    return replace(a_run(state), start="2026-01-01", end="2026-01-02", retry_of=retry_of)


@pytest.mark.parametrize(
    ("first", "retry_of", "kinds"),
    [("bounded", "the-first", [Kind.RECOVERED]), ("bounded", None, []), ("whole", "the-first", [])],
)
def test_what_a_bounded_run_broke_its_repetition_mends(first: str, retry_of: str | None, kinds: list[Kind]) -> None:
    failing = bounded(RunState.FAILED) if first == "bounded" else a_run(RunState.FAILED)
    incident = decide(failing, (a_result("a"),), None, will_retry=False, now=NOON).incident
    mended = decide(bounded(RunState.SUCCEEDED, retry_of), (a_result("+a"),), incident, will_retry=False, now=NOON)
    assert [Alert.from_json(alert.payload).kind for alert in mended.alerts] == kinds


def test_deciding_twice_gives_the_same_keys() -> None:
    run, results = a_run(RunState.FAILED), (a_result("a"),)
    keys = [[a.key for a in decide(run, results, None, will_retry=False, now=NOON).alerts] for _ in range(2)]
    assert keys == [[f"{run.id}:opened"]] * 2


def test_a_changing_set_is_not_told_for_ever() -> None:
    told = Told()
    kinds = [told.ends(f"fail a m{number}", timedelta(minutes=5)) for number in range(100)]
    assert kinds.count("changed") == 10


def test_values_survive_the_store() -> None:
    told = Told(a_job(slack_channel="#data"))
    told.ends("fail a ~b")
    alert = told.alerts[0]
    assert Alert.from_json(json.loads(json.dumps(alert.to_json()))) == alert
    assert alert.channel == "#data"
    assert told.incident
    again = Told(told.job, told.now, replace(told.incident, details=json.loads(json.dumps(told.incident.details))))
    assert again.ends("fail a ~b") == ""


class TestLongerThan:
    JOB = a_job(["failure"], longer_than="1h")

    def test_a_running_run_is_told_of_once_it_is_late(self) -> None:
        run = replace(a_run(RunState.RUNNING, job=self.JOB), ended_at=None)
        assert overdue(run, NOON + timedelta(hours=1)) is None
        late = overdue(run, NOON + timedelta(hours=1, minutes=1))
        later = overdue(run, NOON + timedelta(hours=2))
        assert late
        assert later
        assert late.key == later.key == f"{run.id}:longer_than"

    def test_nobody_asked(self) -> None:
        assert overdue(a_run(RunState.RUNNING, job=a_job()), NOON + timedelta(days=1)) is None

    def test_a_run_that_ended_unobserved_is_told_of_when_it_ends(self) -> None:
        run = replace(a_run(RunState.SUCCEEDED, job=self.JOB), ended_at=NOON + timedelta(hours=2))
        decision = decide(run, (), None, will_retry=False, now=NOON + timedelta(hours=3))
        assert [a.key for a in decision.alerts] == [f"{run.id}:longer_than"]

    def test_who_cancelled_it_knows(self) -> None:
        run = replace(a_run(RunState.CANCELLED, job=self.JOB), ended_at=NOON + timedelta(hours=2))
        assert not decide(run, (), None, will_retry=False, now=NOON + timedelta(hours=3)).alerts

    def test_a_failure_says_it_all(self) -> None:
        run = replace(a_run(RunState.FAILED, job=self.JOB), ended_at=NOON + timedelta(hours=2))
        decision = decide(run, (), None, will_retry=False, now=NOON + timedelta(hours=3))
        assert [a.key for a in decision.alerts] == [f"{run.id}:opened"]


class TestMissed:
    GAP = Missed(7, "analytics", "hourly", NOON, NOON + timedelta(hours=2), 9, NOON + timedelta(hours=3))

    def test_only_who_chose_it_is_told(self) -> None:
        assert missed(a_job(["failure"]), [self.GAP], NOON) is None
        assert missed(a_job(["missed"]), [], NOON) is None
        told = missed(a_job(["missed"]), [self.GAP], NOON)
        assert told
        assert told.key == "analytics/hourly:7:missed"
        assert told.incident_id is None


@pytest.mark.parametrize(
    ("attempts", "refused", "seconds"),
    [
        (1, False, 5),
        (2, False, 10),
        (5, False, 80),
        (9, False, 900),
        (10**6, False, 900),
        (1, True, 60),
        (99, True, 3600),
    ],
)
def test_the_wait_grows_to_a_bound(attempts: int, *, refused: bool, seconds: int) -> None:
    assert backoff(attempts, refused=refused) == timedelta(seconds=seconds)


def test_every_final_state_is_in_these_tables() -> None:
    assert set(STATES.values()) == {state for state in RunState if state.is_final}
