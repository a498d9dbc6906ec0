"""What becomes of a delivery after an attempt at it: done, tried again later, or given up.

The rule: pure. Whatever GitHub or a service is to blame for costs no delivery its life before `MOST_TRIES`; a limit and
a key that GitHub refuses cost none at all. A fault of ours is tried three times, since it may be one of the moment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import Unreachable
from bot.gh.faults import KeyRefused, RateLimited
from scheduler.errors import Retryable, UserError
from scheduler.store import Delivery

MOST_TRIES = 12
MOST_FAULTS = 3
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=5)
KEY_PAUSE = timedelta(minutes=1)
BROKEN_OFF = "its worker ended in the middle of it"
LONGEST = 2000
_COUNTED = re.compile(r"unexpected \((\d+)\): ")


@dataclass(frozen=True)
class Done:
    """It was handled."""

    outcome: str


@dataclass(frozen=True)
class Later:
    """It is tried again, `tries` times so far; with `limit`, nothing of its installation is handled before."""

    until: datetime
    error: str
    tries: int
    limit: bool = False


@dataclass(frozen=True)
class GivenUp:
    """It is not tried again."""

    error: str


def verdict(outcome: str | Exception, delivery: Delivery, now: datetime) -> Done | Later | GivenUp:
    """Judge an attempt by its outcome; `delivery` is as it was before it."""
    match outcome:
        case RateLimited():
            until = max(outcome.until, now + timedelta(seconds=1))
            return Later(until, _short(outcome), delivery.attempts, limit=True)
        case KeyRefused():
            return Later(now + KEY_PAUSE, _short(outcome), delivery.attempts)
        case Retryable() | Unreachable():
            return _not_now(outcome, delivery, now)
        case str() | UserError():
            return Done(_short(outcome))
        case _:
            return _fault(outcome, delivery, now)


def pause(tries: int) -> timedelta:
    """Say how long to wait after this many tries: twice as long each time."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(tries - 1, 16)))


def crash_pause(tries: int) -> timedelta:
    """Say how long a delivery is left alone whose worker died of it, or beside it: the first time, not at all."""
    return timedelta(0) if tries == 1 else pause(tries - 1)


def worn_out(delivery: Delivery) -> GivenUp | None:
    """Say whether a delivery has had all its tries without any of them coming to an end."""
    if delivery.attempts < MOST_TRIES:
        return None
    return GivenUp(f"after {delivery.attempts} tries: {_short(delivery.error or BROKEN_OFF)}")


def _not_now(error: Exception, delivery: Delivery, now: datetime) -> Later | GivenUp:
    if (tries := delivery.attempts + 1) >= MOST_TRIES:
        return GivenUp(f"after {tries} tries: {_short(error)}")
    return Later(now + pause(tries), _short(error), tries)


def _fault(error: Exception, delivery: Delivery, now: datetime) -> Later | GivenUp:
    earlier = _COUNTED.match(delivery.error or "")
    faults = int(earlier[1]) + 1 if earlier else 1
    words = f"unexpected ({faults}): {type(error).__name__}: {_short(error)}"
    if faults >= MOST_FAULTS or delivery.attempts + 1 >= MOST_TRIES:
        return GivenUp(words)
    return Later(now + pause(faults), words, delivery.attempts + 1)


def _short(words: object) -> str:
    return str(words)[:LONGEST].replace("\x00", "").strip() or "(no words)"
