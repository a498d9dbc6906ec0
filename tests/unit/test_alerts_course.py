"""What holds of every sequence of ended runs, however they fail, flap, retry and interrupt."""

from __future__ import annotations

import itertools
from datetime import timedelta

from endings import NOON, Told, a_job
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scheduler.alerts import Alert, Kind, Outbreak

NAMES = st.sets(st.sampled_from("abcd"), min_size=1).map(sorted)
GAPS = st.sampled_from([timedelta(minutes=5), timedelta(hours=1), timedelta(hours=7), timedelta(days=1)])
BAD = st.one_of(
    NAMES.map(lambda names: "fail " + " ".join(names)),
    NAMES.map(lambda names: "partial ~z " + " ".join(names)),
    st.sampled_from(["fail", "timeout", "lost", "timeout a", "lost +a", "interrupted b"]),
)
NEUTRAL = st.one_of(NAMES.map(lambda names: "cancelled " + " ".join(names)), BAD.map(lambda words: f"retried {words}"))
OF_FAILURE = {Kind.OPENED, Kind.CHANGED, Kind.REMINDER, Kind.REOPENED}


class Course(RuleBasedStateMachine):
    """One job's life. The model is one word: is it known to be failing, and was that told?"""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told()
        self.failing = False

    @initialize(recovery=st.booleans())
    def begin(self, *, recovery: bool) -> None:
        self.told = Told(a_job(["failure", "recovery"] if recovery else ["failure"]))

    @rule(words=BAD, after=GAPS)
    def fails(self, words: str, after: timedelta) -> None:
        kinds = self.told.ends(words, after)
        assert kinds in {"", *OF_FAILURE}
        assert self.failing or kinds in {Kind.OPENED, Kind.REOPENED}, "a failure that begins an incident is told"
        self.failing = True

    @rule(words=NEUTRAL, after=GAPS)
    def means_nothing(self, words: str, after: timedelta) -> None:
        before = self.told.incident
        assert self.told.ends(words, after) == ""
        assert self.told.incident == before

    @rule(after=GAPS)
    def is_interrupted(self, after: timedelta) -> None:
        kinds = self.told.ends("interrupted", after)
        assert not (self.failing and kinds), "a plan is no news of an incident"
        self.failing = self.failing or bool(kinds)

    @rule(after=GAPS)
    def works(self, after: timedelta) -> None:
        kinds = self.told.ends("ok", after)
        assert kinds == "" or (self.failing and kinds.startswith(Kind.RECOVERED))
        self.failing = self.failing and not kinds

    @rule()
    def comes_good_in_the_end(self) -> None:
        for _ in range(3):
            self.works(timedelta(hours=7))
        assert not self.failing, "a quiet time and a good run end every incident"

    @rule(words=BAD)
    def stays_as_it_is(self, words: str) -> None:
        self.fails(words, timedelta(minutes=5))
        assert self.told.ends(words) in {"", Kind.REMINDER}, "the same failure is told once"

    @invariant()
    def the_stored_incident_is_open_while_it_fails(self) -> None:
        incident = self.told.incident
        assert self.failing == (incident is not None and incident.closed_at is None)
        if incident is not None:
            assert Outbreak.from_json(incident.details).is_open == self.failing

    @invariant()
    def each_thread_reads_as_a_story(self) -> None:
        """Opened once; then news; then recovered; only a re-opening follows a recovery."""
        threads: dict[str, list[Alert]] = {}
        for alert in self.told.alerts:
            assert alert.incident
            threads.setdefault(alert.incident, []).append(alert)
        for alerts in threads.values():
            kinds = [alert.kind for alert in alerts]
            assert kinds[0] is Kind.OPENED
            assert kinds.count(Kind.OPENED) == 1
            for one, next_one in itertools.pairwise(kinds):
                assert (one is Kind.RECOVERED) == (next_one is Kind.REOPENED)

    @invariant()
    def nothing_is_told_twice(self) -> None:
        keys = [alert.key for alert in self.told.alerts]
        assert len(keys) == len(set(keys))

    @invariant()
    def reminders_are_a_day_apart(self) -> None:
        told = [alert for alert in self.told.alerts if alert.kind in OF_FAILURE]
        for one, next_one in itertools.pairwise(told):
            assert next_one.kind is not Kind.REMINDER or next_one.at - one.at >= timedelta(days=1)


Course.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestCourse = Course.TestCase


@given(st.lists(st.sampled_from(["fail a", "ok"]), max_size=72))
@settings(max_examples=50, deadline=None)
def test_a_flapping_job_is_quiet(words: list[str]) -> None:
    """In any six hours of five-minute runs, however they flap: one first alert, and a few pairs after it."""
    told = Told()
    for word in words:
        told.ends(word, timedelta(minutes=5))
    assert len(told.alerts) <= 8


def test_time_is_only_an_input() -> None:
    one, other = Told(now=NOON), Told(now=NOON + timedelta(days=4000))
    sequence = ["fail a", "ok", "fail a b", "ok", "ok", "ok"]
    assert [one.ends(words) for words in sequence] == [other.ends(words) for words in sequence]
