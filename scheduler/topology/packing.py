"""Balance: how many groups each band may have, and where to cut a sorted list into ranges.

A cut is moved a little to where neighbouring names have the least in common, so that a range is a few wildcards and a
new name falls into one of them by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

# How far a cut may be from its ideal place, as a share of a range.
SLACK = 0.2


def shares(limit: int, weights: Sequence[float], most: Sequence[int]) -> list[int]:
    """Divide `limit` places: at least one each, at most `most`, the rest where the weight per place is greatest."""
    counts = [1] * len(weights)
    while sum(counts) < min(limit, sum(most)):
        open_ones = [at for at, count in enumerate(counts) if count < most[at]]
        counts[max(open_ones, key=lambda at: (weights[at] / counts[at], -at))] += 1
    return counts


def spans(labels: Sequence[str], weights: Sequence[float], count: int) -> list[tuple[int, int]]:
    """Cut a sorted list into `count` non-empty ranges of about equal weight, as half-open index pairs."""
    if count <= 1:
        return [(0, len(labels))]
    sums = list(accumulate(weights))
    cuts = [0]
    for number in range(1, count):
        ideal = _place(sums, sums[-1] * number / count)
        low, high = cuts[-1] + 1, len(labels) - (count - number)
        cuts.append(_best_cut(labels, min(max(ideal, low), high), low, high, len(labels) / count))
    return list(zip(cuts, [*cuts[1:], len(labels)], strict=True))


def _place(sums: list[float], weight: float) -> int:
    """Return the index nearest to where the sum reaches the weight."""
    at = bisect_left(sums, weight)
    return at + 1 if at < len(sums) and sums[at] - weight < weight - (sums[at - 1] if at else 0.0) else at


def _best_cut(labels: Sequence[str], ideal: int, low: int, high: int, size: float) -> int:
    """Return the cut near the ideal one whose neighbours share the shortest beginning."""
    slack = int(size * SLACK)
    nearby = range(max(low, ideal - slack), min(high, ideal + slack) + 1)
    return min(nearby, key=lambda at: (shared(labels[at - 1], labels[at]), abs(at - ideal), at))


def shared(one: str, two: str) -> int:
    """Return how many characters two names have in common at their beginnings."""
    for at, (left, right) in enumerate(zip(one, two, strict=False)):
        if left != right:
            return at
    return min(len(one), len(two))
