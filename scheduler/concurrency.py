"""Whether a run may start beside the others of its job: what `concurrency` of the job file means. Pure.

The rule: it is asked with all active runs of the job at hand, one asker at a time for each job, and what is at work
counts whenever it was made. So the answer does not depend on the order in which two runs were written down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from scheduler.jobfile import Concurrency
from scheduler.runs import Run, RunState, Trigger


@dataclass(frozen=True)
class Go:
    """It may start now."""


@dataclass(frozen=True)
class Refused:
    """It shall not start at all, and why."""

    reason: str


@dataclass(frozen=True)
class Waits:
    """It starts when these runs have ended, and they shall end now."""

    replaced: tuple[str, ...]


Turn = Go | Refused | Waits


def turn(run: Run, others: Iterable[Run]) -> Turn:
    """Say whose turn it is. `others` are the active runs of the job; what only waits to be cancelled does not count."""
    alive = [other for other in others if other.id != run.id and not _never_begins(other)]
    match run.spec.concurrency:
        case Concurrency.ALLOW:
            return Go()
        case Concurrency.FORBID:
            first = min((other for other in alive if _goes_before(other, run)), key=_age, default=None)
            if first is None:
                return Go()
            return Refused(f"run {first.id} is not done yet, and the job says `concurrency: forbid`")
        case Concurrency.REPLACE:
            return _replacing(run, alive)
        case _:
            assert_never(run.spec.concurrency)


def by_hand(run: Run) -> bool:
    """Say whether a person asked for this run."""
    return run.trigger is Trigger.MANUAL or run.requested_by is not None


def _replacing(run: Run, alive: list[Run]) -> Turn:
    newer = max((other for other in alive if _moment(other) > _moment(run)), key=_moment, default=None)
    if newer is not None:
        return Refused(f"run {newer.id} is newer, and the job says `concurrency: replace`")
    older = tuple(other.id for other in sorted(alive, key=_moment))
    return Waits(older) if older else Go()


def _never_begins(run: Run) -> bool:
    return run.state is RunState.QUEUED and run.cancel_requested_at is not None


def _goes_before(other: Run, run: Run) -> bool:
    return other.state is not RunState.QUEUED or _age(other) < _age(run)


def _age(run: Run) -> tuple[datetime, str]:
    return run.created_at, run.id


def _moment(run: Run) -> tuple[datetime, int, str]:
    """Say which moment a run is about: a retry is of its tick, so it never replaces the run of a later one."""
    return (run.created_at if by_hand(run) else run.scheduled_for), run.attempt, run.id
