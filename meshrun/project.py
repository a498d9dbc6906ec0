"""A SQLMesh project, opened for running: versions, connections, and the three things that are done with it.

Supported: sqlmesh >=0.220,<0.237; tested: 0.236.4, 0.228.5 and 0.220.2. A project is loaded as little as `sqlmesh run`
loads it: its configuration, never its models. The surprise: claims have connections of their own, because they are
renewed while the project's connections are busy.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "true"  # read when sqlmesh is imported

import sqlmesh
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.context import Context
from sqlmesh.core.environment import Environment
from sqlmesh.core.notification_target import NotificationEvent
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.core.snapshot.definition import get_next_model_interval_start
from sqlmesh.core.snapshot.evaluator import SnapshotEvaluator
from sqlmesh.utils.errors import SQLMeshError

from .claiming import ClaimingScheduler, Desk
from .claims import ClaimTable
from .errors import root_cause
from .fence import open_state
from .report import Report
from .stop import Stop
from .tenure import Row, lease_seconds
from .work import InterruptedRunError, Policy

SUPPORTED = ((0, 220), (0, 237))
VERSION: str = sqlmesh.__version__


class ProjectError(Exception):
    """The project cannot be opened or does not have what was asked for; the message says what to change."""


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


class _QuietConsole(NoopConsole):
    """Says warnings and errors on standard error, and asks nothing."""

    def log_error(self, message: str, *_: Any, **__: Any) -> None:  # noqa: ANN401 - SQLMesh's signature
        """Say an error."""
        print(message, file=sys.stderr)  # noqa: T201 - for a person who reads the log

    def log_warning(self, short_message: str, *_: Any, **__: Any) -> None:  # noqa: ANN401 - SQLMesh's signature
        """Say a warning."""
        print(short_message, file=sys.stderr)  # noqa: T201 - for a person who reads the log


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

    def _run_once(self, environment: str, request: Request) -> bool:
        plan = self._await_plan(environment)

        def changed() -> bool:
            current = self.state_sync.get_environment(environment)
            return not current or current.plan_id != plan or not current.finalized_ts

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
    with _opened(request.path, request.width) as context:
        table, width = _claim_table(context), min(request.width, context.concurrent_tasks)
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


def janitor(path: Path) -> bool:
    """Clean up as `sqlmesh janitor` does, and forget claims that ended long ago; return whether it was done."""
    with _opened(path, 1) as context:
        done = context.run_janitor(ignore_ttl=False)
        _claim_table(context).purge()
        return bool(done)


def claims(path: Path, release: str | None) -> list[Row]:
    """List the held claims of a project's state database, or free those of one name and list them."""
    with _opened(path, 1) as context:
        table = _claim_table(context)
        return table.free(release) if release else [row for row in table.rows() if row.owner is not None]


@contextmanager
def _opened(path: Path, width: int) -> Iterator[ClaimingContext]:
    _check_version()
    set_console(_QuietConsole())
    if not path.is_dir():
        raise ProjectError(f"opening {path}: no such folder; give the folder that has the project's config.yaml")
    try:
        context = ClaimingContext(paths=[str(path)], load=False)
    except SQLMeshError as error:
        raise ProjectError(f"opening the project in {path}: {error}") from error
    _widen(context, width)
    try:
        yield context
    finally:
        context.close()


def _check_version() -> None:
    numbers = tuple(int(part) for part in VERSION.split(".")[:2])
    low, high = SUPPORTED
    if not low <= numbers < high:
        raise ProjectError(
            f"opening the project: SQLMesh {VERSION} is not supported; install sqlmesh>={low[0]}.{low[1]},"
            f"<{high[0]}.{high[1]}"
        )


def _widen(context: ClaimingContext, width: int) -> None:
    """Give each of `width` worker threads a connection of its own, where the engine allows several."""
    own = context.connection_config
    if isinstance(own, DuckDBConnectionConfig) and own.concurrent_tasks < width:
        if width > 1:
            context.console.log_warning(
                f"DuckDB evaluates {own.concurrent_tasks} model(s) at a time, not {width}: "
                "its connection says so (concurrent_tasks)"
            )
        width = own.concurrent_tasks
    context._concurrent_tasks = width  # noqa: SLF001 - set after the connection is known
    configs = [config.get_connection(name) for config in context.configs.values() for name in config.gateways]
    for each in (own, context._state_connection_config, *configs):  # noqa: SLF001 - there is no public way to it
        if each.concurrent_tasks < width and not isinstance(each, DuckDBConnectionConfig):
            each.concurrent_tasks = width


def _claim_table(context: ClaimingContext) -> ClaimTable:
    adapter, schema = open_state(context.state_sync)
    config = context._state_connection_config  # noqa: SLF001 - there is no public way to it
    table = ClaimTable(_separate_adapter(adapter, config), schema, lease_seconds())
    table.create()
    return table


def _separate_adapter(adapter: Any, config: Any) -> Any:  # noqa: ANN401 - SQLMesh's
    """Open the state database again, for claims alone; a DuckDB file is opened once, so there a cursor is it."""
    if isinstance(config, DuckDBConnectionConfig):
        connection = adapter.connection

        def connect() -> Any:  # noqa: ANN401 - SQLMesh's
            return connection.cursor()

    else:
        connect = config._connection_factory_with_kwargs  # noqa: SLF001 - there is no public way to it
    return type(adapter)(
        connect,
        multithreaded=True,
        cursor_init=config._cursor_init,  # noqa: SLF001 - the same
        default_catalog=config.get_catalog(),
        pre_ping=config.pre_ping,
    )


def _next_due(context: ClaimingContext, environment: str) -> Any:  # noqa: ANN401 - a datetime or None
    stored = context.state_sync.get_environment(Environment.sanitize_name(environment))
    snapshots = context.state_sync.get_snapshots(stored.snapshots).values() if stored else ()
    return get_next_model_interval_start(snapshots)


__all__: Sequence[str] = ("ProjectError", "Request", "Result", "claims", "janitor", "run")
