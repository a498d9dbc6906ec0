"""A graph prepared for grouping: cadence and effort of each model, and who depends on whom among models that run.

Dependencies pass through what never runs (embedded models, undeclared sources). All lists run parallel to
`graph.models`; -1 as a band means that the model never runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from scheduler.dag import Graph
from scheduler.topology import cadence
from scheduler.topology.cadence import Cadence
from scheduler.topology.proposal import CHEAP_KINDS, History, Options


@dataclass(frozen=True)
class Shape:
    """The graph with what the options and the history say about it."""

    graph: Graph
    options: Options
    history: History

    @cached_property
    def runs(self) -> tuple[bool, ...]:
        """Which models are evaluated by runs."""
        return tuple(model.schedulable for model in self.graph.models)

    @cached_property
    def cadences(self) -> tuple[Cadence, ...]:
        """The cadence of each model."""
        return tuple(cadence.of(model.cron, model.cron_tz) for model in self.graph.models)

    @cached_property
    def seconds(self) -> tuple[float, ...]:
        """The usual seconds of each model: measured, or assumed for its kind."""
        known, options = self.history.seconds, self.options
        assumed = {True: options.view_seconds, False: options.model_seconds}
        return tuple(known.get(model.name, assumed[model.kind in CHEAP_KINDS]) for model in self.graph.models)

    @cached_property
    def measured(self) -> int:
        """How many of the models that run have a history."""
        known = self.history.seconds
        return sum(model.name in known for model in self.graph.schedulable)

    @cached_property
    def parents(self) -> tuple[tuple[int, ...], ...]:
        """For each model those that run and that it waits for."""
        runs, above = self.runs, self.graph.parents
        found: list[tuple[int, ...]] = [()] * len(runs)
        for index in self.graph.order:
            if all(runs[parent] for parent in above[index]):
                found[index] = above[index]
            else:
                through = (() if runs[parent] else found[parent] for parent in above[index])
                direct = (parent for parent in above[index] if runs[parent])
                found[index] = tuple(sorted({*direct, *(one for some in through for one in some)}))
        return tuple(found)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """How many models the longest chain up to each model has."""
        found = [0] * len(self.graph.models)
        for index in self.graph.order:
            found[index] = 1 + max((found[parent] for parent in self.graph.parents[index]), default=0)
        return tuple(found)

    @cached_property
    def needed(self) -> tuple[Cadence | None, ...]:
        """The cadence at which each model is needed: its own, or that of the most frequent model downstream.

        A run evaluates what is due upstream of what it selects, so this is when the model is evaluated anyway; and
        along every dependency it never becomes more frequent, so jobs made of it have no cycle between them.
        """
        found: list[Cadence | None] = [
            own if runs else None for own, runs in zip(self.cadences, self.runs, strict=True)
        ]
        for index in reversed(self.graph.order):
            mine = found[index]
            if mine is not None:
                for parent in self.graph.parents[index]:
                    theirs = found[parent]
                    if theirs is None or (mine is not theirs and mine < theirs):
                        found[parent] = mine
        return tuple(one if runs else None for one, runs in zip(found, self.runs, strict=True))

    def work(self, models: Iterable[int]) -> float:
        """Return the seconds of work when all of these are due."""
        return sum(map(self.seconds.__getitem__, models))

    def serving(self, models: Iterable[int]) -> Cadence:
        """Return the cadence of a job of these models."""
        return cadence.serving({self.cadences[index] for index in models})

    def names(self, models: Iterable[int]) -> tuple[str, ...]:
        """Return the sorted names of these models."""
        return tuple(sorted(self.graph.models[index].name for index in models))
