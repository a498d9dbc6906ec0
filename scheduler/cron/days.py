"""The days and minutes that five cron fields name, worked out once instead of searched each time.

There are only fourteen kinds of year (the weekday of 1 January, leap or not). The active days of each kind are a sorted
tuple, so the next active day is a bisection; and the Gregorian calendar repeats after 400 years, so the nearest two
active days are found exactly, not by sampling.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise

MINUTES_A_DAY = 1440
# The days that a field names; None is a `*`.
Days = tuple[int, ...] | None
# 2000 to 2399: every kind of year, and every sequence of years.
CYCLE = range(2000, 2400)


@dataclass(frozen=True)
class Fields:
    """The sets that five cron fields name, sorted. `None` is a `*`: see `is_active`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    weekdays: Days

    @cached_property
    def times(self) -> tuple[int, ...]:
        """The minutes of an active day on which the schedule fires."""
        return tuple(hour * 60 + minute for hour in self.hours for minute in self.minutes)

    @property
    def every_hour(self) -> bool:
        """Whether the schedule names all 24 hours."""
        return len(self.hours) == 24  # noqa: PLR2004 - the hours of a day

    def is_active(self, month: int, day: int, weekday: int) -> bool:
        """Whether the schedule fires on such a day (Sunday is 0).

        Where both day fields are restricted, a day that fits either of them fits: cron has always had it so.
        """
        return month in self.months and _fits(self.days, self.weekdays, day, weekday)

    def active_days(self, year: int) -> tuple[int, ...]:
        """Return the active days of a year, counted from 0 on 1 January."""
        first = (date(year, 1, 1).weekday() + 1) % 7
        return _active_days(self.days, self.months, self.weekdays, first, calendar.isleap(year))

    def next_local(self, after: datetime) -> datetime:
        """Return the first wall-clock time later than `after`; neither carries a zone.

        Raises `OverflowError` after the year 9999. A schedule without any active day must not get here.
        """
        year = after.year
        day = after.toordinal() - date(year, 1, 1).toordinal()
        days = self.active_days(year)
        index = bisect_left(days, day)
        if index < len(days) and days[index] == day:
            later = bisect_right(self.times, after.hour * 60 + after.minute)
            if later < len(self.times):
                return datetime(after.year, after.month, after.day) + timedelta(minutes=self.times[later])  # noqa: DTZ001
            index += 1
        while index >= len(days):
            year += 1
            if year > date.max.year:
                raise OverflowError("no further tick before the year 10000")
            days, index = self.active_days(year), 0
        return datetime(year, 1, 1) + timedelta(days=days[index], minutes=self.times[0])  # noqa: DTZ001

    @cached_property
    def day_gap(self) -> int:
        """The least number of days between two active days, over the whole calendar; 0 when there is no active day."""
        best, last, start = 0, None, 0
        for year in (*CYCLE, *range(CYCLE.start, CYCLE.start + 9)):
            days = self.active_days(year)
            if days:
                inner = min((later - earlier for earlier, later in pairwise(days)), default=0)
                across = start + days[0] - last if last is not None else 0
                best = min((gap for gap in (best, inner, across) if gap), default=0)
                last = start + days[-1]
            if best == 1:
                break
            start += 366 if calendar.isleap(year) else 365
        return best

    @property
    def never(self) -> bool:
        """Whether no day of any year is active (30 February)."""
        return not any(self.active_days(year) for year in range(2000, 2028))

    @cached_property
    def closest(self) -> tuple[int, int]:
        """The nearest two ticks by the wall clock: minutes of the day of the first, and minutes until the second."""
        inner = [(later - earlier, earlier) for earlier, later in pairwise(self.times)]
        across = self.day_gap * MINUTES_A_DAY - self.times[-1] + self.times[0]
        gap, first = min([*inner, (across, self.times[-1])])
        return first, gap


def _fits(days: Days, weekdays: Days, day: int, weekday: int) -> bool:
    if days is None or weekdays is None:
        return (days is None or day in days) and (weekdays is None or weekday in weekdays)
    return day in days or weekday in weekdays


# The key leaves out the minutes and hours: ten thousand jobs have a handful of day patterns.
@lru_cache(maxsize=16384)
def _active_days(days: Days, months: tuple[int, ...], weekdays: Days, first: int, leap: bool) -> tuple[int, ...]:  # noqa: FBT001 - a key
    year = 2000 if leap else 2001
    dates = [(month, day) for month in range(1, 13) for day in range(1, calendar.monthrange(year, month)[1] + 1)]
    return tuple(
        ordinal
        for ordinal, (month, day) in enumerate(dates)
        if month in months and _fits(days, weekdays, day, (first + ordinal) % 7)
    )
