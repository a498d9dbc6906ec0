"""The clock's loop, with its time running six hundred times as fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from schedules import ORIGIN, a_run, job, jobfile
from waiting import until

from scheduler import clock
from scheduler.errors import Retryable
from scheduler.queues import Queues
from scheduler.runs import RunState
from scheduler.store import Store

START = datetime(2026, 1, 5, 6, 0, 30, tzinfo=UTC)
SPEED = 600


@pytest.fixture
def queues(valkey_url: str) -> Iterator[Queues]:
    made = Queues(valkey_url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _fast_time(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    monkeypatch.setattr(clock, "_now", lambda: START + SPEED * timedelta(seconds=time.monotonic() - began))
    monkeypatch.setattr(clock, "LONGEST_SLEEP", timedelta(milliseconds=50))
    monkeypatch.setattr(clock, "SWEEP_EVERY", timedelta(milliseconds=100))


@contextmanager
def running(store: Store, queues: Queues) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=clock.run, args=(store, queues, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def waiting(queues: Queues) -> int:
    return int(queues._starts.count)


def test_the_loop_makes_and_queues_each_tick(store: Store, queues: Queues) -> None:
    often = job("often", "*/5 * * * *", catch_up={"policy": "all", "limit": 1000})  # a slow machine misses a tick
    store.merge_schedule(jobfile(often, job("yearly", "0 3 1 1 *")), ORIGIN, START)
    with running(store, queues):
        until(lambda: waiting(queues) >= 4, 20)
    ticks = sorted(run.scheduled_for for run in store.active())
    first = START.replace(minute=5, second=0)
    assert ticks == [first + number * timedelta(minutes=5) for number in range(len(ticks))]


def test_the_loop_queues_a_retry_when_its_wait_is_over(store: Store, queues: Queues) -> None:
    store.merge_schedule(jobfile(job(schedule="0 3 * * *")), ORIGIN, START)
    retry = a_run(attempt=2, not_before=START + timedelta(minutes=30), created_at=START, since=START)
    store.create_run(retry)
    with running(store, queues):
        until(lambda: waiting(queues), 20)
        assert clock._now() >= retry.not_before if retry.not_before else False
    assert queues._starts.job_ids == [retry.id]


def test_the_loop_outlives_outages_of_the_database_and_of_the_queue(
    store: Store, queues: Queues, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.merge_schedule(jobfile(job("often", "*/5 * * * *")), ORIGIN, START)
    outages = {"next_due": threading.Event(), "_push": threading.Event()}
    for owner, name in ((store, "next_due"), (queues, "_push")):
        original = getattr(owner, name)
        outages[name].set()

        def flaky(*args: object, original: object = original, down: threading.Event = outages[name]) -> object:
            if down.is_set():
                raise Retryable("the cable is out")
            return original(*args)  # type: ignore[operator]

        monkeypatch.setattr(owner, name, flaky)
    with running(store, queues):
        until(lambda: caplog.text, 20)
        outages["next_due"].clear()
        until(store.active, 20)
        assert waiting(queues) == 0
        outages["_push"].clear()
        until(lambda: waiting(queues), 20)
    assert "the cable is out; trying again" in caplog.text
    assert {run.state for run in store.active()} == {RunState.QUEUED}
