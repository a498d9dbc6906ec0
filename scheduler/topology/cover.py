"""Selectors that select exactly the models of each job: tags first, wildcards where they are exact, names else.

Exact means: of the models that run, the job's own and no other. What never runs (seeds, sources) may be selected too,
it makes no difference to a run. Wildcards end at a natural border of a name (`shop.*`, `shop.order_*`); only a range of
very many models may end within a word. Where the models are all that some sinks depend on, `+sink` is taken when it is
much shorter: it also selects what will be put upstream later.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scheduler.topology.packing import shared
from scheduler.topology.selectors import Universe, expressible

# A wildcard for two models hides more than it spares.
LEAST_PER_WILDCARD = 3
# From so many names on, a wildcard that ends within a word is the lesser evil.
MANY = 40
TAG = re.compile(r"[^\W\d][\w-]*")
BORDERS = "._-"


@dataclass
class Cover:
    """Finds the selectors of all jobs at once. `jobs` maps a job to its models; models in no job stay unselected."""

    universe: Universe
    jobs: Mapping[str, frozenset[int]]
    owner: dict[int, str] = field(init=False)
    names: list[str] = field(init=False)
    owners: list[str] = field(init=False)
    run_ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the models by name, with the job of each beside it."""
        models = self.universe.graph.models
        self.owner = {index: name for name, members in self.jobs.items() for index in members}
        ordered = [index for index in range(len(models)) if index in self.universe.schedulable]
        self.names = [models[index].name for index in ordered]
        self.owners = [self.owner.get(index, "") for index in ordered]
        self.run_ends = _run_ends(self.owners)

    def all(self) -> dict[str, tuple[str, ...]]:
        """Return the selectors of each job."""
        wildcards = self._wildcards()
        return {name: self._shortest(name, wildcards.get(name, [])) for name in self.jobs}

    def _shortest(self, job: str, wildcards: list[tuple[str, int, int]]) -> tuple[str, ...]:
        models = self.universe.graph.models
        missing = set(self.jobs[job])
        tags = self._tags(job, missing)
        names = {models[index].name for index in missing}
        with_tags = [*tags, *_patterns_and_names(self.names, names, wildcards)]
        everything = {models[index].name for index in self.jobs[job]}
        without = _patterns_and_names(self.names, everything, wildcards)
        best = without if len(without) < len(with_tags) else with_tags
        sinks = self._sinks(job) if len(best) > LEAST_PER_WILDCARD else []
        return tuple(sinks if sinks and len(sinks) * 2 < len(best) else best)

    def _tags(self, job: str, missing: set[int]) -> list[str]:
        """Take the tags that only this job's models carry, the greatest first, out of `missing`."""
        found: list[str] = []
        candidates = [
            (tag, members & self.universe.schedulable)
            for tag, members in self.universe.by_tag.items()
            if TAG.fullmatch(tag) and not members.isdisjoint(missing)
        ]
        exact = [(tag, members) for tag, members in candidates if all(self.owner.get(i) == job for i in members)]
        for tag, members in sorted(exact, key=lambda one: (-len(one[1]), one[0])):
            if len(members & missing) > 1 or members == self.jobs[job]:
                missing -= members
                found.append(f"tag:{tag}")
        return found

    def _sinks(self, job: str) -> list[str]:
        """Return `+sink` for each sink, when the models are exactly what the sinks depend on; else nothing."""
        members = self.jobs[job]
        graph = self.universe.graph
        if self.universe.upstream(members) & self.universe.schedulable != members:
            return []
        inner = self.universe.upstream(parent for index in members for parent in graph.parents[index])
        names = sorted(graph.models[index].name for index in members - inner)
        return [f"+{name}" for name in names] if all(map(expressible, names)) else []

    def _wildcards(self) -> dict[str, list[tuple[str, int, int]]]:
        """Return for each job the exact patterns, each with the range of names that it matches."""
        found: dict[str, list[tuple[str, int, int]]] = {}
        stack = [(0, len(self.names), 0)]
        while stack:
            start, end, above = stack.pop()
            if start >= end:
                continue
            common = shared(self.names[start], self.names[end - 1])
            owner = self.owners[start]
            if self.run_ends[start] < end:
                stack += [(low, high, common) for low, high in self._branches(start, end, common)]
            elif owner and end - start >= LEAST_PER_WILDCARD:
                pattern = self._pattern(start, end, above, common)
                if pattern:
                    found.setdefault(owner, []).append((pattern, start, end))
                elif end - start > 1 and common < len(self.names[start]):
                    stack += [(low, high, common) for low, high in self._branches(start, end, common)]
        return {owner: sorted(patterns) for owner, patterns in found.items()}

    def _branches(self, start: int, end: int, common: int) -> list[tuple[int, int]]:
        """Divide a range by the first character in which its names differ."""
        branches = []
        while start < end:
            if len(self.names[start]) <= common:
                branches.append((start, start + 1))
                start += 1
                continue
            after = self.names[start][: common + 1]
            high = bisect_left(self.names, after[:-1] + chr(ord(after[-1]) + 1), start, end)
            branches.append((start, high))
            start = high
        return branches

    def _pattern(self, start: int, end: int, above: int, common: int) -> str:
        """Return a pattern that matches this range and no other name, or nothing when it would not read well."""
        name = self.names[start]
        # One character more than the surrounding names have in common tells the range apart, at the least.
        least = min(above + 1, common) if (start, end) != (0, len(self.names)) else 0
        borders = [at + 1 for at in range(common) if name[at] in BORDERS and at + 1 >= least]
        # The widest border that is within a schema: `shop.*` rather than `sh*`.
        if borders:
            return self._written(name[: borders[0]])
        return self._written(name[:least]) if least and end - start >= MANY else ""

    def _written(self, prefix: str) -> str:
        # fnmatch reads ? and [ as patterns; a name's last character cannot be a border by SQLMesh's tokenizer.
        return f"{prefix}*" if re.fullmatch(r"[^\W\d][\w.$-]*", prefix) else ""


def _run_ends(owners: Sequence[str]) -> list[int]:
    """For each place, where the run of equal owners that it is in ends."""
    ends = [len(owners)] * len(owners)
    for at in range(len(owners) - 2, -1, -1):
        ends[at] = ends[at + 1] if owners[at] == owners[at + 1] else at + 1
    return ends


def _patterns_and_names(ordered: list[str], wanted: set[str], wildcards: list[tuple[str, int, int]]) -> list[str]:
    """Return the patterns that select enough of what is wanted, and the names of the rest."""
    rest = set(wanted)
    chosen = []
    for pattern, start, end in wildcards:
        inside = rest.intersection(ordered[start:end])
        if len(inside) >= LEAST_PER_WILDCARD:
            chosen.append(pattern)
            rest -= inside
    return [*chosen, *sorted(name for name in rest if expressible(name))]
