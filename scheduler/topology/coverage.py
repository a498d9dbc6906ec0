"""Which job is responsible for which model.

A job selects models, and a run evaluates what is due upstream of them too. So a model that a job reaches does run. Its
home is the job that selects it; else the most frequent job that reaches it. A job without selectors selects everything
and is a safety net: that others select the same models is no fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from scheduler.dag import Graph
from scheduler.jobfile import JobType
from scheduler.topology import cadence
from scheduler.topology.cadence import Cadence
from scheduler.topology.selectors import SelectorError, Universe


class AnyJob(Protocol):
    """A committed job or a proposed one."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as in `scheduler.jobfile.jobs.Job`
    @property
    def type(self) -> JobType: ...  # noqa: D102
    @property
    def schedule(self) -> str: ...  # noqa: D102
    @property
    def timezone(self) -> str: ...  # noqa: D102
    @property
    def select(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def parallelism(self) -> int: ...  # noqa: D102


def pace(job: AnyJob) -> Cadence:
    """Return how often a job runs."""
    return cadence.of(job.schedule, job.timezone)


@dataclass(frozen=True)
class Coverage:
    """Which run job selects and reaches which models; models that run only, as indexes of the graph."""

    universe: Universe
    jobs: tuple[AnyJob, ...]
    selected: Mapping[str, frozenset[int]]
    reached: Mapping[str, frozenset[int]]
    faults: Mapping[str, SelectorError] = field(default_factory=dict)

    @cached_property
    def home(self) -> Mapping[int, str]:
        """The job that is responsible for each model that runs at all."""
        # Filled from the weakest claim to the strongest: reached, selected; each from rare to frequent.
        ordered = sorted(self.jobs, key=lambda job: (pace(job), job.name), reverse=True)
        found: dict[int, str] = {}
        for job in ordered:
            found.update(dict.fromkeys(self.reached[job.name], job.name))
        for job in ordered:
            if job.select:
                found.update(dict.fromkeys(self.selected[job.name], job.name))
        return found

    @cached_property
    def owned(self) -> Mapping[str, frozenset[int]]:
        """The models that each job is the home of."""
        found: dict[str, set[int]] = {job.name: set() for job in self.jobs}
        for index, name in self.home.items():
            found[name].add(index)
        return {name: frozenset(members) for name, members in found.items()}

    @cached_property
    def nowhere(self) -> tuple[int, ...]:
        """The models that no job selects or reaches: they would never run."""
        return tuple(sorted(self.universe.schedulable - self.home.keys()))

    @cached_property
    def several(self) -> Mapping[int, tuple[str, ...]]:
        """The models that several jobs select, jobs without selectors aside."""
        found: dict[int, list[str]] = {}
        for job in self.jobs:
            if job.select:
                for index in self.selected[job.name]:
                    found.setdefault(index, []).append(job.name)
        return {index: tuple(names) for index, names in sorted(found.items()) if len(names) > 1}

    def edges(self) -> dict[str, set[str]]:
        """Return for each job those that hold something directly downstream of it."""
        found: dict[str, set[str]] = {job.name: set() for job in self.jobs}
        for child, above in enumerate(self.universe.graph.parents):
            for parent in above:
                one, two = self.home.get(parent), self.home.get(child)
                if one is not None and two is not None and one != two:
                    found[one].add(two)
        return found


def coverage(graph: Graph | Universe, jobs: Iterable[AnyJob]) -> Coverage:
    """Work out what each run job covers. A selector that cannot be read covers nothing; `faults` has it."""
    universe = graph if isinstance(graph, Universe) else Universe(graph)
    runs = tuple(job for job in jobs if job.type is JobType.RUN)
    selected: dict[str, frozenset[int]] = {}
    faults: dict[str, SelectorError] = {}
    for job in runs:
        try:
            found = universe.select(job.select)
        except SelectorError as error:
            faults[job.name] = error
            found = frozenset()
        selected[job.name] = found
    reached = {name: universe.upstream(found) & universe.schedulable for name, found in selected.items()}
    only = {name: found & universe.schedulable for name, found in selected.items()}
    return Coverage(universe, runs, only, reached, faults)


@dataclass(frozen=True)
class Retimed:
    """A job whose schedule changed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Moved:
    """A model whose home changed. None: it had none, or has none any more."""

    model: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Difference:
    """What changes from one set of jobs to another."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retimed: tuple[Retimed, ...] = ()
    reselected: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()  # another parallelism
    moved: tuple[Moved, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.retimed, self.reselected, self.resized, self.moved))


def difference(before: Sequence[AnyJob], after: Sequence[AnyJob], graph: Graph | Universe | None = None) -> Difference:
    """Compare two sets of jobs; with a graph also which models move."""
    old, new = ({job.name: job for job in jobs} for jobs in (before, after))
    both = sorted(old.keys() & new.keys())
    pairs = [(name, old[name], new[name]) for name in both]
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        retimed=tuple(Retimed(name, _time(one), _time(two)) for name, one, two in pairs if _time(one) != _time(two)),
        reselected=tuple(name for name, one, two in pairs if one.select != two.select),
        resized=tuple(name for name, one, two in pairs if one.parallelism != two.parallelism),
        moved=_moved(before, after, graph) if graph is not None else (),
    )


def _time(job: AnyJob) -> str:
    return f"{job.schedule} {job.timezone}"


def _moved(before: Sequence[AnyJob], after: Sequence[AnyJob], graph: Graph | Universe) -> tuple[Moved, ...]:
    universe = graph if isinstance(graph, Universe) else Universe(graph)
    old, new = coverage(universe, before).home, coverage(universe, after).home
    moves = [
        Moved(universe.graph.models[index].name, old.get(index), new.get(index))
        for index in sorted(old.keys() | new.keys())
    ]
    return tuple(one for one in moves if one.before != one.after)
