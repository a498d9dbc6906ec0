"""What earlier runs tell of durations: the median of each model's latest evaluations.

The median, because a backfill or a cold warehouse makes one evaluation take a hundred times as long as the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from scheduler.runs import ModelResult, ModelStatus
from scheduler.topology.proposal import History

LATEST = 20


def learned(results: Iterable[ModelResult]) -> History:
    """Return the usual seconds of each model that was evaluated; `results` come newest first."""
    seconds: dict[str, list[float]] = {}
    for one in results:
        if one.status is ModelStatus.EVALUATED:
            found = seconds.setdefault(one.model, [])
            if len(found) < LATEST:
                found.append(one.seconds)
    return History({model: median(found) for model, found in seconds.items()})
