"""What has become old is forgotten; what somebody still needs is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hubsamples import delivery, pull
from schedules import NOW, ORIGIN, a_run, job, jobfile

from scheduler.incidents import Incident, NewAlert
from scheduler.logs import Logs
from scheduler.retention import Retention
from scheduler.runs import ModelResult, ModelStatus, Run, RunState
from scheduler.store import Ending, MissedTicks, Store, TickPlan

DAY = timedelta(days=1)
KEEP = 90 * DAY


def made(store: Store, days: int, name: str = "hourly", state: RunState = RunState.SUCCEEDED, **more: object) -> Run:
    """Make a run of `days` ago that has ended, or stands in an active state."""
    at = NOW.replace(second=0) - days * DAY
    run = a_run(spec=job(name), scheduled_for=at, created_at=at, since=at)
    store.create_run(run)
    if state.is_final:
        ended = Run(**{**vars(run), "state": state, "ended_at": at, "since": at})
        result = ModelResult("db.a", ModelStatus.EVALUATED)
        assert store.finish(Ending(ended, RunState.QUEUED, (result,), **more))  # type: ignore[arg-type]
    return run


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs((tmp_path / "logs").as_uri(), tmp_path)


@pytest.fixture
def retention(store: Store, logs: Logs) -> Retention:
    store.merge_schedule(jobfile(job("hourly"), job("yearly"), job("gone")), ORIGIN, NOW - 400 * DAY)
    return Retention(store, logs, KEEP)


def ids(store: Store) -> set[str]:
    return {run.id for run in store.runs(limit=1000)}


def test_what_ended_long_ago_goes_with_its_results_and_its_log(retention: Retention, logs: Logs) -> None:
    store = retention.store
    old, young = made(store, 91), made(store, 89)
    for run in (old, young):
        logs.keep(run.id, [b"words"])
    assert retention.forget(NOW) == 1
    assert ids(store) == {young.id}
    assert (store.results(old.id), logs.exists(old.id)) == ([], False)
    assert len(store.results(young.id)) == 1
    assert logs.exists(young.id)


def test_the_newest_run_of_a_job_and_every_active_one_stay(retention: Retention) -> None:
    store = retention.store
    newest, active = made(store, 300, "yearly"), made(store, 200, state=RunState.QUEUED)
    old, young = made(store, 201), made(store, 1)
    retention.forget(NOW)
    assert ids(store) == {newest.id, active.id, young.id}
    store.forget_runs([active.id])
    assert active.id in ids(store)
    assert old.id not in ids(store)


def test_it_is_done_a_little_at_a_time(retention: Retention) -> None:
    for days in range(100, 106):
        made(retention.store, days)
    made(retention.store, 1)
    assert [retention.forget(NOW, limit=4) for _ in range(3)] == [4, 2, 0]


def test_a_log_that_is_gone_already_holds_nothing_back(retention: Retention, logs: Logs) -> None:
    old, _young = made(retention.store, 91), made(retention.store, 1)
    logs.keep(old.id, [b"words"])
    logs.remove(old.id)
    logs.remove(old.id)
    assert retention.forget(NOW) == 1


def test_incidents_go_with_their_alerts_when_all_is_told_and_closed(retention: Retention) -> None:
    store = retention.store

    def trouble(days: int, name: str, *, closed: bool) -> str:
        at = NOW - days * DAY
        incident = Incident(f"{name}-{days}", "analytics", name, "prod", at, closed_at=at if closed else None)
        alert = NewAlert(f"{name}-{days}", {"text": "x"}, incident.id)
        made(store, days, name, RunState.FAILED, incident=incident, alerts=(alert,))
        return incident.id

    settled, untold = trouble(200, "hourly", closed=True), trouble(180, "hourly", closed=True)
    still_open, of_a_gone_job = trouble(170, "yearly", closed=False), trouble(160, "gone", closed=False)
    for stored in store.alerts(limit=100):
        if stored.key != untold:
            store.mark_sent(stored.id, NOW - 150 * DAY)
    store.merge_schedule(jobfile(job("hourly"), job("yearly")), ORIGIN, NOW - 100 * DAY)
    retention.forget(NOW)
    assert {one.id for one in store.incidents(open_only=False)} == {untold, still_open}
    assert {one.key for one in store.alerts(unsent_only=False)} == {untold, still_open}
    assert settled != of_a_gone_job


def test_missed_ticks_go_when_they_were_told(retention: Retention) -> None:
    store, at = retention.store, NOW - 200 * DAY
    plan = TickPlan((), NOW + DAY, None, MissedTicks(at, at, 1))
    store.record_ticks(NOW, lambda _due: plan)
    told, *untold = store.untold_missed()
    store.tell_missed([told.id], [], at)
    assert store.forget_trouble(NOW - KEEP, 10) == 1
    assert store.untold_missed() == untold


def test_deliveries_go_when_they_were_handled_and_cannot_come_again(retention: Retention) -> None:
    store, old = retention.store, NOW - 91 * DAY
    for name in ("handled", "given-up", "pending", "young"):
        store.receive(delivery(name, received_at=old, not_before=old))
    store.handled("handled", "merged", old)
    store.give_up("given-up", "no", old)
    store.handled("young", "merged", NOW - 8 * DAY)
    retention.forget(NOW)
    assert store.known(["handled", "given-up", "pending", "young"]) == {"pending", "young"}
    store.handled("pending", "merged", NOW - 6 * DAY)
    Retention(store, retention.logs, DAY).forget(NOW)
    assert store.known(["pending", "young"]) == {"pending"}, "GitHub may send it again"


def test_deliveries_are_forgotten_a_little_at_a_time(store: Store) -> None:
    for number in range(5):
        store.receive(delivery(f"d{number}"))
        store.handled(f"d{number}", "merged", NOW - 91 * DAY)
    assert [store.forget_deliveries(NOW - KEEP, 2) for _ in range(4)] == [2, 2, 1, 0]


def test_closed_pull_requests_old_graphs_and_leases_go(store: Store) -> None:
    old = NOW - 91 * DAY
    store.put_pull(pull(1, state="closed"))
    store.put_pull(pull(2))
    for number in (1, 2):
        store.handled_pull(pull().repository, number, pull().head, old)
        store.trust(pull().repository, number, pull().head, "ada", old)
    store.put_pull(pull(3, state="closed", handled_at=NOW))
    store.keep_graph("old", "{}", old)
    store.keep_graph("used", "{}", old)
    store.keep_graph("used", "{}", NOW)
    store.take_lease("old", "ada", old, old)
    store.take_lease("held", "ada", NOW, old)
    store.forget_deliveries(NOW - KEEP, 10)
    assert [one.number for one in store.pulls(pull().repository)] == [2, 3]
    assert [store.trusted(pull().repository, number, pull().head) for number in (1, 2)] == [False, True]
    assert (store.graph_kept("old"), store.graph_kept("used")) == (None, "{}")
    assert not store.renew_lease("old", "ada", NOW)
    assert store.renew_lease("held", "ada", NOW)
