"""Everything that a command can bring about: a closed set, so that each place that acts covers all of it.

The rule: an action names its object completely (project and job, or a run id); whoever acts decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CheckFiles:
    """Read every `meshbot.yaml` at or below `path` and say what is wrong; `models` holds it against the project."""

    path: str
    models: bool = True


@dataclass(frozen=True)
class Generate:
    """Propose the jobs of the project in `path`; `write` them into its file; show one `format` of it, or words."""

    path: str
    write: bool = False
    format: str | None = None


@dataclass(frozen=True)
class CompareFiles:
    """Say what changes from one job file to another; `models` is the project in which models are followed."""

    old: str
    new: str
    models: str | None = None


@dataclass(frozen=True)
class DrawGraph:
    """Show the models of the project in `path` by job."""

    path: str
    format: str | None = None


@dataclass(frozen=True)
class ListJobs:
    """Show the live schedule: of one project, or of all."""

    project: str | None = None


@dataclass(frozen=True)
class StartRun:
    """Make a run of a job now, over [start, end) when they are given; `wait` until it has ended."""

    project: str
    job: str
    start: datetime | None = None
    end: datetime | None = None
    wait: bool = False


@dataclass(frozen=True)
class ShowStatus:
    """Show what runs, what comes next and what is wrong: everywhere, or for one job."""

    project: str | None = None
    job: str | None = None


@dataclass(frozen=True)
class ListRuns:
    """Show the last `limit` runs: of one job, or of all."""

    project: str | None
    job: str | None
    limit: int


@dataclass(frozen=True)
class ShowLogs:
    """Show what a run printed; `follow` it until it ends."""

    run_id: str
    follow: bool = False


@dataclass(frozen=True)
class CancelRun:
    """Ask a run to end."""

    run_id: str


@dataclass(frozen=True)
class RetryRun:
    """Make a new run of what an ended run was to do; `wait` until it has ended."""

    run_id: str
    wait: bool = False


@dataclass(frozen=True)
class PauseJob:
    """Stop scheduling a job, until a moment or until it is resumed."""

    project: str
    job: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class ResumeJob:
    """Schedule a paused job again."""

    project: str
    job: str


@dataclass(frozen=True)
class ListClaims:
    """Show which runs hold which models of these projects."""

    projects: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseClaim:
    """Take a model from the run that holds it; that run can then no longer record what it does."""

    project: str
    model: str


@dataclass(frozen=True)
class ShowHelp:
    """Show every command, or one of them in full."""

    command: str | None = None


Action = (
    CheckFiles
    | Generate
    | CompareFiles
    | DrawGraph
    | ListJobs
    | StartRun
    | ShowStatus
    | ListRuns
    | ShowLogs
    | CancelRun
    | RetryRun
    | PauseJob
    | ResumeJob
    | ListClaims
    | ReleaseClaim
    | ShowHelp
)
