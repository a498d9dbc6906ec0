"""The three things that are done with a project: run what an environment owes, clean up, look at claims.

Supported: sqlmesh >=0.220,<0.237; tested: 0.236.4, 0.228.5 and 0.220.2.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlglot.errors import SqlglotError
from sqlmesh.core.context import Context
from sqlmesh.core.environment import Environment
from sqlmesh.core.notification_target import NotificationEvent
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.core.snapshot.definition import get_next_model_interval_start
from sqlmesh.core.snapshot.evaluator import SnapshotEvaluator
from sqlmesh.utils.date import to_datetime, validate_date_range
from sqlmesh.utils.errors import SQLMeshError

from .claiming import ClaimingScheduler, Desk
from .errors import ProjectError, root_cause
from .opening import VERSION, open_claims, opened
from .report import Report
from .stop import Stop
from .tenure import Row
from .work import InterruptedRunError, Policy


@dataclass(frozen=True)
class Request:
    """What to run: typed arguments of the command line, nothing of them is ever text for a shell."""

    path: Path
    environment: str
    select: tuple[str, ...] = ()
    job: str | None = None
    run_id: str | None = None
    retry_of: str | None = None
    width: int = 5
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Result:
    """How a run ended, and when something is due next if nothing was."""

    outcome: str
    next_due: Any = None


class ClaimingContext(Context):
    """A SQLMesh context whose runs claim; `desk` is set when a run begins."""

    desk: Desk

    def create_scheduler(
        self, snapshots: Iterable[Snapshot], snapshot_evaluator: SnapshotEvaluator
    ) -> ClaimingScheduler:
        """Create the scheduler that claims."""
        return ClaimingScheduler(
            self.desk,
            snapshots,
            snapshot_evaluator=snapshot_evaluator,
            state_sync=self.state_sync,
            default_catalog=self.default_catalog,
            max_workers=self.concurrent_tasks,
            console=self.console,
            notification_target_manager=self.notification_target_manager,
        )

    def run_claimed(self, request: Request) -> bool:
        """Run what the environment owes; return whether anything was owed.

        Raises `InterruptedRunError` after a plan changed the environment; unlike SQLMesh's, a run never starts again.
        """
        environment = Environment.sanitize_name(request.environment)
        notify = self.notification_target_manager.notify
        notify(NotificationEvent.RUN_START, environment=environment)
        self._load_materializations()
        try:
            owed = self._run_once(environment, request)
        except InterruptedRunError:
            raise
        except Exception as error:
            notify(NotificationEvent.RUN_FAILURE, root_cause(error))
            raise
        if self.desk.report.outcome() in {"failed", "partial"}:
            notify(NotificationEvent.RUN_FAILURE, "See the report of the run for details.")
        else:
            notify(NotificationEvent.RUN_END, environment=environment)
        return owed

    def _select_models_for_run(
        self,
        select_models: Collection[str],
        no_auto_upstream: bool,  # noqa: FBT001 - SQLMesh's signature
        snapshots: Collection[Snapshot],
    ) -> set[str]:
        """Select as SQLMesh does, but never nothing."""
        try:
            selected: set[str] = super()._select_models_for_run(select_models, no_auto_upstream, snapshots)
        except (SQLMeshError, SqlglotError) as error:
            raise ProjectError(f"selecting {', '.join(select_models)}: {root_cause(error)}") from error
        if not selected:
            raise ProjectError(
                f"selecting {', '.join(select_models)}: the environment has no such model; "
                "write a model's name, or create it with `sqlmesh plan`"
            )
        return selected

    def _run_once(self, environment: str, request: Request) -> bool:
        plan = self._await_plan(environment)

        def changed() -> bool:
            current = self.state_sync.get_environment(environment)
            return not current or current.plan_id != plan or not current.finalized_ts

        self.desk = replace(self.desk, plan=plan)
        started = self.desk.policy.runner.started
        status = self._run(
            environment,
            start=request.start,
            end=request.end,
            execution_time=started,
            ignore_cron=False,
            select_models=list(request.select) or None,
            circuit_breaker=changed,
            no_auto_upstream=False,
        )
        return not status.is_nothing_to_do

    def _await_plan(self, environment: str) -> str:
        """Wait until no plan is changing the environment, as long as the project's configuration says."""
        deadline = time.monotonic() + self.config.run.environment_check_max_wait
        while True:
            current = self.state_sync.get_environment(environment)
            if current is None:
                known = ", ".join(sorted(each.name for each in self.state_sync.get_environments())) or "none"
                raise ProjectError(
                    f"running {environment}: the state has no such environment (it has: {known}); "
                    f"create it with `sqlmesh plan {environment}`"
                )
            if current.finalized_ts:
                plan: str = current.plan_id
                return plan
            if time.monotonic() > deadline:
                raise ProjectError(f"running {environment}: the plan {current.plan_id} is still changing it; try later")
            self.console.log_warning(f"{environment} is being changed by the plan {current.plan_id}; waiting for it")
            time.sleep(min(1.0, self.config.run.environment_check_interval))


def run(request: Request, report: Report, stop: Stop) -> Result:
    """Run what is owed. Raises `ProjectError`, `InterruptedRunError`, `Cancelled`, and what SQLMesh raises."""
    _check_dates(request)
    with opened(ClaimingContext, request.path, request.width) as context:
        table, width = open_claims(context), min(request.width, context.concurrent_tasks)
        run_id = request.run_id or f"adhoc-{os.getpid()}-{int(time.time() * 1000)}"
        policy = Policy(table.start(run_id, request.job), request.retry_of, width)

        def announce(models: int) -> None:
            report.start(
                run_id=run_id, job=request.job, environment=request.environment, sqlmesh=VERSION, models=models
            )

        context.desk = Desk(table, policy, report, stop, announce)
        owed = context.run_claimed(request)
        announce(0)
        return Result(report.outcome(), None if owed else _next_due(context, request.environment))


def _check_dates(request: Request) -> None:
    try:
        for each in filter(None, (request.start, request.end)):
            to_datetime(each)
        validate_date_range(request.start, request.end)
    except ValueError as error:
        raise ProjectError(f"reading --start and --end: {error}; write dates such as 2026-01-31") from error


def janitor(path: Path) -> bool:
    """Clean up as `sqlmesh janitor` does, and forget claims that ended long ago; return whether it was done."""
    with opened(ClaimingContext, path, 1) as context:
        done = context.run_janitor(ignore_ttl=False)
        open_claims(context).purge()
        return bool(done)


def claims(path: Path, release: str | None) -> list[Row]:
    """List the held claims of a project's state database, or free those of one name and list them."""
    with opened(ClaimingContext, path, 1) as context:
        table = open_claims(context)
        return table.free(release) if release else [row for row in table.rows() if row.owner is not None]


def _next_due(context: ClaimingContext, environment: str) -> Any:  # noqa: ANN401 - a datetime or None
    stored = context.state_sync.get_environment(Environment.sanitize_name(environment))
    snapshots = context.state_sync.get_snapshots(stored.snapshots).values() if stored else ()
    return get_next_model_interval_start(snapshots)
