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
    """Make a new run of what an ended run was to do, or only of what `failed` in it; `wait` until it has ended."""

    run_id: str
    wait: bool = False
    failed: bool = False


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


@dataclass(frozen=True)
class AcceptProposal:
    """Commit what is proposed for the projects of a pull request: all of it, or only what it says of these jobs."""

    jobs: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetKeys:
    """Commit other values of a job's keys to a pull request; None takes the key out of the file."""

    job: str
    values: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class MergePull:
    """Merge a pull request whose job files are approved."""


@dataclass(frozen=True)
class TrustHead:
    """Let the models of a pull request be read at its head; `sha` says, in part or whole, which head was looked at."""

    sha: str | None = None


@dataclass(frozen=True)
class ProposeHere:
    """Say what is proposed for one project of a pull request, or for each."""

    project: str | None = None


@dataclass(frozen=True)
class CompareHere:
    """Say what a pull request changes in the jobs of one project, or of each."""

    project: str | None = None


@dataclass(frozen=True)
class CheckHere:
    """Check the job file of one project of a pull request, or of each, and hold it against the models."""

    project: str | None = None


@dataclass(frozen=True)
class DrawHere:
    """Draw the models of one project of a pull request, or of each, by job."""

    project: str | None = None


PullAction = AcceptProposal | SetKeys | MergePull | TrustHead | ProposeHere | CompareHere | CheckHere | DrawHere
"""What only a comment on a pull request can bring about, since it is about that pull request."""

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
