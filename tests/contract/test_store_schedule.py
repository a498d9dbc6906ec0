"""How a push changes the live schedule, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from schedules import NOW, ORIGIN, job, jobfile

from scheduler import clock
from scheduler.errors import UserError
from scheduler.jobfile import Job
from scheduler.store import Pause, ScheduleChange, Store

HOUR = timedelta(hours=1)
NEXT = datetime.fromisoformat("2026-01-05T07:00Z")
DAILY = {"schedule": "30 6 * * *", "timezone": "Europe/Berlin"}


def merge(store: Store, *jobs: Job, now: datetime = NOW, sha: str = "0a1b2c3") -> ScheduleChange:
    return store.merge_schedule(jobfile(*jobs), replace(ORIGIN, sha=sha), now)


def tick(store: Store, now: datetime) -> list[str]:
    return store.record_ticks(now, lambda due: clock.plan(due, now)).run_ids


def test_a_first_push_adds_every_job(store: Store) -> None:
    full = job("full", **DAILY, select=["tag:finance+"], env={"REGION": "eu"}, retries={"limit": 2}, timeout="1h30m")
    assert merge(store, job(), full) == ScheduleChange(added=("hourly", "full"))
    rows = {row.name: row for row in store.jobs("analytics")}
    assert rows["full"].job == full
    assert rows["hourly"].next_tick == NEXT
    assert rows["full"].next_tick == datetime.fromisoformat("2026-01-06T05:30Z")
    assert rows["hourly"].sha == "0a1b2c3"
    assert store.next_due() == NEXT


def test_what_a_push_does_not_change_keeps_its_ticks_and_gets_the_new_commit(store: Store) -> None:
    merge(store, job())
    tick(store, NEXT)
    before = store.job("analytics", "hourly")
    assert merge(store, job(), now=NEXT + 3 * HOUR, sha="fff") == ScheduleChange(unchanged=("hourly",))
    assert before is not None
    assert store.job("analytics", "hourly") == replace(before, sha="fff")


def test_a_changed_job_keeps_a_tick_that_is_due(store: Store) -> None:
    merge(store, job())
    change = merge(store, job(description="more"), now=NEXT + timedelta(seconds=1))
    assert change == ScheduleChange(changed=("hourly",))
    assert tick(store, NEXT + timedelta(seconds=2)) == ["analytics-hourly-20260105t0700"]


@pytest.mark.parametrize(
    "changed", [{"schedule": "*/5 * * * *"}, {"schedule": "0 * * * *", "timezone": "Asia/Kolkata"}]
)
def test_a_retimed_job_goes_on_from_now_and_fires_nothing_of_the_past(store: Store, changed: dict[str, str]) -> None:
    merge(store, job())
    tick(store, NEXT)
    now = NEXT + timedelta(minutes=32)
    assert merge(store, job(**changed), now=now) == ScheduleChange(retimed=("hourly",))
    row = store.job("analytics", "hourly")
    assert row is not None
    assert row.last_tick == NEXT
    assert row.next_tick == row.job.cron.next(now) > now
    assert tick(store, now) == []


def test_a_due_tick_that_a_new_schedule_overtakes_is_told_as_missed(store: Store) -> None:
    merge(store, job())
    merge(store, job(schedule="30 * * * *"), now=NEXT + timedelta(seconds=1))
    assert [(missed.first, missed.count) for missed in store.untold_missed()] == [(NEXT, 1)]


def test_a_removed_job_is_not_scheduled_and_keeps_its_history(store: Store) -> None:
    merge(store, job(), job("other"))
    tick(store, NEXT)
    assert merge(store, job("other"), now=NEXT + HOUR) == ScheduleChange(removed=("hourly",), unchanged=("other",))
    assert tick(store, NEXT + HOUR) == ["analytics-other-20260105t0800"]
    assert [row.name for row in store.jobs()] == ["other"]
    gone = store.job("analytics", "hourly")
    assert gone is not None
    assert (gone.removed_at, gone.next_tick, gone.last_tick) == (NEXT + HOUR, None, NEXT)
    assert store.run("analytics-hourly-20260105t0700") is not None
    assert merge(store, job("other"), now=NEXT + HOUR) == ScheduleChange(unchanged=("other",))


def test_a_job_that_comes_back_goes_on_from_now(store: Store) -> None:
    merge(store, job())
    tick(store, NEXT)
    merge(store, now=NEXT + HOUR)
    assert merge(store, job(), now=NEXT + 5.5 * HOUR) == ScheduleChange(added=("hourly",))
    row = store.job("analytics", "hourly")
    assert row is not None
    assert (row.removed_at, row.last_tick, row.next_tick) == (None, NEXT, NEXT + 6 * HOUR)


def test_an_operators_pause_survives_pushes_and_a_change_of_the_job(store: Store) -> None:
    merge(store, job())
    pause = Pause("warehouse is down", None, "operator", NOW)
    assert store.pause("analytics", "hourly", pause)
    merge(store, job(description="more"))
    merge(store, job(schedule="*/5 * * * *"))
    row = store.job("analytics", "hourly")
    assert row is not None
    assert row.paused(NEXT) == pause
    assert tick(store, NEXT) == []


def test_resuming_goes_on_from_now(store: Store) -> None:
    merge(store, job())
    store.pause("analytics", "hourly", Pause("warehouse is down", None, "operator", NOW))
    later = NEXT + 5.5 * HOUR
    assert store.resume("analytics", "hourly", later)
    row = store.job("analytics", "hourly")
    assert row is not None
    assert (row.paused(later), row.next_tick) == (None, NEXT + 6 * HOUR)
    assert tick(store, later) == []


def test_resuming_what_is_not_paused_loses_no_due_tick(store: Store) -> None:
    merge(store, job())
    assert store.resume("analytics", "hourly", NEXT + timedelta(seconds=1))
    assert len(tick(store, NEXT + timedelta(seconds=1))) == 1


def test_a_pause_ends_at_its_time(store: Store) -> None:
    merge(store, job())
    store.pause("analytics", "hourly", Pause("lunch", NEXT + timedelta(minutes=1), "operator", NOW))
    assert tick(store, NEXT) == []
    assert len(tick(store, NEXT + HOUR)) == 1


def test_a_pause_in_the_file_is_the_files(store: Store) -> None:
    held = job(paused={"reason": "migration"})
    merge(store, held)
    row = store.job("analytics", "hourly")
    assert row is not None
    assert row.paused(NOW) == Pause("migration", None, "file")
    store.resume("analytics", "hourly", NOW)
    assert tick(store, NEXT) == []
    merge(store, job(), now=NEXT + 2.5 * HOUR)
    assert tick(store, NEXT + 2.5 * HOUR) == []
    assert tick(store, NEXT + 3 * HOUR) == ["analytics-hourly-20260105t1000"]


def test_pausing_what_does_not_exist_is_said(store: Store) -> None:
    merge(store, job())
    assert not store.pause("analytics", "daily", Pause("why", None, "operator", NOW))
    assert not store.resume("analytics", "daily", NOW)
    assert store.job("analytics", "daily") is None


def test_a_project_that_is_gone_is_not_scheduled_until_it_comes_back(store: Store) -> None:
    merge(store, job())
    assert store.remove_project("analytics", NOW)
    assert not store.remove_project("analytics", NOW)
    assert (store.projects(), store.jobs(), store.next_due()) == ([], [], None)
    assert store.project("analytics") is not None
    merge(store, job())
    assert [project.name for project in store.projects()] == ["analytics"]


def test_another_repository_cannot_take_a_projects_name(store: Store) -> None:
    merge(store, job())
    other = replace(ORIGIN, repository="https://github.com/acme/other")
    with pytest.raises(UserError, match=r"acme/analytics keeps a project of that name"):
        store.merge_schedule(jobfile(), other, NOW)
    assert [row.name for row in store.jobs()] == ["hourly"]
    store.remove_project("analytics", NOW)
    store.merge_schedule(jobfile(job("mine")), other, NOW)


def test_projects_do_not_touch_each_other(store: Store) -> None:
    merge(store, job())
    store.merge_schedule(jobfile(job("nightly"), project="sales"), ORIGIN, NOW)
    assert [(row.project, row.name) for row in store.jobs()] == [("analytics", "hourly"), ("sales", "nightly")]


def test_a_merge_that_fails_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(store, job(), job("old"))

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("scheduler.store.schedule._Merge.overtaken", fail)
    with pytest.raises(RuntimeError):
        merge(store, job("new"), sha="fff")
    assert [row.name for row in store.jobs()] == ["hourly", "old"]
    assert store.jobs()[0].sha == "0a1b2c3"


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    merge(store, job())
    with pytest.raises(Exception, match="no time zone"):
        store.pause("analytics", "hourly", Pause("why", datetime(2026, 1, 1), "operator", NOW))  # noqa: DTZ001


def test_steps_that_are_one_transaction_are_kept_together_or_not_at_all(store: Store) -> None:
    other = jobfile(job()).model_copy(update={"project": "other"})

    def broken() -> None:
        with store.together():
            store.merge_schedule(other, ORIGIN, NOW)
            raise ZeroDivisionError

    elsewhere = replace(ORIGIN, repository="https://else.example/o/n.git")
    with store.together():
        merge(store, job())
        assert [row.name for row in store.projects()] == ["analytics"], "what is written within is read within"
        with pytest.raises(UserError):
            store.merge_schedule(jobfile(job("stolen")), elsewhere, NOW)
        with pytest.raises(ZeroDivisionError):
            broken()  # which undoes its own step alone
    assert [row.name for row in store.jobs()] == ["hourly"]
    with pytest.raises(ZeroDivisionError):
        broken()
    assert [row.name for row in store.projects()] == ["analytics"]
    merge(store, job(), job("late"))
    assert [row.name for row in store.jobs()] == ["hourly", "late"]
