"""The course of an incident: one outbreak of trouble in one job, from its first failed run to its recovery.

Told once: an incident is opened once, each failing set of models is told once, and after that it reminds at most once a
day. It is closed by a run that proves the failing models good, not by any run that happens to end well.

Flapping is exact: a failure less than `WINDOW` after a recovery re-opens the same incident. A re-opened incident is
closed by `CALM_RUNS` good runs in a row (twice as many after each further re-opening), or by the first good run that
comes `WINDOW` after its last failure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from scheduler.runs import ModelResult, ModelStatus, RunState

WINDOW = timedelta(hours=6)
"""A failure this soon after a recovery is the same incident again."""

CALM_RUNS = 3
"""So many good runs in a row close an incident that was re-opened once."""

REMIND_AFTER = timedelta(days=1)
"""An incident that has nothing new to tell is told again this long after it was last told."""

UPDATES = 10
"""So many changes of the failing set are told between two reminders."""

INTERRUPTIONS = 2
"""So many interruptions with no good run between them are an incident. One is what a plan does, and no failure."""


class Kind(StrEnum):
    """What an alert tells. The first five belong to an incident and its thread."""

    OPENED = "opened"
    CHANGED = "changed"
    REMINDER = "reminder"
    REOPENED = "reopened"
    RECOVERED = "recovered"
    SUCCEEDED = "succeeded"
    LONGER_THAN = "longer_than"
    MISSED = "missed"


class Trouble(StrEnum):
    """What is wrong with a run that did not end well."""

    MODELS = "models"
    ERROR = "error"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Ending:
    """A run that has ended for good (no attempt follows), as far as an incident looks at it.

    `at` is when it ended. `tells` says whether its job wants to hear of failures. `bounded` is a run that a person
    limited to some interval: its good end says nothing of the others. `repeats` is one that repeats an earlier run.
    """

    run_id: str
    state: RunState
    results: tuple[ModelResult, ...]
    at: datetime
    tells: bool = True
    bounded: bool = False
    repeats: bool = False

    @property
    def failed(self) -> tuple[str, ...]:
        """The models that failed in this run, sorted."""
        return tuple(sorted({r.model for r in self.results if r.status is ModelStatus.FAILED}))

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong, or None: it ended well, or a person ended it."""
        match self.state:
            case RunState.TIMED_OUT | RunState.LOST:
                return Trouble(self.state.value)
            case RunState.FAILED | RunState.PARTIAL | RunState.INTERRUPTED if self.failed:
                return Trouble.MODELS
            case RunState.INTERRUPTED:
                return Trouble.INTERRUPTED
            case RunState.PARTIAL if self.results and not self._has(ModelStatus.BLOCKED):
                return None  # it only left models to another run
            case RunState.FAILED | RunState.PARTIAL:
                return Trouble.ERROR
            case _:
                return None

    @property
    def saw_everything(self) -> bool:
        """Whether a model without a result was not owed, rather than not reached."""
        cut_short = {RunState.LOST, RunState.TIMED_OUT, RunState.INTERRUPTED, RunState.CANCELLED}
        return self.state not in cut_short and (self.state is not RunState.FAILED or bool(self.results))

    def _has(self, status: ModelStatus) -> bool:
        return any(result.status is status for result in self.results)

    def still_failing(self, before: Sequence[str]) -> tuple[str, ...]:
        """Say which models fail after this run, of which `before` failed when it began.

        A model that was left to another run, blocked, or not reached is as bad as it was.
        """
        status = {r.model: r.status for r in self.results}
        default = ModelStatus.UP_TO_DATE if self.saw_everything else ModelStatus.BLOCKED
        undone = {ModelStatus.CLAIMED_ELSEWHERE, ModelStatus.BLOCKED}
        return tuple(sorted({*self.failed, *(m for m in before if status.get(m, default) in undone)}))

    def proves_good(self, before: Sequence[str]) -> bool:
        """Whether it ended well and so that nothing of `before` can still be failing.

        When it is not known which models failed (a lost run), nothing may be left to other runs.
        """
        if self.trouble is not None or self.state is RunState.CANCELLED:
            return False
        return not self.still_failing(before) if before else not self._has(ModelStatus.CLAIMED_ELSEWHERE)


