"""What the store hands out and takes in, as frozen values. Nothing of SQLAlchemy is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from scheduler.incidents import Incident, NewAlert
from scheduler.jobfile import CatchUp, Job, Paused
from scheduler.runs import ModelResult, Run, RunState, Trigger


@dataclass(frozen=True)
class ProjectRow:
    """A project as its tracked branch last said it. `removed_at` is set when its job file is gone."""

    name: str
    environment: str
    timezone: str
    repository: str
    path: str
    branch: str
    sha: str
    merged_at: datetime
    removed_at: datetime | None = None


@dataclass(frozen=True)
class Origin:
    """Where a job file was read: repository (URL or local path), folder in its tree, tracked branch, commit."""

    repository: str
    path: str
    branch: str
    sha: str


@dataclass(frozen=True)
class Pause:
    """Why a job starts nothing now, until when (None: until somebody resumes it), and whose word it is."""

    reason: str
    until: datetime | None
    by: Literal["file", "operator"]
    since: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether a tick at `at` is suppressed."""
        return self.until is None or at < self.until


def pauses_of(operator: Pause | None, file: Paused | None) -> tuple[Pause, ...]:
    """Put the operator's pause and the file's together, the operator's first."""
    of_file = Pause(file.reason, file.until, "file") if file is not None else None
    return tuple(pause for pause in (operator, of_file) if pause is not None)


@dataclass(frozen=True)
class JobRow:
    """A job of the live schedule (`removed_at` is None) or one that was in it."""

    project: str
    job: Job
    sha: str
    next_tick: datetime | None
    last_tick: datetime | None
    operator_pause: Pause | None
    updated_at: datetime
    removed_at: datetime | None = None

    @property
    def name(self) -> str:
        """The job's name in its project."""
        return self.job.name

    def paused(self, at: datetime) -> Pause | None:
        """Say what keeps the job from starting at `at`: the operator's pause, else the file's, else nothing."""
        return next((pause for pause in self.pauses if pause.holds(at)), None)

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """Both pauses, the operator's first; they may be over."""
        return pauses_of(self.operator_pause, self.job.paused)


@dataclass(frozen=True)
class ScheduleChange:
    """What a push did to the schedule: names of jobs. A job is in exactly one of the five."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retimed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True)
class DueJob:
    """What the clock needs to know of a job whose next tick has come."""

    project: str
    name: str
    schedule: str
    timezone: str
    next_tick: datetime
    catch_up: CatchUp
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True)
class Tick:
    """A tick that becomes a run."""

    at: datetime
    trigger: Trigger = Trigger.CRON


@dataclass(frozen=True)
class MissedTicks:
    """Ticks that become no run; both ends are among them."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True)
class TickPlan:
    """What the clock decided for one due job: the runs to make, where to go on, and what was missed."""

    ticks: tuple[Tick, ...]
    next_tick: datetime
    last_tick: datetime | None
    missed: MissedTicks | None = None


@dataclass(frozen=True)
class TickBatch:
    """What one transaction of the clock did: how many jobs it took, and the runs that were made."""

    jobs: int
    run_ids: list[str]


@dataclass(frozen=True)
class Ending:
    """The end of a run and all that follows from it, recorded together or not at all.

    `run` is in its final state; `was` is the state in which it was read. `retry` is the next attempt. `incident` is the
    incident as it shall be (its `version` as read; 0 for a new one).
    """

    run: Run
    was: RunState
    results: tuple[ModelResult, ...] = ()
    retry: Run | None = None
    incident: Incident | None = None
    alerts: tuple[NewAlert, ...] = ()


@dataclass(frozen=True)
class Heartbeat:
    """A sign of life: which process, which one of them, where it looks after runs, since when, and when last heard."""

    process: str
    instance: str
    since: datetime
    at: datetime
    place: str | None = None


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list; what is not given does not matter. `before` bounds `created_at`, for the next page."""

    project: str | None = None
    projects: frozenset[str] | None = None
    job: str | None = None
    states: frozenset[RunState] = frozenset()
    before: datetime | None = None
