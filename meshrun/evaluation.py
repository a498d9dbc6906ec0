"""One owed model of a run: what of it is missing once its claim is held, and the evaluation of one batch.

What SQLMesh's Scheduler does for one node of its graph is done here, with two differences: the missing intervals are
read again after the claim was taken, and whether the table exists is asked again if it did not exist before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlmesh.core.scheduler import _expand_range_as_interval
from sqlmesh.core.snapshot import DeployabilityIndex, Snapshot, SnapshotIdBatch

from .cut import remaining
from .report import Ending
from .tenure import Claim, Row, claim_key
from .walk import CREATE, Batches, Interval, Unit
from .work import InterruptedRunError

if TYPE_CHECKING:
    from .claiming import ClaimingScheduler


@dataclass(frozen=True)
class Setting:
    """What is the same for every model of a run."""

    scheduler: ClaimingScheduler
    deployability: DeployabilityIndex
    execution_time: Any
    naming: Any
    selected_models: set[str] | None
    interrupted: Callable[[], bool] | None
    run_id: str


@dataclass
class Evaluation:
    """The work on one snapshot: its planned batches, and whether its table was absent when the run was planned."""

    setting: Setting
    snapshot: Snapshot
    planned: list[Interval]
    create: bool
    label: str = ""
    key: str = ""
    _missing: list[Interval] = field(default_factory=list)
    _done: Ending = field(default_factory=lambda: Ending("", "up_to_date"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.label = self.snapshot.node.name
        self.key = claim_key(self._physical_name())
        self._done.model = self.label
        self._missing = self._read_missing()

    def prepare(self, claim: Claim, row: Row) -> Batches:
        """Read again what is missing and cut what others have done meanwhile."""
        scheduler = self.setting.scheduler
        scheduler.fenced.claims[self.snapshot.name] = claim
        self.reread()
        scheduler.receipts.settle(self, claim)
        missing = self._read_missing()
        batches = self.planned if missing == self._missing else self._cut(missing)
        if self._was_done_by_a_sibling(row) and self.snapshot.is_model and self.snapshot.model.allow_partials:
            batches = []  # a partial interval is never recorded as done, only this row says that it is
        separately = self.create and (self._creates_separately() or not self.planned)
        return Batches(list(batches), self._width(), separately and (bool(batches) or not self.planned))

    def perform(self, unit: Unit) -> None:
        """Create the table, or evaluate, audit and record one batch."""
        setting = self.setting
        if setting.interrupted and setting.interrupted():
            raise InterruptedRunError
        if unit == CREATE:
            self._create()
        else:
            self._evaluate(unit)
        with self._lock:
            self._done.status = "evaluated"

    def ending(self) -> Ending:
        """Tell what was done so far."""
        return self._done

    @property
    def deployable(self) -> bool:
        """Whether the table is the one of production."""
        return bool(self.setting.deployability.is_deployable(self.snapshot))

    def _create(self) -> None:
        scheduler = self.setting.scheduler
        scheduler.snapshot_evaluator.create_snapshot(
            snapshot=self.snapshot,
            snapshots=scheduler.snapshots_by_name,
            deployability_index=self.setting.deployability,
            allow_destructive_snapshots=set(),
            allow_additive_snapshots=set(),
        )

    def _evaluate(self, unit: Unit) -> None:
        start, end = unit.interval or (0, 0)
        began = time.monotonic()
        try:
            self.setting.scheduler.receipts.evaluate(self, unit.index, start, end)
        finally:
            self._count(unit, time.monotonic() - began)
        with self._lock:
            self._done.intervals.append((start, end))

    def reread(self) -> None:
        """Read from the state again which intervals of the snapshot are done, and which of those are to be restated."""
        scheduler = self.setting.scheduler
        self.snapshot.pending_restatement_intervals = []  # SQLMesh would add what it reads to what it knew before
        scheduler.state_sync.refresh_snapshot_intervals([self.snapshot])
        if scheduler.restates:
            self.snapshot.apply_pending_restatement_intervals()

    def audit(self, start: int, end: int) -> None:
        """Audit what was committed for an interval; raises as SQLMesh does."""
        setting = self.setting
        setting.scheduler._audit_snapshot(  # noqa: SLF001 - a scheduler's own step
            snapshot=self.snapshot,
            environment_naming_info=setting.naming,
            start=start,
            end=end,
            execution_time=setting.execution_time,
            snapshots=setting.scheduler.snapshots_by_name,
            deployability_index=setting.deployability,
        )

    def record(self, start: int, end: int) -> None:
        """Record an interval as done, under the claim."""
        self.setting.scheduler.state_sync.add_interval(self.snapshot, start, end, is_dev=not self.deployable)

    def check(self) -> None:
        """Raise `ClaimLostError` if the claim was taken over."""
        self.setting.scheduler.fenced.check(self.snapshot)

    def evaluate_and_record(self, index: int, start: int, end: int) -> None:
        """Evaluate one batch as SQLMesh does, audit it and record its interval."""
        setting = self.setting
        setting.scheduler.evaluate(
            snapshot=self.snapshot,
            environment_naming_info=setting.naming,
            start=start,
            end=end,
            execution_time=setting.execution_time,
            deployability_index=setting.deployability,
            batch_index=index,
            # None: let SQLMesh look; another run may have created the table since this one was planned
            target_table_exists=None if self.create and not index else True,
            selected_models=setting.selected_models,
        )

    def _count(self, unit: Unit, seconds: float) -> None:
        evaluator = self.setting.scheduler.signing
        audits, tracker = evaluator.audits(), evaluator.execution_tracker
        batch = SnapshotIdBatch(snapshot_id=self.snapshot.snapshot_id, batch_id=unit.index)
        stats = tracker.get_execution_stats(batch)
        rows = stats.total_rows_processed if stats else None
        failed = sum(1 for audit in audits if audit.count)
        with self._lock:
            self._done.seconds += seconds
            self._done.failed += failed
            self._done.passed += len(audits) - failed
            if rows is not None:
                self._done.rows = (self._done.rows or 0) + rows

    def _read_missing(self) -> list[Interval]:
        """Ask SQLMesh what is missing within the planned time."""
        if not self.planned:
            return []
        low, high = self.planned[0][0], max(end for _, end in self.planned)
        return list(
            self.snapshot.missing_intervals(
                low,
                high,
                execution_time=self.setting.execution_time,
                deployability_index=self.setting.deployability,
                ignore_cron=self.setting.scheduler.ignore_cron,
            )
        )

    def _cut(self, missing: list[Interval]) -> list[Interval]:
        unit = self.snapshot.node.interval_unit
        planned = [each for low, high in self.planned for each in _expand_range_as_interval(low, high, unit)]
        return remaining(planned, missing, self.snapshot.node.batch_size)

    def _was_done_by_a_sibling(self, row: Row) -> bool:
        return row.last_outcome == "done" and row.last_run_id == self.setting.run_id

    def _creates_separately(self) -> bool:
        node, width = self.snapshot.node, self._width()
        return bool(self.snapshot.is_incremental_by_time_range or ((not width or width > 1) and node.batch_size))

    def _width(self) -> int | None:
        if self.snapshot.depends_on_past:
            return 1
        width: int | None = self.snapshot.node.batch_concurrency
        return width

    def _physical_name(self) -> str:
        if not self.snapshot.is_model:
            return f"audit:{self.snapshot.name}:{self.snapshot.version}"
        name: str = self.snapshot.table_name(is_deployable=self.deployable)
        return name
