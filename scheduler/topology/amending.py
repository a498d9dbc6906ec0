"""A proposal for a project that has a job file: what is committed stays, new models find a place, gone ones leave.

A model that a job selects or reaches stays where it is. A new one goes to the job of what it depends on; a job that is
now too slow for its models is retimed; what fits nowhere gets a new job. Hand-made selectors are kept as they are
unless they select a model that another job has, or nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from scheduler import dag
from scheduler.jobfile import Job, JobType
from scheduler.topology import fresh, reselect, wording
from scheduler.topology.coverage import Coverage, coverage, pace
from scheduler.topology.proposal import ProposedJob, Removed, Standing
from scheduler.topology.selectors import Universe
from scheduler.topology.shape import Shape


@dataclass
class Amending:
    """The committed run jobs and where the models go, one by one."""

    shape: Shape
    universe: Universe
    present: Sequence[Job]
    cover: Coverage = field(init=False)
    owned: dict[str, set[int]] = field(init=False)
    home: dict[int, str] = field(init=False)
    edges: dict[str, set[str]] = field(init=False)
    placed: dict[str, list[int]] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    small: set[int] = field(default_factory=set)
    children: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Look at what the committed jobs cover."""
        self.cover = coverage(self.universe, self.present)
        self.home = dict(self.cover.home)
        self.children = [[] for _ in self.shape.parents]
        for child, above in enumerate(self.shape.parents):
            for parent in above:
                self.children[parent].append(child)
        self.edges = self.cover.edges()
        for index, names in self.cover.several.items():
            self.home[index] = self._between(index, names)
        self.owned = {job.name: set() for job in self.cover.jobs}
        for index, name in self.home.items():
            self.owned[name].add(index)

    def _between(self, index: int, names: tuple[str, ...]) -> str:
        """Decide between several jobs that select a model: where its parents are, else the first in the file."""
        above = {self.home.get(parent) for parent in self.shape.parents[index]}
        return next((name for name in names if name in above), names[0])

    def jobs(self) -> tuple[list[ProposedJob], list[Removed]]:
        """Return the proposed run jobs, and the committed ones that are left out."""
        new = set(self.cover.nowhere)
        self.small = self._small(new)
        for index in self.shape.graph.order:
            if index in new:
                self._place(index)
        added = self._new_jobs()
        kept, removed = [], []
        for job in self.present:
            one = self._amended(job)
            if one is None:
                removed.append(Removed(job.name, "nothing is left that it would run"))
            else:
                kept.append(one)
        return [*kept, *added], removed

    def _place(self, index: int) -> None:
        """Give a new model a job. All it depends on has one already, or is left over; nothing placed depends on it.

        (What a placed model depends on is reached by that model's job, so it is not new.)
        """
        above = [self.home[one] for one in self.shape.parents[index] if one in self.home]
        if not set(self.left).isdisjoint(self.shape.parents[index]):
            # What follows a left-over model must not go back into a committed job: that would be a cycle.
            self.left.append(index)
            return
        room = len(self.cover.jobs) < self.shape.options.max_jobs
        wished = self._last(above)
        if wished is None:
            wished = self._alike(index)
        elif room and not self._serves(wished, index):
            wished = self._quick_enough(index, above)
        if wished is None and not room and self.cover.jobs:
            wished = self._nearest(index)
        if wished is None:
            self.left.append(index)
        else:
            self._settle(index, wished, above)

    def _small(self, new: set[int]) -> set[int]:
        """Return the new models that together with all new ones they hang together with are not worth a job."""
        small: set[int] = set()
        seen: set[int] = set()
        for start in sorted(new):
            if start in seen:
                continue
            part, stack = {start}, [start]
            while stack:
                here = stack.pop()
                near = ({*self.shape.parents[here], *self.children[here]} & new) - part
                part |= near
                stack += near
            seen |= part
            if self.shape.work(part) < self.shape.options.smallest_seconds:
                small |= part
        return small

    def _settle(self, index: int, name: str, above: Iterable[str]) -> None:
        self.home[index] = name
        self.owned[name].add(index)
        self.placed.setdefault(name, []).append(index)
        for other in above:
            self.edges[other] |= {name} - {other}

    def _serves(self, name: str, index: int) -> bool:
        job = next(job for job in self.cover.jobs if job.name == name)
        return pace(job).serves(self.shape.cadences[index])

    def _quick_enough(self, index: int, above: list[str]) -> str | None:
        """Return another job that is frequent enough and may take the model without a cycle."""
        for job in sorted(self.cover.jobs, key=lambda job: (pace(job), job.name), reverse=True):
            frequent = job.select and pace(job).serves(self.shape.cadences[index])
            if frequent and not self._leads_back(job.name, above):
                return job.name
        return None

    def _alike(self, index: int) -> str | None:
        """Return the job for a model without ties: one with its schema, or a mixed one of its pace; or none.

        What is worth a job of its own does not go to a mixed one.
        """
        schema = self.shape.graph.models[index].name.rpartition(".")[0]
        scores = []
        for job in self.cover.jobs:
            if job.select and self.owned[job.name] and self._serves(job.name, index):
                schemas = [name.rpartition(".")[0] for name in self.shape.names(self.owned[job.name])]
                same = pace(job).shortest == self.shape.cadences[index].shortest
                if schema in schemas or (same and len(set(schemas)) > 1 and index in self.small):
                    scores.append((same, schemas.count(schema), job.name))
        return max(scores)[2] if scores else None

    def _nearest(self, index: int) -> str:
        """Return the job whose pace is nearest, for when no further job is allowed."""
        wanted = self.shape.cadences[index].shortest
        return min(self.cover.jobs, key=lambda job: (abs(pace(job).shortest - wanted), job.name)).name

    def _reaches(self, start: str) -> set[str]:
        seen, stack = {start}, [start]
        while stack:
            new = self.edges[stack.pop()] - seen
            seen |= new
            stack += new
        return seen

    def _last(self, names: list[str]) -> str | None:
        """Return the job that all the others lead to: nothing that follows it leads back."""
        return max(
            sorted(set(names)), key=lambda name: sum(name in self._reaches(one) for one in set(names)), default=None
        )

    def _leads_back(self, name: str, above: Iterable[str]) -> bool:
        """Whether a model that depends on the jobs `above` would close a cycle in the job."""
        after = self._reaches(name) - {name}
        return any(one in after for one in above)

    def _new_jobs(self) -> list[ProposedJob]:
        """Propose jobs for what fits into none of the committed ones."""
        if not self.left:
            return []
        graph = self.shape.graph
        names = {graph.models[index].name for index in self.left}
        models = [graph.models[index] for index in self.left]
        part = dag.graph(
            replace(model, depends_on=tuple(name for name in model.depends_on if name in names)) for model in models
        )
        taken = [job.name for job in self.present]
        options = replace(self.shape.options, max_jobs=max(1, self.shape.options.max_jobs - len(self.cover.jobs)))
        shape = Shape(part, options, self.shape.history)
        jobs = fresh.jobs(shape, Universe(part), taken, alone=False)
        members = {job.name: frozenset(graph.index[name] for name in job.models) for job in jobs}
        selects = reselect.covers(self.universe, members)
        return [replace(job, select=selects[job.name]) for job in jobs]

    def _amended(self, job: Job) -> ProposedJob | None:
        """Return a committed job with what changes about it; None when nothing is left of it."""
        members = frozenset(self.owned[job.name])
        if not members and job.select and job.name not in self.cover.faults and not self.cover.reached[job.name]:
            return None if not self.universe.unknowable(job.select) else self._kept(job, members)
        one = self._kept(job, members)
        if job.select and job.name not in self.cover.faults and not self.universe.unknowable(job.select):
            foreign = {index for index in self.cover.several if self.home[index] != job.name}
            wanted = (self.cover.selected[job.name] - foreign) | set(self.placed.get(job.name, ()))
            one = replace(one, select=reselect.kept(self.universe, job.select, wanted))
            if not one.select:  # an empty list would mean everything
                return None
        needed = self.shape.serving(members) if members else None
        if needed is not None and not all(pace(job).serves(self.shape.cadences[index]) for index in members):
            one = replace(one, schedule=needed.schedule, timezone=needed.timezone)
        changed = (one.select, one.schedule, one.timezone) != (job.select, job.schedule, job.timezone)
        return replace(one, reason=self._why(job, one), standing=Standing.AMENDED) if changed else one

    def _kept(self, job: Job, members: frozenset[int]) -> ProposedJob:
        return ProposedJob(
            name=job.name,
            schedule=job.schedule,
            timezone=job.timezone,
            type=job.type,
            select=job.select,
            parallelism=job.parallelism,
            models=self.shape.names(members),
            reason=wording.kept(len(members)),
            change=wording.KEPT_CHANGE,
            standing=Standing.KEPT,
        )

    def _why(self, job: Job, one: ProposedJob) -> str:
        retimed = (job.schedule, job.timezone) != (one.schedule, one.timezone)
        placed = self.shape.names(self.placed.get(job.name, ()))
        return wording.amended(len(one.models), placed, pace(one).words if retimed else "")


def amended(shape: Shape, universe: Universe, present: Sequence[Job]) -> tuple[list[ProposedJob], list[Removed]]:
    """Propose run jobs that start from the committed ones."""
    return Amending(shape, universe, [job for job in present if job.type is JobType.RUN]).jobs()
