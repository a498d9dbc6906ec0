"""The SQLMesh Scheduler that claims before it evaluates.

It plans a run exactly as SQLMesh does and replaces only the walk over the plan. The surprise: statements of the
environment and automatic restatements are things that overlapping runs must not do twice either, so they are claimed
like models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlmesh.core.environment import execute_environment_statements
from sqlmesh.core.macros import RuntimeStage
from sqlmesh.core.scheduler import EvaluateNode, Scheduler, SchedulingUnit
from sqlmesh.core.snapshot import Snapshot, SnapshotId, snapshots_to_dag
from sqlmesh.utils.concurrency import NodeExecutionFailedError
from sqlmesh.utils.date import now_timestamp

from . import promoted
from .claims import ClaimTable
from .conduct import Conductor
from .errors import root_cause
from .evaluation import Evaluation, Setting
from .fence import FencedStateSync
from .once import once, one_at_a_time
from .receipts import SigningEvaluator
from .report import Report
from .stop import Stop
from .walk import Walk
from .work import Policy


@dataclass(frozen=True)
class Desk:
    """What a run brings to the scheduler: the claims, who it is, where it reports, and when it has to stop.

    `plan` is the plan that the environment had when the run began.
    """

    table: ClaimTable
    policy: Policy
    report: Report
    stop: Stop
    announce: Callable[[int], None]
    plan: str = ""


class ClaimingScheduler(Scheduler):
    """Evaluates each owed model only while this run holds its claim."""

    def __init__(self, desk: Desk, snapshots: Iterable[Snapshot], **kwargs: Any) -> None:  # noqa: ANN401 - SQLMesh's
        super().__init__(snapshots, **kwargs)
        self.desk = desk
        self.fenced = FencedStateSync(self.state_sync, desk.table)  # type: ignore[abstract] # SQLMesh fills them in
        self.state_sync = self.fenced
        self.snapshot_evaluator = self.signing = SigningEvaluator(self.snapshot_evaluator)
        self.receipts = self.signing.receipts
        self.ignore_cron = False
        self.restates = False
        self._has_begun = False

    def run(self, environment: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - SQLMesh's signature
        """Plan and run as SQLMesh does; automatic restatements are applied by one run at a time."""
        self.ignore_cron = bool(kwargs.get("ignore_cron"))
        self.restates = bool(kwargs.get("auto_restatement_enabled"))
        restated = kwargs.get("auto_restatement_enabled") and any(_restates_itself(s) for s in self.snapshots.values())
        kwargs["auto_restatement_enabled"] = bool(restated)
        if not restated:
            return self._run_whole(environment, *args, **kwargs)
        with one_at_a_time(self.desk.table, self.desk.policy.runner, f"restatements:{environment}") as turn:
            self._read_restatements_again()
            self.fenced.turn = turn
            return self._run_whole(environment, *args, **kwargs)

    def run_merged_intervals(
        self,
        *,
        merged_intervals: dict[Snapshot, Any],
        deployability_index: Any,  # noqa: ANN401 - SQLMesh's
        environment_naming_info: Any,  # noqa: ANN401 - SQLMesh's
        execution_time: Any = None,  # noqa: ANN401 - SQLMesh's
        circuit_breaker: Callable[[], bool] | None = None,
        run_environment_statements: bool = False,
        **others: Any,  # noqa: ANN401 - SQLMesh's
    ) -> tuple[list[NodeExecutionFailedError[SchedulingUnit]], list[SchedulingUnit]]:
        """Evaluate what is missing, each model under its claim, and the environment's statements around it."""
        setting = Setting(
            scheduler=self,
            deployability=deployability_index,
            execution_time=execution_time or now_timestamp(),
            naming=environment_naming_info,
            selected_models=others.get("selected_models"),
            interrupted=circuit_breaker,
            run_id=self.desk.policy.runner.run_id,
        )
        works = self._owed(setting, merged_intervals)
        self._begin(environment_naming_info.name, len(works))
        statements = self._statements(setting, others) if run_environment_statements else None
        try:
            if statements:
                statements(RuntimeStage.BEFORE_ALL)
            errors = self._conduct(works, stays=statements is not None)
        finally:
            if statements and not self.desk.stop.is_overdue:
                statements(RuntimeStage.AFTER_ALL)
            self.state_sync.recycle()
        return [_failure(name, error) for name, error in errors.items()], []

    def _run_whole(self, environment: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - SQLMesh's signature
        status = super().run(environment, *args, **kwargs)
        self._begin(getattr(environment, "name", environment), 0)  # SQLMesh walks over nothing when nothing is owed
        return status

    def _begin(self, environment: str, models: int) -> None:
        """Say once that the run starts, and what is promoted if that was not said of the present plan."""
        if not self._has_begun:
            self._has_begun = True
            self.desk.announce(models)
            key = (environment, self.desk.plan)
            promoted.tell(self.desk.table, self.desk.policy.runner, self.desk.report, key, self.snapshots.values())

    def _owed(self, setting: Setting, merged_intervals: dict[Snapshot, Any]) -> dict[str, Evaluation]:
        full = snapshots_to_dag(self.snapshots.values())
        batched = self.batch_intervals(
            merged_intervals,
            setting.deployability,
            setting.naming,
            dag=full.subdag(*(snapshot.snapshot_id for snapshot in merged_intervals)),
        )
        candidates = [s for s in merged_intervals if not setting.deployability.is_representative(s) or s in batched]
        absent = {
            snapshot.snapshot_id
            for snapshot in self.snapshot_evaluator.get_snapshots_to_create(candidates, setting.deployability)
        }
        return {
            snapshot.name: Evaluation(setting, snapshot, batches, create=snapshot.snapshot_id in absent)
            for snapshot, batches in batched.items()
            if batches or snapshot.snapshot_id in absent
        }

    def _conduct(self, works: dict[str, Evaluation], *, stays: bool) -> dict[str, Exception]:
        conductor = Conductor(
            works,
            Walk(self._edges(works)),
            self.desk.table,
            replace(self.desk.policy, stays=stays),
            self.desk.report,
            stop=self.desk.stop,
            describe=root_cause,
        )
        self.desk.stop.cut_short = self._cancel_queries
        with self.snapshot_evaluator.concurrent_context():
            return conductor.run()

    def _edges(self, works: dict[str, Evaluation]) -> dict[str, set[str]]:
        """Find for each owed model the owed ones nearest upstream, also through models that owe nothing."""
        nearest: dict[SnapshotId, set[str]] = {}
        edges: dict[str, set[str]] = {}
        for snapshot_id in snapshots_to_dag(self.snapshots.values()):
            snapshot = self.snapshots.get(snapshot_id)
            if snapshot is None:
                continue
            above = {name for parent in snapshot.parents for name in nearest.get(parent, ())} - {snapshot.name}
            nearest[snapshot_id] = above
            if snapshot.name in works:
                edges[snapshot.name] = above
                nearest[snapshot_id] = {snapshot.name}
        return edges

    def _statements(self, setting: Setting, others: dict[str, Any]) -> Callable[[RuntimeStage], None] | None:
        found = self.state_sync.get_environment_statements(setting.naming.name)
        if not any(each.before_all or each.after_all for each in found):
            return None

        def execute(stage: RuntimeStage) -> None:
            execute_environment_statements(
                adapter=self.snapshot_evaluator.adapter,
                environment_statements=found,
                runtime_stage=stage,
                environment_naming_info=setting.naming,
                default_catalog=self.default_catalog,
                snapshots=self.snapshots_by_name,
                start=others.get("start"),
                end=others.get("end"),
                execution_time=setting.execution_time,
                selected_models=setting.selected_models,
            )

        def execute_once(stage: RuntimeStage) -> None:
            name = f"statements:{setting.naming.name}:{setting.run_id}:{stage.value}"
            once(self.desk.table, self.desk.policy.runner, name, lambda: execute(stage))

        return execute_once

    def _read_restatements_again(self) -> None:
        stored = self.fenced.unfenced.get_snapshots(list(self.snapshots))
        for snapshot_id, snapshot in self.snapshots.items():
            if snapshot_id in stored:
                snapshot.next_auto_restatement_ts = stored[snapshot_id].next_auto_restatement_ts

    def _cancel_queries(self) -> None:
        """Ask the engines to give up what still runs; engines that cannot be asked go on until their client is gone."""
        for adapter in self.snapshot_evaluator.adapters.values():
            connections = getattr(adapter._connection_pool, "_thread_connections", {})  # noqa: SLF001 - no public way
            for connection in list(connections.values()):
                cancel = getattr(connection, "cancel", None) or getattr(connection, "interrupt", None)
                if cancel:
                    cancel()


def _restates_itself(snapshot: Snapshot) -> bool:
    return bool(snapshot.is_model and (snapshot.model.auto_restatement_cron or snapshot.pending_restatement_intervals))


def _failure(name: str, error: Exception) -> NodeExecutionFailedError[SchedulingUnit]:
    failure = NodeExecutionFailedError[SchedulingUnit](EvaluateNode(name, (0, 0), 0))
    failure.__cause__ = error
    return failure
