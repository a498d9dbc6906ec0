"""Committed selectors, kept where they can be kept.

A selector stays as it was written when all that it selects still belongs to its job. One that selects a few models too
many gets an exception (`shop.* & ^shop.new`), one that selects many too many goes, and so does one that selects
nothing. What is missing then is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scheduler.topology.cover import Cover
from scheduler.topology.selectors import Universe, expressible

# More exceptions than that are harder to read than the names themselves.
MOST_EXCEPTIONS = 3


def covers(universe: Universe, jobs: Mapping[str, frozenset[int]]) -> dict[str, tuple[str, ...]]:
    """Return exact selectors for these jobs within the whole project."""
    return Cover(universe, jobs).all()


def kept(universe: Universe, written: Iterable[str], wanted: Iterable[int]) -> tuple[str, ...]:
    """Return selectors that select, of the models that run, exactly `wanted`; as few as possible are touched."""
    target = frozenset(wanted)
    found: list[str] = []
    reached: frozenset[int] = frozenset()
    for text in written:
        selected = universe.select([text])
        extra = (selected & universe.schedulable) - target
        mended = _without(universe, text, extra) if extra else text
        if mended and selected - extra:
            found.append(mended)
            reached |= selected - extra
    missing = target - reached
    if missing:
        found += covers(universe, {"": missing})[""]
    return tuple(found)


def _without(universe: Universe, text: str, extra: frozenset[int]) -> str | None:
    """Return the selector with exceptions, or None when it is not worth keeping."""
    names = sorted(universe.graph.models[index].name for index in extra)
    remaining = universe.select([text]) - extra
    if len(names) > MOST_EXCEPTIONS or len(remaining) <= len(names) or not all(map(expressible, names)):
        return None
    exceptions = names[0] if len(names) == 1 else f"({' | '.join(names)})"
    grouped = f"({text})" if any(sign in text for sign in "&|^+ ") else text
    return f"{grouped} & ^{exceptions}"
