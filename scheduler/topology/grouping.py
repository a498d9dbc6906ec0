"""From a graph to groups: what depends on each other and runs together is one group.

1. A band is a cadence at which models are needed (`Shape.needed`). Bands are ordered from frequent to rare.
2. A part is what hangs together within a band. Dependencies between groups only ever lead from a more frequent band to
   a rarer one. Every step below keeps that true, so there is never a cycle between jobs, whatever is packed with what.
3. Parts too small for a pod are packed with others of their band; if they are too small together, each joins the group
   that it depends on, or else another of its band, or else (when it depends on nothing) one of a faster band.
4. If a band has more than a few groups, those of one schema are put together, as long as one pod manages them.
5. If there are still more groups than allowed, neighbours by name within a band are put together, balanced by work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import ceil

from scheduler.topology.cadence import Cadence
from scheduler.topology.packing import shares, spans
from scheduler.topology.proposal import Group, joined
from scheduler.topology.shape import Shape

# So many jobs of one cadence are easily kept apart by a person.
FEW = 6


def groups(shape: Shape) -> list[Group]:
    """Group all models that run. The result is the same for equal graphs."""
    bands = _bands(shape)
    settled = _Settled(shape)
    for band, parts in enumerate(_parts(shape, bands)):
        settled.settle(band, parts)
    return _within_limit(shape, _by_schema(shape, settled.groups))


def _by_schema(shape: Shape, found: list[Group]) -> list[Group]:
    """Put the groups of one band and schema together, where a band has more than a few groups."""
    counts = Counter(group.band for group in found)
    room = shape.options.target_seconds * shape.options.max_concurrent_models
    kept: list[Group] = []
    homes: dict[tuple[int, str], int] = {}
    for group in found:
        key = (group.band, _schema(shape, group.models))
        place = homes.get(key)
        crowded = counts[group.band] > FEW and not group.share
        if crowded and place is not None and shape.work(kept[place].models | group.models) <= room:
            kept[place] = kept[place].joined(group)
        else:
            homes[key] = len(kept)
            kept.append(group)
    return kept


def _schema(shape: Shape, models: frozenset[int]) -> str:
    """Return the schema that most of the models are in."""
    counts = Counter(shape.graph.models[index].name.rpartition(".")[0] for index in models)
    return max(counts, key=lambda schema: (counts[schema], schema))


def _bands(shape: Shape) -> list[int]:
    """Return the band of each model, at most as many bands as jobs are allowed."""
    work: dict[Cadence, float] = {}
    for needed, seconds in zip(shape.needed, shape.seconds, strict=True):
        if needed is not None:
            work[needed] = work.get(needed, 0.0) + seconds
    merged = [([one], work[one]) for one in sorted(work)]
    while len(merged) > max(1, shape.options.max_jobs):
        # The neighbours with the least work: joining neighbours keeps the order, so it makes no cycle.
        at = min(range(len(merged) - 1), key=lambda i: (merged[i][1] + merged[i + 1][1], i))
        merged[at : at + 2] = [(merged[at][0] + merged[at + 1][0], merged[at][1] + merged[at + 1][1])]
    number = {one: band for band, (members, _) in enumerate(merged) for one in members}
    return [-1 if needed is None else number[needed] for needed in shape.needed]


def _parts(shape: Shape, bands: list[int]) -> list[list[list[int]]]:
    """Return for each band its parts: the models that hang together within it."""
    leader = list(range(len(bands)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for child, above in enumerate(shape.parents):
        if bands[child] >= 0:
            for parent in above:
                if bands[parent] == bands[child]:
                    one, two = find(parent), find(child)
                    leader[max(one, two)] = min(one, two)
    found: list[dict[int, list[int]]] = [{} for _ in range(max(bands, default=-1) + 1)]
    for index, band in enumerate(bands):
        if band >= 0:
            found[band].setdefault(find(index), []).append(index)
    return [list(parts.values()) for parts in found]


@dataclass
class _Settled:
    """The groups so far, and where each model went. Bands come from frequent to rare."""

    shape: Shape
    groups: list[Group] = field(default_factory=list)
    home: dict[int, int] = field(default_factory=dict)

    def settle(self, band: int, parts: list[list[int]]) -> None:
        """Give each part of a band its place."""
        smallest = self.shape.options.smallest_seconds
        tiny = [part for part in parts if self.shape.work(part) < smallest]
        for part in parts:
            if self.shape.work(part) >= smallest:
                self._add(Group(frozenset(part), band))
        if tiny and sum(map(self.shape.work, tiny)) >= smallest:
            self._pack(band, tiny)
        else:
            for part in tiny:
                self._join(band, part)

    def _pack(self, band: int, tiny: list[list[int]]) -> None:
        shape = self.shape
        most = max(1, shape.options.max_jobs // 2)
        room = shape.options.target_seconds * shape.options.max_concurrent_models
        count = min(most, ceil(sum(map(shape.work, tiny)) / room), len(tiny))
        packed = ranges(shape, [Group(frozenset(part), band) for part in tiny], count)
        for group in packed:
            self._add(group)

    def _join(self, band: int, part: list[int]) -> None:
        group = Group(frozenset(part), band)
        target = self._target(group)
        if target is None:
            self._add(group)
            return
        self.groups[target] = self.groups[target].joined(group)
        self.home.update(dict.fromkeys(part, target))

    def _target(self, group: Group) -> int | None:
        """Return the group that a small part may join without making a cycle, see the module's rule 2."""
        above = {self.home[one] for index in group.models for one in self.shape.parents[index] if one in self.home}
        latest = max((self.groups[one].band for one in above), default=-1)
        closest = [one for one in above if self.groups[one].band == latest]
        if len(closest) == 1:
            return closest[0]
        same = [one for one, other in enumerate(self.groups) if other.band == group.band]
        faster = [] if above else [one for one, other in enumerate(self.groups) if other.band < group.band]
        if same:
            return min(same, key=self._size)
        return min(faster, key=lambda one: (-self.groups[one].band, *self._size(one)), default=None)

    def _size(self, at: int) -> tuple[float, int]:
        return self.shape.work(self.groups[at].models), min(self.groups[at].models)

    def _add(self, group: Group) -> None:
        self.home.update(dict.fromkeys(group.models, len(self.groups)))
        self.groups.append(group)


