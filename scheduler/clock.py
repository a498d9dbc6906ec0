"""The clock: ticks that have come due become queued runs.

The database is the ledger, the queue only carries. A tick's run is committed before it is queued, and a sweep puts back
what the queue has lost, so a clock may be killed between any two steps, and any number of clocks may run.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from scheduler import cron
from scheduler.errors import Retryable
from scheduler.jobfile import CatchUp, CatchUpPolicy
from scheduler.queues import Queues
from scheduler.runs import Trigger
from scheduler.store import DueJob, MissedTicks, Pause, Store, Tick, TickPlan

ON_TIME = timedelta(seconds=60)
"""A tick that is served within this time needs no catching up."""

COUNTED = 50
"""Missed ticks are counted up to this number; beyond it, first and last still tell the whole stretch."""

LONGEST_SLEEP = timedelta(seconds=1)
SWEEP_AGE = timedelta(seconds=2)
"""A queued run is looked for in the queue when it is this old: younger ones are on their way there."""

SWEEP_EVERY = timedelta(seconds=1)
REPAIR_EVERY = timedelta(minutes=1)
BATCH = 500
_INSTANT = timedelta(microseconds=1)
_FIRST_WINDOW = timedelta(hours=6)
_UNREADABLE_PAUSE = timedelta(hours=1)

_log = logging.getLogger(__name__)


def plan(due: DueJob, now: datetime) -> TickPlan:
    """Decide which ticks of a due job become runs and which are missed, by its pauses and its `catch_up`. Pure."""
    schedule = cron.parse(due.schedule, due.timezone)
    elapsed = _elapsed(schedule, due.next_tick, now, _wanted(due.catch_up) + COUNTED)
    allowed = [tick for tick in elapsed if not any(_suppressed(pause, tick, now) for pause in due.pauses)]
    kept = _kept(due.catch_up, allowed, now)
    return TickPlan(
        ticks=tuple(Tick(at, Trigger.CRON if now - at <= ON_TIME else Trigger.CATCH_UP) for at in kept),
        next_tick=schedule.next(now),
        last_tick=elapsed[-1] if elapsed else None,
        missed=_missed(due, [tick for tick in allowed if tick not in kept]),
    )


def tick(store: Store, queues: Queues, now: datetime) -> list[str]:
    """Turn all that is due into queued runs; return their ids. A queue out of reach loses nothing: `sweep` follows."""
    made: list[str] = []
    while True:
        batch = store.record_ticks(now, lambda due: _readable_plan(due, now), BATCH)
        _offer(queues, batch.run_ids)
        made += batch.run_ids
        if batch.jobs < BATCH:
            return made


def sweep(store: Store, queues: Queues, now: datetime, age: timedelta = SWEEP_AGE) -> list[str]:
    """Put runs back that the queue has lost, and those whose wait for a retry is over; return their ids."""
    waiting = store.unqueued(now, age)
    if not waiting:
        return []
    lost = queues.missing(waiting)
    queues.enqueue_starts(lost)
    return lost


def repair(store: Store, now: datetime) -> int:
    """Bring back jobs that were ticked into the future by a machine whose clock was ahead; return how many."""
    return store.repair_ticks(now, lambda schedule, timezone: cron.parse(schedule, timezone).next(now))


def run(store: Store, queues: Queues, stop: threading.Event) -> None:
    """Tick and sweep until `stop` is set, asleep until the next tick or at most a second.

    An outage of the database or the queue is logged and waited out.
    """
    next_sweep = next_repair = time.monotonic()
    while not stop.is_set():
        try:
            due = store.next_due()
            if due is not None and due <= _now():
                tick(store, queues, _now())
                due = store.next_due()
            began = time.monotonic()
            if began >= next_sweep:
                sweep(store, queues, _now())
                took = time.monotonic() - began
                next_sweep = began + max(SWEEP_EVERY.total_seconds(), 20 * took)  # a long queue is looked at less often
            if began >= next_repair:
                repair(store, _now())
                next_repair = began + REPAIR_EVERY.total_seconds()
            pause = _until_next(due, _now())
        except Retryable as error:
            _log.warning("%s; trying again", error)
            pause = LONGEST_SLEEP
        stop.wait(pause.total_seconds())


def _until_next(due: datetime | None, now: datetime) -> timedelta:
    if due is None:
        return LONGEST_SLEEP
    return min(LONGEST_SLEEP, max(due - now, timedelta(milliseconds=10)))


def _now() -> datetime:
    return datetime.now(UTC)


def _offer(queues: Queues, run_ids: list[str]) -> None:
    try:
        queues.enqueue_starts(run_ids)
    except Retryable as error:
        _log.warning("%s; they are queued as soon as it answers", error)


def _readable_plan(due: DueJob, now: datetime) -> TickPlan:
    """Plan a job so that one whose stored schedule cannot be read any more holds back no other."""
    try:
        return plan(due, now)
    except (cron.CronError, OverflowError) as error:
        _log.error("ticking job %s of %s: %s; correct its schedule and push", due.name, due.project, error)
        return TickPlan(ticks=(), next_tick=now + _UNREADABLE_PAUSE, last_tick=None)


def _elapsed(schedule: cron.Cron, first: datetime, now: datetime, limit: int) -> list[datetime]:
    """List the last `limit` ticks of [first, now]; after a long outage the years before are not walked through."""
    window = _FIRST_WINDOW
    while True:
        start = max(first, now - window) - _INSTANT
        ticks = schedule.ticks(start, now)
        if len(ticks) >= limit or start < first:
            return ticks[-limit:]
        window *= 4


def _suppressed(pause: Pause, at: datetime, now: datetime) -> bool:
    """Whether a pause took this tick: all of them while it holds, and later those of its time."""
    if pause.holds(now):
        return True
    return pause.holds(at) and (pause.since is None or pause.since <= at)


def _wanted(catch_up: CatchUp) -> int:
    return (catch_up.limit or COUNTED) if catch_up.policy is CatchUpPolicy.ALL else 1


def _kept(catch_up: CatchUp, ticks: list[datetime], now: datetime) -> list[datetime]:
    late = timedelta(0) if catch_up.policy is CatchUpPolicy.NONE else catch_up.deadline
    newest = ticks[-_wanted(catch_up) :]
    return [at for at in newest if now - at <= ON_TIME or late is None or now - at <= late]


def _missed(due: DueJob, ticks: list[datetime]) -> MissedTicks | None:
    """Sum up the ticks that got no run. Where not all were walked through, the ledger knows the first."""
    if not ticks:
        return None
    first = due.next_tick if len(ticks) >= COUNTED and not due.pauses else ticks[0]
    return MissedTicks(first, ticks[-1], min(len(ticks), COUNTED))
