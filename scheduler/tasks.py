"""The entry points that the queue calls: start a run, and never wait for it.

The rule: any of these may be called twice for one run, also at the same time, and may be killed between any two lines.
A run is moved from `queued` to `starting` by compare-and-set before it is launched; whoever dies after that leaves a
run that its place does not know, and the reconciler puts it back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from scheduler.errors import Retryable, UserError
from scheduler.jobfile import Concurrency, JobType
from scheduler.launchers import Launcher, Order, Source
from scheduler.reconcile import Reconciler
from scheduler.runs import ACTIVE, Run, RunState, Trigger
from scheduler.store import RunFilter, Store

LAUNCH_BACKOFF = timedelta(seconds=10)
"""A place that cannot take a run now is asked again after this time."""

MANY = 10_000

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
        if (run.not_before is not None and run.not_before > now) or self._is_held(run, now):
            return
        starting = replace(run, state=RunState.STARTING, since=now)
        if self.store.move(starting, RunState.QUEUED):
            self._launch(starting, now)

    def _is_held(self, run: Run, now: datetime) -> bool:
        """Say whether the run must wait, or has just been ended because it shall not start at all."""
        row = self.store.job(run.project, run.job)
        if row is None or row.removed_at is not None:
            self._refuse(run, f"job {run.job} is no longer in the job file of {run.project}", now)
            return True
        by_hand = run.trigger is Trigger.MANUAL or run.requested_by is not None
        if row.paused(now) is not None and not by_hand:
            return True
        earlier = self._earlier(run) if run.spec.concurrency is not Concurrency.ALLOW else []
        if not earlier:
            return False
        if run.spec.concurrency is Concurrency.FORBID:
            self._refuse(run, f"run {earlier[0].id} is not done yet, and the job says `concurrency: forbid`", now)
        else:
            for old in earlier:
                self.store.request_cancel(old.id, now)
        return True

    def _earlier(self, run: Run) -> list[Run]:
        """List the active runs of the job that are older: of two that start at once, both know which goes first."""
        active = self.store.runs(RunFilter(run.project, run.job, ACTIVE), limit=MANY)
        return [other for other in active if (other.created_at, other.id) < (run.created_at, run.id)]

    def _refuse(self, run: Run, message: str, now: datetime) -> None:
        self.reconciler.end_unbegun(run, RunState.CANCELLED, message, now)

    def _launch(self, run: Run, now: datetime) -> None:
        try:
            self.launcher.launch(order_of(run))
        except UserError as error:
            self.reconciler.end_unbegun(run, RunState.FAILED, str(error), now)
        except Retryable as error:
            _log.warning("%s; trying again in %s", error, LAUNCH_BACKOFF)
            back = replace(run, state=RunState.QUEUED, since=now, not_before=now + LAUNCH_BACKOFF, message=str(error))
            self.store.move(back, RunState.STARTING)


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
