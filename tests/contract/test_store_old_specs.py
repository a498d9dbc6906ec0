"""What was stored by an older or a newer version is still read: it must keep nobody from listing or ending a run."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from schedules import NOW, ORIGIN, a_run, job, jobfile
from sqlalchemy import update

from scheduler import clock
from scheduler.jobfile import CatchUpPolicy, Concurrency
from scheduler.runs import RunState
from scheduler.store import RunFilter, Store
from scheduler.store.specs import job_of, spec_text
from scheduler.store.tables import jobs, runs

SPEC = job(
    "hourly",
    select=["tag:finance+"],
    timeout="2h",
    concurrency="forbid",
    catch_up={"policy": "all", "deadline": "6h"},
    alerts={"longer_than": "1h"},
    paused={"reason": "a move", "until": "2026-01-05"},
)
STRICTER = {
    "select": ["a b c", ""],
    "timeout": "30d",
    "schedule": "*/4 * * * *",
    "max_concurrent_models": 1000,
    "unheard_of": {"a": 1},
    "paused": {"reason": "", "until": "2026-01-05T00:00:00Z"},
    "catch_up": {"policy": "all", "limit": 5000, "deadline": "90d", "new": 1},
    "alerts": {"on": ["failure", "weather"], "longer_than": "1s"},
    "retries": 7,
}


def stored(**changes: object) -> str:
    return json.dumps({**json.loads(spec_text(SPEC)), **changes})


def test_a_spec_of_today_reads_back_as_it_is() -> None:
    assert job_of(spec_text(SPEC)) == SPEC


def test_what_a_stricter_rule_refuses_is_taken_as_it_stands_and_the_rest_as_ever() -> None:
    found = job_of(stored(**STRICTER))
    assert (found.select, found.schedule, found.max_concurrent_models) == (("a b c", ""), "*/4 * * * *", 1000)
    assert (found.timeout, found.alerts.longer_than) == (timedelta(days=30), timedelta(seconds=1))
    assert (found.concurrency, found.environment) == (Concurrency.FORBID, "prod")
    assert (found.catch_up.policy, found.catch_up.limit) == (CatchUpPolicy.ALL, 5000)
    assert found.catch_up.deadline == timedelta(days=90)
    assert found.paused
    assert found.paused.until == SPEC.paused.until  # type: ignore[union-attr]
    assert found.retries.limit == 0
    spec_text(found)


@pytest.mark.parametrize("name", sorted(STRICTER))
def test_each_value_alone_breaks_neither_lists_nor_the_clock(store: Store, name: str) -> None:
    store.merge_schedule(jobfile(SPEC), ORIGIN, NOW)
    store.create_run(a_run(RunState.QUEUED, SPEC))
    with store.writing() as connection:
        for table in (jobs, runs):
            connection.execute(update(table).values(spec=stored(**{name: STRICTER[name]})))
    [run] = store.active()
    assert store.runs(RunFilter()) == [run]
    assert [row.name for row in store.jobs()] == ["hourly"]
    later = NOW + timedelta(hours=2)
    assert store.record_ticks(later, lambda due: clock.plan(due, later)).jobs == 1
    assert store.move(run, RunState.QUEUED)
