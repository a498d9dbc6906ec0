"""When a schedule is due: the only door to croniter, which reads the fields; the ticks are worked out here.

| the wall clock | a schedule that names every hour (`*/15 * * * *`) | any other schedule (`30 2 * * *`) |
|---|---|---|
| shows the time once | fires | fires |
| skips it | does not fire: real time has no such moment | fires at the first moment after the gap |
| shows it twice | fires both times | fires the first time only |

So a job at a fixed local time fires exactly once on both change days, and a job of every hour keeps its pace. Where a
clock change alone would bring two ticks nearer than five minutes (01:57 and 03:00, when 02:00 does not exist), the
later one stands for both. `next` costs microseconds; croniter's own search costs hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from croniter import croniter

from scheduler.cron import wording, zones
from scheduler.cron.days import Fields
from scheduler.cron.fields import CronError, canonical

__all__ = ["MINIMUM_GAP", "Cron", "CronError", "UnknownZone", "parse", "words"]

UnknownZone = zones.UnknownZone
MINIMUM_GAP = timedelta(minutes=5)
# The clock changes that `minimum_gap` looks at. Later ones follow the same rules.
CENTURY = range(2000, 2100)
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cron:
    """A schedule in a time zone. All instants in and out are aware, and UTC on the way out."""

    schedule: str
    timezone: str
    fields: Fields
    zone: ZoneInfo

    def next(self, after: datetime) -> datetime:
        """Return the first tick later than `after`. Raises `OverflowError` after the year 9999."""
        tick = self._candidate(after)
        if self._clock_changes_near(tick):
            later = self._candidate(tick)
            while later - tick < min(MINIMUM_GAP, self.nominal_gap()):
                tick, later = later, self._candidate(later)
        return tick

    def ticks(self, after: datetime, until: datetime, limit: int | None = None) -> list[datetime]:
        """Return the ticks in `(after, until]`, the earliest first, at most `limit` of them."""
        found: list[datetime] = []
        tick = self.next(after)
        while tick <= until and (limit is None or len(found) < limit):
            found.append(tick)
            tick = self.next(tick)
        return found

    def nominal_gap(self) -> timedelta:
        """Return the least time between two ticks by the wall clock, over the whole calendar, clock changes aside."""
        return timedelta(minutes=self.fields.closest[1])

    def minimum_gap(self) -> timedelta:
        """Return the least real time between two ticks, clock changes included.

        A daily job in Europe/Berlin has 23 hours: the day on which summer time begins is that short.
        """
        return _minimum_gap(self)

    def closest(self) -> str:
        """Word the nearest two ticks by the wall clock: `at 00:58 and 01:00`."""
        first, gap = self.fields.closest
        return f"at {_clock(first)} and {_clock(first + gap)}"

    def gap_at(self, change: zones.Change) -> timedelta:
        """Return the least real time between two ticks around a clock change."""
        nominal = self.nominal_gap()
        ticks = self.ticks(change.at - nominal - INSTANT, change.at + nominal)
        return min((later - earlier for earlier, later in pairwise(ticks)), default=nominal)

    def _candidate(self, after: datetime) -> datetime:
        if self.fields.every_hour:
            return self._next_by_real_time(after)
        local = after.astimezone(self.zone).replace(tzinfo=None)
        while True:
            local = self.fields.next_local(local)
            tick = self._instant(local)
            if tick > after:
                return tick

    def _instant(self, local: datetime) -> datetime:
        """Return when a wall-clock time is: the first of two, and the end of the gap when there is none."""
        first = local.replace(tzinfo=self.zone).utcoffset() or timedelta()
        second = local.replace(tzinfo=self.zone, fold=1).utcoffset() or timedelta()
        tick = local.replace(tzinfo=UTC) - first
        return tick if first >= second else zones.last_change(self.zone, tick).at

    def _next_by_real_time(self, after: datetime) -> datetime:
        """Follow the wall clock up to each clock change, then go on from what it shows there."""
        ahead = zones.offset(self.zone, after)
        local = after.astimezone(UTC).replace(tzinfo=None) + ahead
        while True:
            tick = self.fields.next_local(local).replace(tzinfo=UTC) - ahead
            change = zones.first_change(self.zone, after, tick)
            if change is None:
                return tick
            after, ahead = change.at, change.after
            local = after.replace(tzinfo=None) + ahead - INSTANT

    def _clock_changes_near(self, tick: datetime) -> bool:
        return zones.offset(self.zone, tick - zones.SECOND) != zones.offset(self.zone, tick + MINIMUM_GAP)


@lru_cache(maxsize=16384)
def parse(schedule: str, timezone: str) -> Cron:
    """Read a schedule of five fields, or an alias such as `@daily`.

    Raises `CronError` for a schedule that cannot be read or that never fires, `UnknownZone` for the zone.
    """
    text = canonical(schedule)
    (minutes, hours, days, months, weekdays), _ = croniter.expand(text)
    fields = Fields(
        _numbers(minutes, range(60)) or (),
        _numbers(hours, range(24)) or (),
        None if days == ["*"] else _numbers(days, range(1, 32)),
        _numbers(months, range(1, 13)) or (),
        None if weekdays == ["*"] else _numbers(weekdays, range(7)),
    )
    if fields.never:
        raise CronError(f"{text!r} never fires: no year has such a day", "write a day that exists, 28 for example")
    return Cron(text, timezone, fields, zones.zone(timezone))


def words(schedule: str, timezone: str) -> str:
    """Say a schedule to people: `at 06:30 on weekdays, Europe/Berlin`. Raises as `parse` does."""
    return wording.sentence(parse(schedule, timezone).fields, timezone)


def _numbers(field: Sequence[int | str], whole: range) -> tuple[int, ...]:
    return tuple(whole) if list(field) == ["*"] else tuple(sorted({int(number) for number in field}))


# Some ten milliseconds each: there are two hundred clock changes in a century.
@lru_cache(maxsize=4096)
def _minimum_gap(schedule: Cron) -> timedelta:
    return min([schedule.nominal_gap(), *map(schedule.gap_at, _changes(schedule.zone))])


@lru_cache(maxsize=1024)
def _changes(place: ZoneInfo) -> tuple[zones.Change, ...]:
    return tuple(change for year in CENTURY for change in zones.changes(place, year))


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