@dataclass(frozen=True)
class Outbreak:
    """One outbreak of one job, as the details of its incident keep it. Its id is that of the run that opened it.

    `models` fail now. `told` holds a fingerprint of each trouble and failing set that was told, `told_at` when that was
    last. `calm` counts good runs since the last failure, `interruptions` those since the last good run. One that is not
    `serious` is a single interruption: it is kept, to count, and never told. One is `bounded` while every run that
    failed in it was bounded: then the repetition of such a run proves what it did.
    """

    id: str
    opened_at: datetime
    last_failure_at: datetime
    trouble: Trouble
    models: tuple[str, ...] = ()
    failures: int = 1
    closed_at: datetime | None = None
    serious: bool = True
    told: tuple[str, ...] = ()
    told_at: datetime | None = None
    updates: int = 0
    reopened: int = 0
    calm: int = 0
    interruptions: int = 0
    bounded: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something is wrong now."""
        return self.closed_at is None and self.serious

    @property
    def calm_needed(self) -> int:
        """How many good runs in a row close it: one, or more once it has flapped."""
        return CALM_RUNS * 2 ** (self.reopened - 1) if self.reopened else 1

    def reopens(self, at: datetime) -> bool:
        """Whether a failure at `at` is this closed incident again."""
        return self.closed_at is not None and self.serious and at - self.closed_at < WINDOW

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, for the store."""
        return dict(_ADAPTER.dump_python(self, mode="json"))

    @staticmethod
    def from_json(value: object) -> Outbreak:
        """Return what `to_json` gave."""
        return _ADAPTER.validate_python(value)


@dataclass(frozen=True)
class Step:
    """The outbreak after a run, and what there is to tell of it."""

    outbreak: Outbreak | None
    kind: Kind | None = None


def follow(before: Outbreak | None, ending: Ending, now: datetime) -> Step:
    """Take a job's latest incident (open or closed) through one more ended run of the job."""
    match ending.trouble:
        case None:
            return Step(before) if before is None else _good(before, ending)
        case Trouble.INTERRUPTED:
            return _interrupted(before, ending, now)
        case trouble:
            return _failed(before, ending, trouble, now)


def _good(before: Outbreak, ending: Ending) -> Step:
    if ending.bounded and not (before.bounded and ending.repeats):
        return Step(before)
    if not ending.proves_good(before.models if before.is_open else ()):
        healed = before.is_open and ending.state is not RunState.CANCELLED
        return Step(replace(before, models=ending.still_failing(before.models)) if healed and before.models else before)
    if before.closed_at is not None:
        return Step(replace(before, interruptions=0))
    quiet = ending.at - before.last_failure_at >= WINDOW
    after = replace(before, calm=before.calm + 1, models=(), interruptions=0)
    if after.calm < after.calm_needed and not quiet:
        return Step(after)
    return Step(replace(after, closed_at=ending.at), Kind.RECOVERED if before.serious else None)


def _interrupted(before: Outbreak | None, ending: Ending, now: datetime) -> Step:
    if before is not None and before.is_open:
        return Step(before)  # it fails anyway; a plan is no news, and may be the mending
    if before is None or (before.closed_at is not None and not before.reopens(ending.at)):
        return Step(replace(_new(ending, Trouble.INTERRUPTED), serious=False, interruptions=1))
    counted = replace(before, interruptions=before.interruptions + 1)
    if counted.interruptions < INTERRUPTIONS:
        return Step(counted)
    return _failed(counted, ending, Trouble.INTERRUPTED, now)


def _failed(before: Outbreak | None, ending: Ending, trouble: Trouble, now: datetime) -> Step:
    if before is None or (before.closed_at is not None and not before.reopens(ending.at)):
        return _tell(_new(ending, trouble), ending, now)
    after = replace(
        before,
        last_failure_at=ending.at,
        trouble=trouble,
        models=ending.still_failing(before.models),
        failures=before.failures + 1,
        closed_at=None,
        serious=True,
        reopened=before.reopened + (before.closed_at is not None),
        calm=0,
        bounded=before.bounded and ending.bounded,
    )
    return _tell(after, ending, now, again=before.closed_at is not None)


def _new(ending: Ending, trouble: Trouble) -> Outbreak:
    return Outbreak(
        id=ending.run_id,
        opened_at=ending.at,
        last_failure_at=ending.at,
        trouble=trouble,
        models=ending.failed,
        bounded=ending.bounded,
    )


def _tell(outbreak: Outbreak, ending: Ending, now: datetime, *, again: bool = False) -> Step:
    """Decide whether a failure is told, and remember that it was."""
    kind = _news(outbreak, now, again=again) if ending.tells else None
    if kind is None:
        return Step(outbreak)
    updates = {Kind.CHANGED: outbreak.updates + 1, Kind.REMINDER: 0}.get(kind, outbreak.updates)
    told = tuple(dict.fromkeys((*outbreak.told, _fingerprint(outbreak))))
    return Step(replace(outbreak, told=told, told_at=now, updates=updates), kind)


def _news(outbreak: Outbreak, now: datetime, *, again: bool) -> Kind | None:
    if outbreak.told_at is None:
        return Kind.OPENED
    if again:
        return Kind.REOPENED
    if _fingerprint(outbreak) not in outbreak.told and outbreak.updates < UPDATES:
        return Kind.CHANGED
    return Kind.REMINDER if now - outbreak.told_at >= REMIND_AFTER else None


def _fingerprint(outbreak: Outbreak) -> str:
    return hashlib.sha256("\n".join((outbreak.trouble, *outbreak.models)).encode()).hexdigest()[:12]


_ADAPTER = TypeAdapter(Outbreak)
