"""When schedules fire, clock changes included: a table for people, and properties against a minute-by-minute clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scheduler import cron

MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

# Zones and the UTC days around which their clocks change: by an hour, by half an hour, at midnight, against the usual
# direction, and across the date line.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 3, 22, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("UTC", datetime(2028, 2, 29, tzinfo=UTC)),
]
ZONES = sorted({zone for zone, _ in CHANGES})


@pytest.mark.parametrize(
    ("schedule", "zone", "day", "fires"),
    [
        # a fixed time that the clock skips: the first moment after the gap, once
        ("30 2 * * *", "Europe/Berlin", "2026-03-29", "03:00+02:00"),
        ("0 2 * * *", "Europe/Berlin", "2026-03-29", "03:00+02:00"),
        ("30 2 * * *", "America/New_York", "2026-03-08", "03:00-04:00"),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", "02:30+11:00"),
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-04", "01:00-02:00"),
        ("30 2 * * *", "Africa/Casablanca", "2026-03-22", "03:00+01:00"),
        # a fixed time that the clock shows twice: the first time, once
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", "02:30+02:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01", "01:30-04:00"),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", "01:45+11:00"),
        ("30 23 * * *", "America/Sao_Paulo", "2018-02-17", "23:30-02:00"),
        # every other time of these days: as on any day
        ("0 6 * * *", "Europe/Berlin", "2026-03-29", "06:00+02:00"),
        ("0 6 * * *", "Europe/Berlin", "2026-10-25", "06:00+01:00"),
        # several times that fall together: one tick
        ("0,20,40 2,3 * * *", "Europe/Berlin", "2026-03-29", "03:00+02:00 03:20+02:00 03:40+02:00"),
        # times that only the change brings too near: the later one stands for both
        ("0,57 1,3 * * *", "Europe/Berlin", "2026-03-29", "01:00+01:00 03:00+02:00 03:57+02:00"),
        # every hour: by real time, through the gap and both times through the repeated hour
        ("30 * * * *", "Europe/Berlin", "2026-03-29", "00:30+01:00 01:30+01:00 03:30+02:00 04:30+02:00"),
        ("30 * * * *", "Europe/Berlin", "2026-10-25", "00:30+02:00 01:30+02:00 02:30+02:00 02:30+01:00 03:30+01:00"),
        ("45 * * * *", "Australia/Lord_Howe", "2026-04-05", "00:45+11:00 01:45+11:00 01:45+10:30 02:45+10:30"),
        ("15 * * * *", "Australia/Lord_Howe", "2026-10-04", "00:15+10:30 01:15+10:30 03:15+11:00"),
    ],
)
def test_the_table_of_clock_changes(schedule: str, zone: str, day: str, fires: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    expected = fires.split()
    ticks = cron.parse(schedule, zone).ticks(start.astimezone(UTC) - MICROSECOND, start + DAY - MICROSECOND)
    said = [
        tick.astimezone(ZoneInfo(zone)).isoformat()[11:].replace(":00+", "+").replace(":00-", "-") for tick in ticks
    ]
    assert said[: len(expected)] == expected
    if "*" not in schedule.split()[1]:
        assert len(said) == len(expected)


@dataclass(frozen=True)
class Plan:
    """A schedule as sets, from which both its text and the expected ticks are made."""

    minutes: frozenset[int]
    hours: frozenset[int]
    weekdays: frozenset[int]

    @property
    def schedule(self) -> str:
        fields = [(self.minutes, 60), (self.hours, 24), None, None, (self.weekdays, 7)]
        return " ".join(
            "*" if field is None or len(field[0]) == field[1] else ",".join(map(str, sorted(field[0])))
            for field in fields
        )

    def shows(self, local: datetime) -> bool:
        return local.minute in self.minutes and local.hour in self.hours and (local.weekday() + 1) % 7 in self.weekdays

    def expected(self, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
        """Walk the clock minute by minute, as somebody who watches it would."""
        found, before = [], (start - MINUTE).astimezone(zone).replace(tzinfo=None)
        every_hour = len(self.hours) == 24
        at = start
        while at <= end:
            shown = at.astimezone(zone)
            local = shown.replace(tzinfo=None)
            skipped = [before + MINUTE * n for n in range(1, max(0, int((local - before) / MINUTE)))]
            fires = self.shows(local) and (every_hour or shown.fold == 0)
            if fires or (not every_hour and any(map(self.shows, skipped))):
                found.append(at)
            before, at = local, at + MINUTE
        nearest = min((b - a for a, b in pairwise(found)), default=DAY)
        return found if nearest >= cron.MINIMUM_GAP else [a for a, b in pairwise([*found, end + DAY]) if b - a >= GAP]


GAP = cron.MINIMUM_GAP


def apart(minutes: frozenset[int], least: int) -> bool:
    return all(b - a >= least for a, b in pairwise([*sorted(minutes), min(minutes) + 60]))


minute_sets = st.one_of(
    st.frozensets(st.integers(0, 59), min_size=1, max_size=4),
    st.sampled_from([frozenset(range(0, 60, step)) for step in (5, 10, 15, 20, 30)]),
).filter(lambda minutes: apart(minutes, 5))
hour_sets = st.one_of(
    st.just(frozenset(range(24))),
    st.frozensets(st.integers(0, 5), min_size=1, max_size=4),
    st.frozensets(st.integers(0, 23), min_size=1),
)
weekday_sets = st.one_of(st.just(frozenset(range(7))), st.frozensets(st.integers(0, 6), min_size=1))
plans = st.builds(Plan, minute_sets, hour_sets, weekday_sets)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans, change=st.sampled_from(CHANGES))
@example(plan=Plan(frozenset({30}), frozenset({2}), frozenset(range(7))), change=CHANGES[0])
@example(plan=Plan(frozenset({0, 57}), frozenset({1, 3}), frozenset(range(7))), change=CHANGES[0])
@example(plan=Plan(frozenset({1, 31}), frozenset(range(6)), frozenset(range(7))), change=CHANGES[0])
def test_ticks_are_what_somebody_who_watches_the_clock_sees(plan: Plan, change: tuple[str, datetime]) -> None:
    zone, at = change
    start, end = at - DAY, at + 2 * DAY
    ticks = cron.parse(plan.schedule, zone).ticks(start - MINUTE, end)
    expected = plan.expected(ZoneInfo(zone), start, end + timedelta(minutes=10))
    assert ticks == [tick for tick in expected if tick <= end]


instants = st.datetimes(datetime(1972, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
near_changes = st.builds(
    lambda change, seconds: change[1] + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-90_000, 90_000),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans, zone=st.sampled_from(ZONES), after=st.one_of(instants, near_changes), wait=st.integers(0, 90_000))
def test_next_is_later_and_the_first(plan: Plan, zone: str, after: datetime, wait: int) -> None:
    schedule = cron.parse(plan.schedule, zone)
    tick = schedule.next(after)
    assert tick > after
    assert tick.tzinfo is UTC
    assert schedule.next(tick - MICROSECOND) == tick, "nothing lies between"
    assert schedule.next(after + min(timedelta(seconds=wait), (tick - after) / 2)) == tick, "it stays the next"
    ticks = schedule.ticks(after, after + 3 * DAY, limit=40)
    assert all(b == schedule.next(a) and b - a >= GAP for a, b in pairwise(ticks))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    plan=plans, zone=st.sampled_from(ZONES), after=st.one_of(instants.filter(lambda at: at.year > 1999), near_changes)
)
def test_no_two_ticks_are_nearer_than_the_minimum_gap(plan: Plan, zone: str, after: datetime) -> None:
    schedule = cron.parse(plan.schedule, zone)
    least = schedule.minimum_gap()
    assert GAP <= least <= schedule.nominal_gap()
    ticks = schedule.ticks(after - DAY, after + 9 * DAY, limit=400)
    assert all(b - a >= least for a, b in pairwise(ticks))


fields = st.tuples(
    st.sampled_from(["0", "5,35", "*/15", "59", "7-40/11"]),
    st.sampled_from(["*", "0", "*/6", "23", "8-17"]),
    st.sampled_from(["*", "1", "29", "31", "*/10", "1-7", "30,31"]),
    st.sampled_from(["*", "2", "feb,apr", "*/3", "12"]),
    st.sampled_from(["*", "0", "7", "mon-fri", "5-7", "1,3"]),
)


def never(parts: tuple[str, ...]) -> bool:
    """Whether the day is one of 30 or 31 in a month that ends sooner."""
    return parts[4] == "*" and (parts[2], parts[3]) in {("31", "2"), ("31", "feb,apr"), ("30,31", "2")}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=fields, after=instants)
@example(parts=("0", "0", "13", "*", "5"), after=datetime(2026, 1, 1, tzinfo=UTC))
@example(parts=("0", "0", "29", "2", "*"), after=datetime(2097, 1, 1, tzinfo=UTC))
def test_without_clock_changes_ticks_are_croniters(parts: tuple[str, ...], after: datetime) -> None:
    schedule = " ".join(parts)
    if never(parts):
        with pytest.raises(cron.CronError, match="no year has such a day"):
            cron.parse(schedule, "UTC")
        return
    ours = cron.parse(schedule, "UTC").ticks(after, after + 4000 * DAY, limit=5)
    theirs = croniter(schedule, after, max_years_between_matches=20)
    assert ours == [theirs.get_next(datetime) for _ in ours]


@pytest.mark.parametrize(
    ("schedule", "zone", "gap"),
    [
        ("*/5 * * * *", "UTC", timedelta(minutes=5)),
        ("*/7 * * * *", "UTC", timedelta(minutes=4)),
        ("58,0 * * * *", "UTC", timedelta(minutes=2)),
        ("0,3 * * * *", "UTC", timedelta(minutes=3)),
        ("0,57 0,23 * * *", "UTC", timedelta(minutes=3)),  # across midnight
        ("0,57 0,23 1,31 * *", "UTC", timedelta(minutes=3)),  # from 31 January to 1 February
        ("0,57 0,23 1,30 * *", "UTC", timedelta(minutes=3)),  # only in months of 30 days
        ("0,57 0,23 1,29 2,3 *", "UTC", timedelta(minutes=3)),  # only in leap years
        ("0,57 0,23 1,31 1,12 *", "UTC", timedelta(minutes=3)),  # across the new year
        ("0,57 0,23 2,31 * *", "UTC", timedelta(minutes=57)),  # never on two days in a row
        ("0,57 0,23 * * 1,3", "UTC", timedelta(minutes=57)),
        ("0,57 0,23 15 * 1", "UTC", timedelta(minutes=3)),  # a 15th beside a Monday
        ("0 6 * * *", "UTC", DAY),
        ("0 6 * * *", "Europe/Berlin", timedelta(hours=23)),
        ("0 6 * * *", "Australia/Lord_Howe", timedelta(hours=23, minutes=30)),
        ("0 6 * * 1", "UTC", 7 * DAY),
        ("0 6 1 * *", "UTC", 28 * DAY),
        ("0 6 31 * *", "UTC", 31 * DAY),
        ("0 6 1 1 *", "UTC", 365 * DAY),
        ("0 6 29 2 *", "UTC", 1461 * DAY),
        ("30 2,3 * * *", "Europe/Berlin", timedelta(minutes=30)),  # 02:30 moves to 03:00
        ("30 * * * *", "Australia/Lord_Howe", timedelta(minutes=30)),  # 01:30 twice, half an hour apart
        ("0,57 1,3 * * *", "Europe/Berlin", timedelta(minutes=57)),
    ],
)
def test_the_minimum_gap_is_the_true_one(schedule: str, zone: str, gap: timedelta) -> None:
    assert cron.parse(schedule, zone).minimum_gap() == gap


def test_a_limit_takes_the_earliest_ticks_and_until_is_included() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    schedule = cron.parse("0 * * * *", "UTC")
    hours = [noon + timedelta(hours=n) for n in range(1, 4)]
    assert schedule.ticks(noon, hours[-1]) == hours
    assert schedule.ticks(noon, hours[-1], limit=2) == hours[:2]
    assert schedule.ticks(noon, noon) == []


def test_a_thousand_jobs_know_their_next_tick_in_a_fraction_of_a_second() -> None:
    schedules = [cron.parse(f"{n % 60} {n % 24} {n % 28 + 1} * {n % 7}", ZONES[n % len(ZONES)]) for n in range(1000)]
    now = datetime(2026, 6, 1, tzinfo=UTC)
    [schedule.next(now) for schedule in schedules]  # the days of these years are kept from here on
    began = time.process_time()
    for schedule in schedules:
        schedule.next(now + DAY)
    assert time.process_time() - began < 0.2
