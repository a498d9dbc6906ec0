"""The watch: follows every active run to its end, clears up after it, and delivers the alerts.

The rule: nothing here is remembered. A watch may be killed at any moment and several may run at once; each round begins
with what the database says. Alerts are sent by a thread of their own, so that a slow Slack delays no run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from scheduler import alerts, notify
from scheduler.errors import MeshbotError, Retryable
from scheduler.reconcile import Reconciler
from scheduler.store import Store

TIDY_EVERY = timedelta(minutes=1)
DELIVER_EVERY = timedelta(seconds=1)

_log = logging.getLogger(__name__)


class Rooms(Protocol):
    """What a place keeps beside its runs, and can clear away."""

    def known(self) -> list[str]:
        """List the runs of which the place still keeps something."""

    def prune(self, now: datetime) -> None:
        """Remove what no run uses any more."""


@dataclass(frozen=True)
class Watch:
    """One step of each kind, for the loop below and for tests."""

    store: Store
    reconciler: Reconciler
    rooms: Rooms
    notifier: notify.Notifier

    def look(self, now: datetime) -> None:
        """Look at every active run. One that cannot be looked at holds back no other."""
        for run in self.store.active():
            try:
                self.reconciler.look(run, now)
            except Retryable as error:
                _log.warning("looking at run %s: %s; trying again", run.id, error)
            except Exception:  # noqa: BLE001 - the others still have to be looked at
                _log.exception("looking at run %s", run.id)

    def tell_missed(self, now: datetime) -> None:
        """Decide about ticks that were missed, each once."""
        gaps = sorted(self.store.untold_missed(), key=lambda gap: (gap.project, gap.job, gap.id))
        for (project, name), group in groupby(gaps, key=lambda gap: (gap.project, gap.job)):
            row, mine = self.store.job(project, name), list(group)
            alert = alerts.missed(row.job, mine, now) if row is not None and row.removed_at is None else None
            self.store.tell_missed([gap.id for gap in mine], [alert] if alert is not None else [], now)

    def tidy(self, now: datetime) -> None:
        """Clear away runs that ended while nobody could forget them, and what no run uses."""
        for run_id in self.rooms.known():
            run = self.store.run(run_id)
            if run is not None and run.state.is_final:
                self.reconciler.clear(run_id)
        self.rooms.prune(now)

    def deliver(self, now: datetime) -> int:
        """Send the alerts that are due; return how many were sent. A Slack that is down loses none."""
        sent = 0
        while taken := self.store.take_alerts(now, limit=1):  # so that one that is not tried is not held back either
            stored = taken[0]
            match notify.attempt(self.notifier, stored):
                case notify.Sent(channel, thread_ts):
                    self.store.mark_sent(stored.id, now, channel, thread_ts)
                    sent += 1
                case notify.Later(delay, reason, stop):
                    self.store.postpone(stored.id, now + delay, reason)
                    if stop:
                        break
        return sent


def run(watch: Watch, stop: threading.Event, interval: timedelta) -> None:
    """Watch until `stop` is set. An outage is logged and waited out."""
    messenger = threading.Thread(
        target=_repeat, args=(stop, DELIVER_EVERY, [lambda: watch.deliver(_now())]), name="alerts", daemon=True
    )
    messenger.start()
    tidied = datetime.min.replace(tzinfo=UTC)

    def tidy() -> None:
        nonlocal tidied
        if _now() - tidied >= TIDY_EVERY:
            tidied = _now()
            watch.tidy(tidied)

    _repeat(stop, interval, [lambda: watch.look(_now()), lambda: watch.tell_missed(_now()), tidy])
    messenger.join(timeout=5)


def _repeat(stop: threading.Event, interval: timedelta, steps: list[Callable[[], object]]) -> None:
    while not stop.is_set():
        for step in steps:
            try:
                step()
            except MeshbotError as error:
                _log.warning("%s; trying again", error)
            except Exception:  # noqa: BLE001 - a watch that ends watches nothing
                _log.exception("watching; trying again")
        stop.wait(interval.total_seconds())


def _now() -> datetime:
    return datetime.now(UTC)
