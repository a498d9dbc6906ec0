"""What a proposal consists of: jobs with their reasons, notes for people, and the assumptions it was made under.

A proposal is a value. Nothing here decides; `scheduler.topology.propose` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from scheduler.jobfile import JobType
from scheduler.topology.cadence import Cadence

MINUTE = 60.0
# Kinds that are cheap to evaluate: a view is a statement, no data are moved.
CHEAP_KINDS = frozenset({"VIEW", "EXTERNAL"})


@dataclass(frozen=True)
class Options:
    """What a team may decide, and what is assumed where no history tells. Seconds are seconds of one worker."""

    max_jobs: int = 12
    max_concurrent_models: int = 5
    max_parallelism: int = 8
    target_seconds: float = 30 * MINUTE  # how long a run should take at most before it gets more pods
    smallest_seconds: float = 30.0  # a part with less work is not worth a pod of its own
    pod_seconds: float = 15.0  # from the tick to the first model: pod, import, state
    model_seconds: float = 10.0
    view_seconds: float = 1.0


@dataclass(frozen=True)
class History:
    """What earlier runs tell: the usual seconds of each model, by name."""

    seconds: Mapping[str, float] = field(default_factory=dict)


class Standing(StrEnum):
    """How a proposed job relates to the committed one."""

    NEW = "new"
    KEPT = "kept"
    AMENDED = "amended"


@dataclass(frozen=True)
class ProposedJob:
    """One job. `models` are those it is responsible for, by name; a run evaluates what is due upstream of them too."""

    name: str
    schedule: str
    timezone: str = "UTC"
    type: JobType = JobType.RUN
    select: tuple[str, ...] = ()
    parallelism: int = 1
    models: tuple[str, ...] = ()
    reason: str = ""
    change: str = ""
    standing: Standing = Standing.NEW

    def with_standing(self, standing: Standing) -> ProposedJob:
        """Return the same job, told apart from the committed one or not."""
        return replace(self, standing=standing)


class Level(StrEnum):
    """How much a note or a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, order=True)
class Note:
    """One thing that people should know: about which models, in one sentence, and what to do."""

    level: Level
    code: str
    sentence: str
    remedy: str
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class Removed:
    """A committed job that the proposal leaves out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Proposal:
    """The proposed jobs, by name, the janitor last."""

    jobs: tuple[ProposedJob, ...]
    notes: tuple[Note, ...] = ()
    removed: tuple[Removed, ...] = ()
    options: Options = Options()
    measured: int = 0  # how many of the models have a history
    models: int = 0

    @property
    def run_jobs(self) -> tuple[ProposedJob, ...]:
        """The jobs that evaluate models."""
        return tuple(job for job in self.jobs if job.type is JobType.RUN)


@dataclass(frozen=True)
class Group:
    """The models of one job to be, as indexes of the graph, before it has a name."""

    models: frozenset[int]
    band: int
    parts: int = 1
    cadence: Cadence | None = None
    first: str = ""
    last: str = ""
    share: int = 0  # of how many models this is one range; 0 when it is none

    def joined(self, other: Group) -> Group:
        """Return one group of both, in this one's place."""
        return replace(self, models=self.models | other.models, parts=self.parts + other.parts)


def joined(groups: Iterable[Group]) -> Group:
    """Return one group of all, in the place of the first."""
    first, *rest = groups
    models = first.models.union(*(group.models for group in rest))
    return replace(first, models=models, parts=first.parts + sum(group.parts for group in rest))
