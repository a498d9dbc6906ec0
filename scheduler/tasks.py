"""The entry points that the queue calls: start a run, and never wait for it.

The rule: any of these may be called twice for one run, also at the same time, and may be killed between any two lines.
A run is moved from `queued` to `starting` by compare-and-set before it is launched; whoever dies after that leaves a
run that its place does not know, and the reconciler puts it back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import assert_never

from scheduler.concurrency import Go, Refused, Turn, Waits, by_hand, turn
from scheduler.errors import Retryable, UserError
from scheduler.jobfile import JobType
from scheduler.launchers import Launcher, Order, Source
from scheduler.observations import Absent
from scheduler.reconcile import Reconciler
from scheduler.runs import Run, RunState
from scheduler.store import JobRow, Store

LAUNCH_BACKOFF = timedelta(seconds=10)
"""A place that cannot take a run now is asked again after this time."""

_log = logging.getLogger(__name__)


def start_run(run_id: str) -> None:
    """Start a queued run, as the settings of this process say. This is what the queue calls."""
    _starter().start(run_id, datetime.now(UTC))


@cache
def _starter() -> Starter:
    from scheduler.assembly import Assembly

    parts = Assembly()
    return Starter(parts.store, parts.launcher, parts.reconciler)


@dataclass(frozen=True)
class Starter:
    """Starts runs at one place."""

    store: Store
    launcher: Launcher
    reconciler: Reconciler

    def start(self, run_id: str, now: datetime) -> None:
        """Start a run if it is queued and nothing holds it back; else do nothing: the clock offers it again."""
        run = self.store.run(run_id)
        if run is None or run.state is not RunState.QUEUED or run.cancel_requested_at is not None:
            return
        if run.not_before is not None and run.not_before > now:
            return
        row = self.store.job(run.project, run.job)
        if row is None or row.removed_at is not None:
            self._refuse(run, f"job {run.job} is no longer in the job file of {run.project}", now)
        elif row.paused(now) is None or by_hand(run):
            self._take_turn(run, row, now)

    def _take_turn(self, run: Run, row: JobRow, now: datetime) -> None:
        """Start the run, unless another one of its job goes first."""
        starting = replace(run, state=RunState.STARTING, since=now, place=self.launcher.place)
        paused = row.paused(now) is not None

        def decide(others: Sequence[Run]) -> Turn:
            return turn(run, (o for o in others if not paused or o.state is not RunState.QUEUED or by_hand(o)))

        match self.store.begin(starting, decide):
            case Go():
                self._launch(starting, now)
            case Refused(reason):
                self._refuse(run, reason, now)
            case Waits(replaced):
                for old in replaced:
                    self.store.request_cancel(old, now)
            case None:
                pass  # somebody else has started or ended it
            case never:
                assert_never(never)

    def _refuse(self, run: Run, message: str, now: datetime) -> None:
        self.reconciler.end_unbegun(run, RunState.CANCELLED, message, now)

    def _launch(self, run: Run, now: datetime) -> None:
        try:
            self.launcher.launch(order_of(run))
        except UserError as error:
            self.reconciler.end_unbegun(run, RunState.FAILED, str(error), now)
        except Retryable as error:
            if self._may_have_begun(run):
                return  # nobody else may begin it; the watch finds out
            _log.warning("%s; trying again in %s", error, LAUNCH_BACKOFF)
            waiting = replace(run, state=RunState.QUEUED, since=now, place=None, message=str(error))
            back = replace(waiting, not_before=now + LAUNCH_BACKOFF)
            self.store.move(back, RunState.STARTING)

    def _may_have_begun(self, run: Run) -> bool:
        try:
            return not isinstance(self.launcher.observe(run.id), Absent)
        except Retryable:
            return True


def order_of(run: Run) -> Order:
    """Say what a place needs to know to run this run."""
    spec = run.spec
    return Order(
        run_id=run.id,
        project=run.project,
        job=run.job,
        source=Source(run.repository, run.sha, run.path),
        arguments=arguments_of(run),
        timeout=spec.timeout,
        parallelism=spec.parallelism,
        env=spec.env,
        secrets=spec.secrets,
        image=spec.image,
        resources=spec.resources,
        tick=run.scheduled_for,
    )


def arguments_of(run: Run) -> tuple[str, ...]:
    """Build meshrun's argument vector from typed fields; a value never becomes an option of its own."""
    spec = run.spec
    if spec.type is JobType.JANITOR:
        return ("janitor", ".")
    options = {
        "job": run.job,
        "run-id": run.id,
        "retry-of": run.retry_of,
        "max-concurrent-models": spec.max_concurrent_models,
        "start": run.start,
        "end": run.end,
    }
    selected = [f"--select={selector}" for selector in spec.select]
    return ("run", ".", spec.environment, *selected, *(f"--{k}={v}" for k, v in options.items() if v is not None))
