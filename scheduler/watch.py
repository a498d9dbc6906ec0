"""The watch: follows every active run to its end, clears up after it, and delivers the alerts.

The rule: nothing here is remembered. A watch may be killed at any moment and several may run at once; each round begins
with what the database says. Alerts are sent by a thread of their own, so that a slow Slack delays no run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from scheduler import alerts, notify
from scheduler.errors import MeshbotError, Retryable
from scheduler.reconcile import Reconciler
from scheduler.retention import Retention
from scheduler.runs import Run, RunState
from scheduler.store import Store

TIDY_EVERY = timedelta(minutes=1)
DELIVER_EVERY = timedelta(seconds=1)
DESERTED = timedelta(minutes=15)
"""A place whose processes have been silent for so long is gone. A watch that begins gives others this time, too."""

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

    @property
    def place(self) -> str:
        """The place that is watched."""
        return self.reconciler.launcher.place

    def look(self, now: datetime) -> None:
        """Look at every run that is under way here. One that cannot be looked at holds back no other."""
        for run in self.store.observable(self.place):
            self._look_at(run, now)

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
            elif run is not None and run.state is RunState.QUEUED:
                self._look_at(replace(run, place=self.place), now)  # whoever launched it believes that this failed
        self.rooms.prune(now)

    def give_up(self, now: datetime) -> None:
        """End the runs of places of which nothing has been heard for long: a machine, or a disk, that is gone."""
        alive = {one.place for one in self.store.heartbeats() if now - one.at <= DESERTED} | {self.place, None}
        for run in self.store.under_way():
            if run.place not in alive and now - run.since > DESERTED:
                message = f"nothing has been heard of {run.place}, where it ran, for {DESERTED.seconds // 60} minutes"
                self.reconciler.end_unbegun(run, RunState.LOST, message, now)

    def deliver(self, now: Callable[[], datetime]) -> int:
        """Send the alerts that are due; return how many were sent. A Slack that is down loses none.

        The time is asked anew for each: sending one may take as long as the lease on the next.
        """
        sent = 0
        while taken := self.store.take_alerts(now(), limit=1):  # what is not tried is not held back either
            stored = taken[0]
            match notify.attempt(self.notifier, stored):
                case notify.Sent(channel, thread_ts):
                    self.store.mark_sent(stored.id, now(), channel, thread_ts)
                    sent += 1
                case notify.Later(delay, reason, stop):
                    self.store.postpone_alert(stored.id, now() + delay, reason)
                    if stop:
                        break
        return sent

    def _look_at(self, run: Run, now: datetime) -> None:
        try:
            self.reconciler.look(run, now)
        except Retryable as error:
            _log.warning("looking at run %s: %s; trying again", run.id, error)
        except Exception:  # noqa: BLE001 - the others still have to be looked at
            _log.exception("looking at run %s", run.id)


def run(watch: Watch, stop: threading.Event, interval: timedelta, keep: timedelta | None = None) -> None:
    """Watch until `stop` is set; forget what has ended longer ago than `keep`. An outage is logged and waited out."""
    messenger = threading.Thread(
        target=_repeat, args=(stop, DELIVER_EVERY, [lambda: watch.deliver(_now)]), name="alerts", daemon=True
    )
    messenger.start()
    chores = [_rarely(lambda: watch.tidy(_now())), _rarely(lambda: watch.give_up(_now()), first_after=DESERTED)]
    if keep is not None:
        retention = Retention(watch.store, watch.reconciler.logs, keep)
        chores.append(_rarely(lambda: retention.forget(_now())))
    _repeat(stop, interval, [lambda: watch.look(_now()), lambda: watch.tell_missed(_now()), *chores])
    messenger.join(timeout=5)


def _rarely(step: Callable[[], object], first_after: timedelta = timedelta()) -> Callable[[], object]:
    """Let a step be done only when `TIDY_EVERY` has passed since the last time; also when that failed."""
    due = time.monotonic() + first_after.total_seconds()

    def do() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + TIDY_EVERY.total_seconds()
            step()

    return do


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
