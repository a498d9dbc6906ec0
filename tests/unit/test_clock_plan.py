"""What the clock makes of a due job: which ticks run, which are missed, where it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler import clock
from scheduler.jobfile import CatchUp, CatchUpPolicy
from scheduler.runs import Trigger
from scheduler.store import DueJob, Pause

SIX = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATEST, NONE, ALL = CatchUpPolicy.LATEST, CatchUpPolicy.NONE, CatchUpPolicy.ALL


def due(catch_up: CatchUp | None = None, *pauses: Pause, since: datetime = SIX, **changed: str) -> DueJob:
    words = {"schedule": "0 * * * *", "timezone": "UTC", **changed}
    return DueJob(
        project="analytics", name="hourly", next_tick=since, catch_up=catch_up or CatchUp(), pauses=pauses, **words
    )


@pytest.mark.parametrize("policy", list(CatchUpPolicy))
def test_a_tick_on_time_runs_whatever_the_policy(policy: CatchUpPolicy) -> None:
    plan = clock.plan(due(CatchUp(policy=policy)), SIX + timedelta(seconds=59))
    assert [(tick.at, tick.trigger) for tick in plan.ticks] == [(SIX, Trigger.CRON)]
    assert (plan.next_tick, plan.last_tick, plan.missed) == (SIX + HOUR, SIX, None)


@pytest.mark.parametrize(
    ("catch_up", "ran", "missed"),
    [
        (CatchUp(policy=LATEST), [10], (6, 9)),
        (CatchUp(policy=NONE), [], (6, 10)),
        (CatchUp(policy=ALL), [6, 7, 8, 9, 10], None),
        (CatchUp(policy=ALL, limit=2), [9, 10], (6, 8)),
        (CatchUp(policy=ALL, deadline=timedelta(minutes=100)), [9, 10], (6, 8)),
        (CatchUp(policy=LATEST, deadline=timedelta(minutes=30)), [10], (6, 9)),
        (CatchUp(policy=LATEST, deadline=timedelta(minutes=29)), [], (6, 10)),
    ],
)
def test_ticks_of_an_outage_follow_catch_up(catch_up: CatchUp, ran: list[int], missed: tuple[int, int] | None) -> None:
    plan = clock.plan(due(catch_up), SIX + 4.5 * HOUR)
    assert [tick.at.hour for tick in plan.ticks] == ran
    assert {tick.trigger for tick in plan.ticks} <= {Trigger.CATCH_UP}
    assert plan.next_tick == SIX + 5 * HOUR
    if missed is None:
        assert plan.missed is None
    else:
        assert plan.missed is not None
        assert (plan.missed.first.hour, plan.missed.last.hour) == missed
        assert plan.missed.count == missed[1] - missed[0] + 1


def test_the_tick_on_time_after_an_outage_is_no_catching_up() -> None:
    plan = clock.plan(due(CatchUp(policy=ALL)), SIX + HOUR + timedelta(seconds=5))
    assert [tick.trigger for tick in plan.ticks] == [Trigger.CATCH_UP, Trigger.CRON]


def test_a_tick_on_time_passes_even_where_catching_up_is_off() -> None:
    plan = clock.plan(due(CatchUp(policy=NONE)), SIX + HOUR + timedelta(seconds=5))
    assert [tick.at for tick in plan.ticks] == [SIX + HOUR]
    assert plan.missed is not None
    assert (plan.missed.first, plan.missed.count) == (SIX, 1)


def test_years_of_outage_cost_one_run_and_are_told_by_their_ends() -> None:
    plan = clock.plan(due(since=SIX - timedelta(days=2000), schedule="*/5 * * * *"), SIX)
    assert [tick.at for tick in plan.ticks] == [SIX]
    assert plan.missed is not None
    assert plan.missed.first == SIX - timedelta(days=2000)
    assert plan.missed.last == SIX - timedelta(minutes=5)
    assert plan.missed.count == clock.COUNTED


def test_a_pause_starts_nothing_and_misses_nothing() -> None:
    plan = clock.plan(due(None, Pause("migration", None, "operator")), SIX + 3 * HOUR)
    assert (plan.ticks, plan.missed, plan.next_tick) == ((), None, SIX + 4 * HOUR)


def test_a_pause_that_is_over_takes_the_ticks_of_its_time_only() -> None:
    pause = Pause("migration", SIX + 3 * HOUR, "operator", since=SIX + HOUR)
    plan = clock.plan(due(CatchUp(policy=ALL), pause), SIX + 4 * HOUR)
    assert [tick.at.hour for tick in plan.ticks] == [6, 9, 10]
    assert plan.missed is None


def test_either_pause_is_enough() -> None:
    over = Pause("done", SIX - HOUR, "operator", since=SIX - 2 * HOUR)
    plan = clock.plan(due(None, over, Pause("in the file", None, "file")), SIX)
    assert plan.ticks == ()


def test_a_fixed_local_time_fires_once_on_both_change_days() -> None:
    """2026-03-29 has no 02:30 in Berlin, and 2026-10-25 has two."""
    for day, ticks in ((datetime(2026, 3, 29, tzinfo=UTC), 1), (datetime(2026, 10, 25, tzinfo=UTC), 1)):
        job = due(CatchUp(policy=ALL), since=day - timedelta(hours=1), schedule="30 2 * * *", timezone="Europe/Berlin")
        made = clock.plan(job, day + timedelta(hours=12)).ticks
        assert len(made) == ticks


def test_a_schedule_that_cannot_be_read_any_more_waits_and_holds_back_no_other() -> None:
    plan = clock._readable_plan(due(schedule="not a schedule"), SIX)
    assert (plan.ticks, plan.next_tick) == ((), SIX + HOUR)


def test_the_loop_sleeps_until_the_next_tick_but_never_longer_than_a_second() -> None:
    assert clock._until_next(None, SIX) == timedelta(seconds=1)
    assert clock._until_next(SIX + HOUR, SIX) == timedelta(seconds=1)
    assert clock._until_next(SIX + timedelta(milliseconds=300), SIX) == timedelta(milliseconds=300)
    assert timedelta(0) < clock._until_next(SIX - HOUR, SIX) < timedelta(milliseconds=50)
