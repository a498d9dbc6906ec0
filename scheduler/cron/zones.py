"""Time zones: which there are, and when their clocks change.

A zone is named by a place (`Europe/Berlin`), because only a place knows its summer time. `zoneinfo` answers what the
offset is, never when it changes; the changes of a year are found here by looking at each day, and are kept.
"""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
LONGEST_ABBREVIATION = 5
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Change:
    """The clocks of a zone change at `at` (UTC) from offset `before` to offset `after`."""

    at: datetime
    before: timedelta
    after: timedelta


class UnknownZone(ValueError):
    """No such time zone; `remedy` says what to write instead."""

    def __init__(self, name: str, remedy: str) -> None:
        super().__init__(f"there is no time zone {name!r}")
        self.remedy = remedy


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Return every name that may be written."""
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime", "posixrules"})


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the zone of that exact name.

    Raises `UnknownZone` with a remedy: the nearest names, or why an offset such as `+02:00` is no zone.
    """
    if name not in names():
        raise UnknownZone(name, _remedy(name))
    return ZoneInfo(name)


def _remedy(name: str) -> str:
    if any(sign in name for sign in "+-") and any(digit in name for digit in "0123456789"):
        return "an offset knows no summer time: write UTC, or a place such as Europe/Berlin"
    if name.isupper() and len(name) <= LONGEST_ABBREVIATION:
        return "an abbreviation is no place: write UTC, or a place such as Europe/Berlin"
    by_lower = {known.lower(): known for known in names()}
    by_city = {known.rpartition("/")[2].lower(): known for known in sorted(names())}
    wanted = name.strip().lower().replace(" ", "_")
    near = [by_lower[match] for match in get_close_matches(wanted, by_lower, n=2, cutoff=0.75)]
    near = near or [by_city[match] for match in get_close_matches(wanted, by_city, n=2, cutoff=0.75)]
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "write UTC, or a place such as Europe/Berlin or America/New_York"


def offset(place: ZoneInfo, at: datetime) -> timedelta:
    """Return what the zone's clocks are ahead of UTC at this instant."""
    return at.astimezone(place).utcoffset() or timedelta()


@lru_cache(maxsize=16384)
def changes(place: ZoneInfo, year: int) -> tuple[Change, ...]:
    """Return the clock changes of one UTC year, in order."""
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, tzinfo=UTC) + DAY
    found = []
    at, before = start, offset(place, start - SECOND)
    while at <= end - SECOND:
        until = min(at + DAY, end - SECOND)
        after = offset(place, until)
        if after != before:
            found.append(Change(_instant(place, at - SECOND, until, before), before, after))
        at, before = at + DAY, after
    return tuple(found)


def _instant(place: ZoneInfo, low: datetime, high: datetime, before: timedelta) -> datetime:
    """Return the first second after `low` whose offset is not `before`; `high` is known to be past it."""
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        if offset(place, middle) == before:
            low = middle
        else:
            high = middle
    return high


def first_change(place: ZoneInfo, after: datetime, until: datetime) -> Change | None:
    """Return the first clock change in `(after, until]`."""
    for year in range(after.year, until.year + 1):
        found = changes(place, year)
        index = bisect_right(found, after, key=lambda change: change.at)
        if index < len(found):
            return found[index] if found[index].at <= until else None
    return None


def last_change(place: ZoneInfo, until: datetime) -> Change:
    """Return the last clock change at or before `until`, which must lie within a year of it."""
    found = changes(place, until.year - 1) + changes(place, until.year)
    return found[bisect_left(found, until + SECOND, key=lambda change: change.at) - 1]
