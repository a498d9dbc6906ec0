"""Interval arithmetic: what of a planned piece of work is still missing after somebody else has worked on it. Pure.

The rule: what is done is cut, never repeated, and what was not planned is not added.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .walk import Interval


def remaining(planned: Sequence[Interval], missing: Collection[Interval], batch_size: int | None) -> list[Interval]:
    """Regroup those planned interval units that are still missing into contiguous batches of at most `batch_size`."""
    open_starts = {start for start, _ in missing}
    batches: list[list[Interval]] = []
    for unit in planned:
        if unit[0] not in open_starts:
            continue
        last = batches[-1] if batches else None
        if last is None or last[-1][1] != unit[0] or (batch_size and len(last) >= batch_size):
            batches.append([unit])
        else:
            last.append(unit)
    return [(batch[0][0], batch[-1][1]) for batch in batches]
