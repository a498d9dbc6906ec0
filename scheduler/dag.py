"""The model graph as data: what `meshrun describe` prints, and what every proposal and lint is made from.

A graph is complete and acyclic, or it is refused: each dependency is a model of the graph (an undeclared source is a
model too, marked so), each name is there once. Models are sorted by name, so that equal graphs are equal values
whatever the order they were read in. The JSON is written and checked in `scheduler.dagjson`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from scheduler.errors import UserError


class GraphError(UserError):
    """A graph that cannot be: what is wrong, and with which model."""


class Flag(StrEnum):
    """What makes a model different from one that runs."""

    EXTERNAL = "external"  # a table that the project reads and does not make
    UNDECLARED = "undeclared"  # the same, and nobody wrote it down; it was found in a query
    SEED = "seed"  # a file; loaded by a plan, never by a run
    EMBEDDED = "embedded"  # a query that is written into those who read it
    SYMBOLIC = "symbolic"  # has no table (SQLMesh's word for external and embedded)
    FOREIGN = "foreign"  # belongs to another project


NEVER_RUN = frozenset({Flag.SEED, Flag.EMBEDDED, Flag.UNDECLARED, Flag.FOREIGN})
WITHOUT_TABLE = frozenset({Flag.EXTERNAL, Flag.SYMBOLIC})


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `name` is the name that selectors match; `depends_on` and `hidden_reads` are such names.

    `hidden_reads` are tables that only audits or statements read: SQLMesh does not wait for them. `line` counts from 1,
    0 is unknown. `engine` is the type of the gateway's connection (`postgres`), `dialect` that of the query.
    """

    name: str
    kind: str = "FULL"
    cron: str | None = "@daily"
    cron_tz: str = "UTC"
    interval_unit: str | None = None
    depends_on: tuple[str, ...] = ()
    hidden_reads: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    audits: tuple[str, ...] = ()
    flags: frozenset[Flag] = frozenset()
    owner: str | None = None
    gateway: str | None = None
    engine: str | None = None
    dialect: str | None = None
    project: str | None = None
    path: str | None = None
    line: int = 0
    fingerprint: str | None = None

    @property
    def schedulable(self) -> bool:
        """Whether a run evaluates it. An external model with audits counts: its audits run on its cron."""
        if self.flags & NEVER_RUN:
            return False
        return bool(self.audits) if self.flags & WITHOUT_TABLE else True


@dataclass(frozen=True, slots=True)
class StandaloneAudit:
    """A query that checks and makes nothing. It has a cron of its own, and no selector selects it."""

    name: str
    cron: str | None = "@daily"
    depends_on: tuple[str, ...] = ()
    path: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class LoadFault:
    """Something that stood in the way of loading, and how the graph came about nevertheless."""

    where: str
    problem: str
    remedy: str = ""


@dataclass(frozen=True)
class Graph:
    """All models of a project. Built by `graph`, which checks it."""

    models: tuple[Model, ...] = ()
    audits: tuple[StandaloneAudit, ...] = ()
    faults: tuple[LoadFault, ...] = ()
    project: str | None = None
    sqlmesh: str | None = None
    default_catalog: str | None = None
    state_engine: str | None = None
    index: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> Model:
        """Return the model of that name. Raises `KeyError`."""
        return self.models[self.index[name]]

    def __contains__(self, name: object) -> bool:
        return name in self.index

    @cached_property
    def schedulable(self) -> tuple[Model, ...]:
        """The models that runs evaluate, by name."""
        return tuple(model for model in self.models if model.schedulable)

    @cached_property
    def parents(self) -> tuple[tuple[int, ...], ...]:
        """For each model the indexes of what it depends on."""
        return tuple(tuple(self.index[name] for name in model.depends_on) for model in self.models)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For each model the indexes of what depends on it."""
        found: list[list[int]] = [[] for _ in self.models]
        for child, above in enumerate(self.parents):
            for parent in above:
                found[parent].append(child)
        return tuple(map(tuple, found))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """All indexes, parents before children; the same for equal graphs."""
        waiting = [len(above) for above in self.parents]
        ready = [index for index, count in enumerate(waiting) if not count]
        for index in ready:  # grows while it is read
            for child in self.children[index]:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return tuple(ready)


def graph(  # noqa: PLR0913 - the parts of a graph, all by name but the models
    models: Iterable[Model],
    *,
    audits: Iterable[StandaloneAudit] = (),
    faults: Iterable[LoadFault] = (),
    project: str | None = None,
    sqlmesh: str | None = None,
    default_catalog: str | None = None,
    state_engine: str | None = None,
) -> Graph:
    """Build a graph from models in any order.

    Raises `GraphError` for two models of one name, a dependency that is no model of the graph, or a cycle.
    """
    ordered = tuple(sorted(map(_sorted, models), key=lambda model: model.name))
    index = {model.name: position for position, model in enumerate(ordered)}
    _check_names(ordered, index)
    built = Graph(
        ordered,
        tuple(sorted(audits, key=lambda audit: audit.name)),
        tuple(faults),
        project,
        sqlmesh,
        default_catalog,
        state_engine,
        index,
    )
    if len(built.order) != len(ordered):
        raise GraphError(f"building the graph: a cycle, {_cycle(built)}; no order of evaluation exists")
    return built


def _sorted(model: Model) -> Model:
    """Return the model with its sets in order, so that equal graphs are equal values."""
    sets = (model.depends_on, model.hidden_reads, model.tags, model.audits)
    above, hidden, tags, audits = (found if len(found) < 2 else tuple(sorted(set(found))) for found in sets)  # noqa: PLR2004
    if (above, hidden, tags, audits) == sets:
        return model
    return replace(model, depends_on=above, hidden_reads=hidden, tags=tags, audits=audits)


def _check_names(models: tuple[Model, ...], index: Mapping[str, int]) -> None:
    if len(index) != len(models):
        twice = next(one.name for one, two in pairwise(models) if one.name == two.name)
        raise GraphError(f"building the graph: two models are called {twice!r}; a name stands for one model")
    for model in models:
        for name in model.depends_on:
            if name not in index:
                raise GraphError(
                    f"building the graph: {model.name!r} depends on {name!r}, which is not in the graph; "
                    "list an undeclared source as a model with the flags external and undeclared"
                )


def _cycle(built: Graph) -> str:
    """Word one cycle. Every model that is not in `order` has a parent that is not in it either."""
    stuck = set(range(len(built.models))) - set(built.order)
    here, seen = min(stuck), []
    while here not in seen:
        seen.append(here)
        here = min(parent for parent in built.parents[here] if parent in stuck)
    names = [built.models[index].name for index in (*seen[seen.index(here) :], here)]
    return " <- ".join(names if len(names) <= 8 else [*names[:4], "...", *names[-3:]])  # noqa: PLR2004 - fits a line
