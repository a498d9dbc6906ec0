"""Kill -9 of a clock between any two effects, two clocks at once, a wiped queue: each tick is one queued run."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import clock_victim
import pytest
from clock_victim import POINTS, moment
from schedules import ORIGIN, job, jobfile

from scheduler import clock
from scheduler.queues import Queues
from scheduler.runs import run_id
from scheduler.store import RunFilter, Store

JOBS = 50
Order = Callable[[str], str]


@pytest.fixture
def order(store: Store, store_url: str, valkey_url: str) -> Iterator[Order]:
    """Give orders to a process of clocks; see `clock_victim`."""
    schedule(store, JOBS)
    command = [sys.executable, str(Path(clock_victim.__file__)), store_url, valkey_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def give(words: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(words + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield give
        process.stdin.close()
        process.wait(30)


def schedule(store: Store, count: int) -> None:
    jobs = [job(f"j{number}", "*/15 * * * *", catch_up={"policy": "all", "limit": 100}) for number in range(count)]
    store.merge_schedule(jobfile(*jobs), ORIGIN, moment(0))


def expected(last: int, count: int = JOBS) -> set[str]:
    return {run_id("analytics", f"j{number}", moment(step)) for number in range(count) for step in range(1, last + 1)}


def recover(store: Store, queues: Queues, last: int) -> None:
    """What the next healthy clock does."""
    clock.tick(store, queues, moment(last))
    clock.sweep(store, queues, moment(last), timedelta(0))


def check(store: Store, queues: Queues, wanted: set[str]) -> None:
    """Each (job, tick) has exactly one run, and each run waits in the queue."""
    runs = store.runs(RunFilter(), limit=10**6)
    assert len(runs) == len({(run.job, run.scheduled_for) for run in runs})
    assert {run.id for run in runs} == wanted
    assert set(queues._starts.job_ids) == wanted
    assert queues.missing(sorted(wanted)) == []


def test_a_clock_killed_between_any_two_effects_loses_and_doubles_nothing(
    store: Store, queues: Queues, order: Order
) -> None:
    for last, point in enumerate(POINTS, start=1):
        queues._connection.flushall()
        assert order(f"kill {point} {last} {last + 100}") == "killed", point
        reached = max(last, reached_step(store))
        recover(store, queues, reached)
        check(store, queues, expected(reached))


def reached_step(store: Store) -> int:
    ticks = [row.last_tick for row in store.jobs() if row.last_tick is not None]
    return max(int((tick - moment(0)) / clock_victim.STEP) for tick in ticks) if ticks else 0


def test_a_clock_killed_at_random_moments_loses_and_doubles_nothing(store: Store, queues: Queues, order: Order) -> None:
    rng = random.Random(20260105)  # noqa: S311 (a repeatable test)
    for _ in range(8):
        assert order(f"random {rng.randint(30, 400)} {reached_step(store) + 1} 10000") == "killed"
    reached = reached_step(store)
    recover(store, queues, reached)
    check(store, queues, expected(reached))


def test_two_clocks_make_each_run_once_and_never_fail(store: Store, queues: Queues, order: Order) -> None:
    schedule(store, 300)
    total = 300 * 6
    assert order("race 1 6") == f"made {total} of them {total} different, exit [0, 0]"
    recover(store, queues, 6)
    check(store, queues, expected(6, 300))


def test_a_wiped_queue_is_filled_again(store: Store, queues: Queues) -> None:
    schedule(store, JOBS)
    clock.tick(store, queues, moment(1))
    queues._connection.flushall()
    clock.tick(store, queues, moment(2))
    clock.sweep(store, queues, moment(2), timedelta(0))
    check(store, queues, expected(2))


def test_a_queue_wiped_in_the_middle_of_queueing_is_filled_again(
    store: Store, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule(store, JOBS)
    push, pushed = queues._push, []
    monkeypatch.setattr("scheduler.queues._CHUNK", 20)

    def push_and_wipe(run_ids: list[str]) -> None:
        push(run_ids)
        pushed.append(run_ids)
        if len(pushed) == 2:
            queues._connection.flushall()

    monkeypatch.setattr(queues, "_push", push_and_wipe)
    clock.tick(store, queues, moment(1))
    assert queues._starts.count == 10
    clock.sweep(store, queues, moment(1), timedelta(0))
    check(store, queues, expected(1))


def test_a_queue_that_is_down_loses_no_tick(store: Store, queues: Queues) -> None:
    schedule(store, JOBS)
    made = clock.tick(store, Queues("redis://127.0.0.1:1/0"), moment(1))
    assert set(made) == expected(1)
    clock.sweep(store, queues, moment(1), timedelta(0))
    check(store, queues, expected(1))


def test_the_sweep_offers_nothing_twice(store: Store, queues: Queues) -> None:
    schedule(store, JOBS)
    clock.tick(store, queues, moment(1))
    assert clock.sweep(store, queues, moment(1), timedelta(0)) == []
    assert queues._starts.count == JOBS
