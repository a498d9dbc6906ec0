"""The outbox: an alert is handed to one sender at a time, in order, and is never told twice by key."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from schedules import NOW, ORIGIN, a_run, job, jobfile

from scheduler.incidents import Incident, NewAlert
from scheduler.runs import RunState
from scheduler.store import Ending, Store

MINUTE = timedelta(minutes=1)


@pytest.fixture
def incident(store: Store) -> Incident:
    """An open incident with two alerts."""
    store.merge_schedule(jobfile(job()), ORIGIN, NOW)
    run = a_run()
    store.create_run(run)
    opened = Incident(run.id, "analytics", "hourly", "prod", opened_at=NOW)
    alerts = tuple(NewAlert(key, {"text": key}, incident_id=run.id) for key in ("root", "reply"))
    ended = replace(run, state=RunState.FAILED, ended_at=NOW)
    assert store.finish(Ending(ended, RunState.QUEUED, incident=opened, alerts=alerts))
    return opened


def keys(store: Store, at: timedelta = timedelta()) -> list[str]:
    return [alert.key for alert in store.take_alerts(NOW + at)]


@pytest.mark.usefixtures("incident")
def test_of_an_incident_the_oldest_is_handed_out_first(store: Store) -> None:
    (root,) = store.take_alerts(NOW)
    assert (root.key, root.attempts) == ("root", 1)
    assert keys(store) == []
    store.mark_sent(root.id, NOW, "C024BE91L", "1700000000.000100")
    (reply,) = store.take_alerts(NOW)
    assert reply.key == "reply"
    assert reply.incident is not None
    assert (reply.incident.channel, reply.incident.thread_ts) == ("C024BE91L", "1700000000.000100")
    store.mark_sent(reply.id, NOW, "C024BE91L", "1700000000.000200")
    again = store.open_incident("analytics", "hourly", "prod")
    assert again is not None
    assert again.thread_ts == "1700000000.000100"
    assert store.alerts() == []
    assert len(store.alerts(unsent_only=False)) == 2


@pytest.mark.usefixtures("incident")
def test_a_sender_that_dies_gives_its_alerts_back(store: Store) -> None:
    assert keys(store) == ["root"]
    assert keys(store, MINUTE - timedelta(seconds=1)) == []
    (again,) = store.take_alerts(NOW + MINUTE)
    assert (again.key, again.attempts) == ("root", 2)


@pytest.mark.usefixtures("incident")
def test_a_postponed_alert_waits_and_holds_its_thread_back(store: Store) -> None:
    (root,) = store.take_alerts(NOW)
    store.postpone_alert(root.id, NOW + 5 * MINUTE, "ratelimited")
    assert keys(store, 4 * MINUTE) == []
    (again,) = store.take_alerts(NOW + 5 * MINUTE)
    assert (again.key, again.last_error) == ("root", "ratelimited")


@pytest.mark.usefixtures("incident")
def test_an_alert_that_was_given_up_does_not_block_the_next(store: Store) -> None:
    (root,) = store.take_alerts(NOW)
    store.give_up_alert(root.id, "channel_not_found", NOW)
    assert keys(store, MINUTE) == ["reply"]


@pytest.mark.usefixtures("incident")
def test_alerts_of_no_incident_do_not_wait_for_each_other(store: Store) -> None:
    store.tell_missed([], [NewAlert("a", {}), NewAlert("b", {}), NewAlert("later", {}, not_before=NOW + MINUTE)], NOW)
    assert keys(store) == ["root", "a", "b"]


@pytest.mark.usefixtures("incident")
def test_a_key_is_told_once_for_ever(store: Store) -> None:
    store.tell_missed([], [NewAlert("a", {"text": "first"})], NOW)
    (_, alert) = store.take_alerts(NOW)
    store.mark_sent(alert.id, NOW)
    store.tell_missed([], [NewAlert("a", {"text": "second"}), NewAlert("b", {})], NOW)
    assert keys(store) == ["b"]


def test_two_senders_never_hold_the_same_alert(store: Store) -> None:
    store.tell_missed([], [NewAlert(str(number), {}) for number in range(60)], NOW)
    together = threading.Barrier(4)

    def take(_: int) -> list[str]:
        together.wait()
        taken = []
        while alerts := store.take_alerts(NOW, limit=5):
            taken += [alert.key for alert in alerts]
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [key for part in pool.map(take, range(4)) for key in part]
    assert len(taken) == len(set(taken))
    assert set(taken) | set(keys(store)) == {str(number) for number in range(60)}
