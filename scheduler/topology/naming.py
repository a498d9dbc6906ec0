"""Names for jobs: what a person would call these models, and the same again when a model is added.

A name comes from what most of the models share (a tag, a schema, a folder, the schema of what comes out at the end),
not from all of them, so that one more model does not change it. A share of a share is no name: the tag or schema must
also be mostly in this job.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from scheduler.topology.cadence import HOUR, Cadence
from scheduler.topology.proposal import Group
from scheduler.topology.shape import Shape

LONGEST = 40
MOST = 0.6
JANITOR = ("janitor", "cleanup", "meshbot-janitor")
# Words that say nothing: the folder that every project has.
SILENT = frozenset({"models", "model", "sql", "src", "dbt", "main", "public", "default", "dbo"})
WORDS = {5: "live", 15: "quarter-hourly", 30: "half-hourly", HOUR: "hourly", 24 * HOUR: "daily", 168 * HOUR: "weekly"}


@dataclass
class Namer:
    """Gives each group a name that no other has. `taken` are names that are not free."""

    shape: Shape
    taken: set[str] = field(default_factory=set)
    totals: dict[Callable[[int], list[str]], Counter[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Count how many models of the project share each tag, schema and folder."""
        runs = [index for index, one in enumerate(self.shape.runs) if one]
        self.totals = {
            share: Counter(name for index in runs for name in share(index))
            for share in (self._tags, self._schema, self._folder)
        }

    def name(self, groups: Sequence[Group]) -> list[str]:
        """Return a name for each group. The greater group has the first choice."""
        found = [""] * len(groups)
        for at in sorted(range(len(groups)), key=lambda at: (-len(groups[at].models), min(groups[at].models))):
            found[at] = self._free(self._candidates(groups[at]), groups[at])
        return found

    def _free(self, candidates: Iterable[str], group: Group) -> str:
        pace = _pace(group.cadence)
        wishes = [slug(name) for name in candidates]
        wishes += [slug(f"{name}-{pace}") for name in wishes[:1]]
        base = wishes[0] if wishes else pace
        numbered = (f"{base[: LONGEST - 5].rstrip('-')}-{number}" for number in range(2, len(self.taken) + 3))
        name = next(name for name in (*wishes, *numbered) if name and name not in self.taken)
        self.taken.add(name)
        return name

    def _candidates(self, group: Group) -> list[str]:
        if group.share:
            return [_range(group), *self._shared(group.models), _pace(group.cadence)]
        sinks = self._sinks(group.models)
        ends = Counter(name for index in sinks for name in self._schema(index))
        schema, count = max(ends.items(), key=lambda one: (one[1], one[0]), default=("", 0))
        by_schema = [schema] if count == len(sinks) and count * 2 >= ends.total() else []
        by_pace = [_pace(group.cadence)]
        last = max(sinks, key=lambda index: (self.shape.depths[index], -index))
        by_sink = [self.shape.graph.models[last].name.rpartition(".")[2]]
        order = [by_pace, by_sink] if group.parts > 1 and len(sinks) > 1 else [by_sink, by_pace]
        return [*self._shared(group.models), *by_schema, *order[0], *order[1]]

    def _shared(self, models: frozenset[int]) -> list[str]:
        """Return the tags, schemas and folders that most of the models have, and that are mostly here."""
        found = []
        for share, totals in self.totals.items():
            here = Counter(name for index in models for name in share(index))
            found += [
                name
                for name, count in sorted(here.items(), key=lambda one: (-one[1], one[0]))
                if count >= MOST * len(models) and count >= MOST * totals[name]
            ][:1]
        return found

    def _sinks(self, models: frozenset[int]) -> list[int]:
        inner = {parent for index in models for parent in self.shape.parents[index]}
        return sorted(models - inner)

    def _tags(self, index: int) -> list[str]:
        return [tag.lower() for tag in self.shape.graph.models[index].tags]

    def _schema(self, index: int) -> list[str]:
        parts = self.shape.graph.models[index].name.replace('"', "").split(".")
        return [parts[-2].lower()] if len(parts) > 1 and parts[-2].lower() not in SILENT else []

    def _folder(self, index: int) -> list[str]:
        path = self.shape.graph.models[index].path
        folder = (path or "").rpartition("/")[0].rpartition("/")[2].lower()
        return [folder] if folder and folder not in SILENT else []


def janitor(taken: Iterable[str]) -> str:
    """Return a name for the janitor that is not taken."""
    used = set(taken)
    return next(name for name in (*JANITOR, *(f"janitor-{number}" for number in range(2, 1000))) if name not in used)


def slug(text: str) -> str:
    """Return the text as a name of a job: small letters, digits and `-`, at most 40; empty when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST].strip("-")


def _pace(cadence: Cadence | None) -> str:
    if cadence is None:
        return "models"
    if cadence.longest > cadence.shortest and cadence.shortest < 24 * HOUR:
        return "several-times-a-day" if cadence.shortest > HOUR else WORDS.get(cadence.shortest, "often")
    slower = [word for minutes, word in WORDS.items() if minutes <= cadence.shortest]
    return "monthly" if cadence.shortest >= 28 * 24 * HOUR else (slower or ["live"])[-1]


def _range(group: Group) -> str:
    """Name a range of a sorted list: `raw-a-to-f`, or by the first name where the schemas differ."""
    first, last = (name.lower().split(".") for name in (group.first, group.last))
    if first[:-1] == last[:-1] and len(first) > 1:
        start = next((at for at, (one, two) in enumerate(zip(first[-1], last[-1], strict=False)) if one != two), 0)
        return f"{first[-2]}-{first[-1][: start + 1]}-to-{last[-1][: start + 1]}"
    return f"{first[-2] if len(first) > 1 else first[0]}-to-{last[-2] if len(last) > 1 else last[0]}"
