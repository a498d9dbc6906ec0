"""A run and its life, as values.

A run is one tick of one job: `(project, job, scheduled_for, attempt)`. Its id is derived from that, and is a lock: a
second "create" of the same run finds the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands. The last eight are final, and only the reconciler writes them."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    NOOP = "noop"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to the run any more."""
        return self not in {RunState.QUEUED, RunState.STARTING, RunState.RUNNING}


class Trigger(StrEnum):
    """Why a run exists."""

    CRON = "cron"
    MANUAL = "manual"
    RETRY = "retry"
    CATCH_UP = "catch_up"


class ModelStatus(StrEnum):
    """What became of one model in one run."""

    EVALUATED = "evaluated"
    UP_TO_DATE = "up_to_date"
    CLAIMED_ELSEWHERE = "claimed_elsewhere"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True)
class ModelResult:
    """What a run reported of one model (a `model` line of meshrun's report)."""

    model: str
    status: ModelStatus
    seconds: float = 0.0
    rows: int | None = None
    intervals: tuple[tuple[str, str], ...] = ()
    audits_passed: int = 0
    audits_failed: int = 0
    error: str | None = None
    blocked_by: tuple[str, ...] = ()
    held_by: str | None = None


@dataclass(frozen=True)
class Report:
    """All that meshrun said of one run: its model results and its last line, if that came."""

    models: tuple[ModelResult, ...] = ()
    outcome: RunState | None = None
    next_due: datetime | None = None
    error: str | None = None
