"""How often models are due, and the one schedule that serves several of them.

The reference's table (hourly, every 30, 15 and 5 minutes) is what comes out for those cadences; any other cron is kept
as it is when it never fires closer than 5 minutes. A schedule serves a model when neither its shortest nor its longest
pause is longer than the model's: then no interval waits for a tick that comes too rarely.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from scheduler import cron
from scheduler.cron.days import MINUTES_A_DAY, Fields

FLOOR = 5  # minutes; the reference page: no more frequent than every 5 minutes
HOUR = 60
TABLE = {60: "0 * * * *", 30: "*/30 * * * *", 15: "*/15 * * * *", 5: "*/5 * * * *"}
# SQLMesh's own default, for a model that states no cron.
DEFAULT_CRON = "@daily"
FIELD_SIZES = (range(60), range(24), range(1, 32), range(1, 13), range(7))


@dataclass(frozen=True, order=True)
class Cadence:
    """A cron and its pauses in minutes. Sorted from frequent to rare."""

    shortest: int
    longest: int
    schedule: str
    timezone: str
    readable: bool = field(default=True, compare=False)

    @property
    def words(self) -> str:
        """The cadence as people say it: `every 15 minutes`."""
        return cron.words(self.schedule, self.timezone)

    @property
    def too_fast(self) -> bool:
        """Whether it fires closer than a job may."""
        return self.shortest < FLOOR

    def serves(self, other: Cadence) -> bool:
        """Whether a job of this cadence is never slower than a model of the other one."""
        return self.shortest <= max(FLOOR, other.shortest) and self.longest <= max(FLOOR, other.longest)


@lru_cache(maxsize=16384)
def of(schedule: str | None, timezone: str) -> Cadence:
    """Return the cadence of a cron. What cannot be read counts as daily and says so (`readable`)."""
    try:
        found = cron.parse(schedule or DEFAULT_CRON, timezone or "UTC")
    except (cron.CronError, cron.UnknownZone):
        found = cron.parse(DEFAULT_CRON, "UTC")
        return Cadence(*pauses(found.fields), written(found.fields), "UTC", readable=False)
    return Cadence(*pauses(found.fields), written(found.fields), found.timezone)


def pauses(fields: Fields) -> tuple[int, int]:
    """Return the shortest and the longest pause between two ticks by the wall clock, in minutes."""
    inner = max((later - earlier for earlier, later in pairwise(fields.times)), default=0)
    night = _widest_days(fields.days, fields.months, fields.weekdays) * MINUTES_A_DAY
    return fields.closest[1], max(inner, night - fields.times[-1] + fields.times[0])


@lru_cache(maxsize=4096)
def _widest_days(days: tuple[int, ...] | None, months: tuple[int, ...], weekdays: tuple[int, ...] | None) -> int:
    """Return the most days between two active days. Eight years lie between some leap days: 1896 and 1904."""
    fields = Fields((0,), (0,), days, months, weekdays)
    start, active = 0, []
    for year in range(2016, 2036):
        active += [start + day for day in fields.active_days(year)]
        start += 366 if year % 4 == 0 else 365
    return max((later - earlier for earlier, later in pairwise(active)), default=start)


def serving(cadences: Iterable[Cadence]) -> Cadence:
    """Return the cadence of a job that holds models of these: the most frequent one, widened where it would be late.

    A union of daily times is written out (`0 6,18 * * *`); where that would fire oftener than hourly or closer than
    5 minutes, the table's next faster entry stands.
    """
    found = sorted(set(cadences))
    fastest = _allowed(found[0])
    if fastest.longest <= HOUR or all(fastest == _allowed(one) for one in found):
        return fastest if all(fastest.serves(one) for one in found) else _entry(found)
    joined = _union(found)
    return joined if joined is not None and all(joined.serves(one) for one in found) else _entry(found)


def _allowed(one: Cadence) -> Cadence:
    """Return the cadence itself, or every 5 minutes when it fires closer than that."""
    return one if one.shortest >= FLOOR else of(TABLE[FLOOR], "UTC")


def _entry(found: list[Cadence]) -> Cadence:
    """Return the rarest entry of the table that serves all."""
    entries = [of(text, "UTC") for text in TABLE.values()]
    return next((one for one in entries if all(one.serves(other) for other in found)), entries[-1])


def _union(found: list[Cadence]) -> Cadence | None:
    """Return one cron that fires whenever any of them does, when that is at most hourly."""
    if len({one.timezone for one in found}) > 1:
        return None
    all_fields = [cron.parse(one.schedule, one.timezone).fields for one in found]
    days = {(fields.days, fields.months, fields.weekdays) for fields in all_fields}
    chosen = next(iter(days)) if len(days) == 1 else (None, tuple(range(1, 13)), None)
    minutes = tuple(sorted({minute for fields in all_fields for minute in fields.minutes}))
    hours = tuple(sorted({hour for fields in all_fields for hour in fields.hours}))
    joined = of(written(Fields(minutes, hours, *chosen)), found[0].timezone)
    return joined if len(minutes) * len(hours) <= len(FIELD_SIZES[1]) and not joined.too_fast else None


def written(fields: Fields) -> str:
    """Write the five fields in one way, whatever way they were written before."""
    named = (fields.minutes, fields.hours, fields.days, fields.months, fields.weekdays)
    return " ".join(_field(values, whole) for values, whole in zip(named, FIELD_SIZES, strict=True))


def _field(values: tuple[int, ...] | None, whole: range) -> str:
    if values is None:
        return "*"
    if whole in (FIELD_SIZES[0], FIELD_SIZES[1], FIELD_SIZES[3]) and len(values) == len(whole):
        return "*"
    step = values[1] - values[0] if len(values) > 2 or (whole is FIELD_SIZES[0] and len(values) == 2) else 0  # noqa: PLR2004
    if step > 1 and len(whole) % step == 0 and values == tuple(whole)[::step]:
        return f"*/{step}"
    return ",".join(_spans(values))


def _spans(values: tuple[int, ...]) -> list[str]:
    """Write runs of three and more as ranges."""
    spans: list[list[int]] = []
    for value in values:
        if spans and value == spans[-1][-1] + 1:
            spans[-1].append(value)
        else:
            spans.append([value])
    return [text for span in spans for text in ([f"{span[0]}-{span[-1]}"] if len(span) > 2 else map(str, span))]  # noqa: PLR2004