def _within_limit(shape: Shape, found: list[Group]) -> list[Group]:
    """Put groups of one band together until there are as many as allowed."""
    limit = shape.options.max_jobs
    if len(found) <= limit:
        return found
    bands: dict[int, list[Group]] = {}
    for group in found:
        bands.setdefault(group.band, []).append(group)
    work = [sum(shape.work(group.models) for group in members) for members in bands.values()]
    counts = shares(limit, work, [len(members) for members in bands.values()])
    kept: list[Group] = []
    for members, count in zip(bands.values(), counts, strict=True):
        kept += members if len(members) <= count else _balanced(shape, members, count)
    return kept


def _balanced(shape: Shape, members: list[Group], count: int) -> list[Group]:
    """Return `count` groups: the ones with more than their share stand alone, the rest become ranges by name."""
    ordered = sorted(members, key=lambda group: (-shape.work(group.models), min(group.models)))
    alone: list[Group] = []
    rest = ordered
    while len(alone) < count - 1:
        fair = sum(shape.work(group.models) for group in rest) / (count - len(alone))
        if shape.work(rest[0].models) < fair:
            break
        alone.append(rest[0])
        rest = rest[1:]
    return [*alone, *ranges(shape, rest, count - len(alone))]


def ranges(shape: Shape, members: Iterable[Group], count: int) -> list[Group]:
    """Cut groups, sorted by their first model, into `count` ranges of about equal work."""
    ordered = sorted(members, key=lambda group: min(group.models))
    labels = [shape.graph.models[min(group.models)].name for group in ordered]
    work = [shape.work(group.models) for group in ordered]
    whole = sum(len(group.models) for group in ordered)
    found = []
    for start, end in spans(labels, work, count):
        one = joined(ordered[start:end])
        found.append(replace(one, first=labels[start], last=labels[end - 1], share=whole) if count > 1 else one)
    return found
