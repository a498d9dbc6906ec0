"""The queue on a real Valkey: nothing in it is needed, and nothing in it stands in the way."""

from __future__ import annotations

import sys
import types

import pytest
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry

from scheduler import queues as door
from scheduler.errors import Retryable, UserError
from scheduler.queues import Queues

IDS = [f"analytics-hourly-20260105t{hour:02}00" for hour in range(12)]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `start_run` was called with; ids with an `x` make it fail."""
    seen: list[str] = []

    def start_run(run_id: str) -> None:
        seen.append(run_id)
        if "x" in run_id:
            raise RuntimeError("the place is full")

    tasks = types.ModuleType("scheduler.tasks")
    tasks.start_run = start_run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scheduler.tasks", tasks)
    return seen


def test_runs_are_started_in_order_once(queues: Queues, started: list[str]) -> None:
    queues.enqueue_starts([*IDS, *IDS])
    assert queues.missing(IDS) == []
    queues.work(burst=True)
    assert started == IDS


def test_nothing_stays_behind_a_start(queues: Queues, started: list[str]) -> None:
    queues.enqueue_starts(IDS)
    queues.work(burst=True)
    assert len(started) == len(IDS)
    left = [key for key in queues._connection.keys() if b"20260105" in key]  # noqa: SIM118 (a Redis command)
    assert left == []


def test_a_run_that_was_started_can_be_offered_again(queues: Queues, started: list[str]) -> None:
    for _ in range(2):
        queues.enqueue_starts(IDS[:1])
        queues.work(burst=True)
    assert started == [IDS[0], IDS[0]]


def test_a_failed_start_is_left_alone_for_a_moment_and_then_offered_again(
    queues: Queues, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.enqueue_starts(["x1"])
    queues.work(burst=True)
    assert queues.missing(["x1"]) == []
    monkeypatch.setattr(door, "FAILURE_PAUSE", door.timedelta(0))
    assert queues.missing(["x1"]) == ["x1"]
    queues.enqueue_starts(["x1"])
    queues.work(burst=True)
    assert started == ["x1", "x1"]


def test_a_failed_start_is_kept_for_a_while_and_no_longer(queues: Queues, started: list[str]) -> None:
    queues.enqueue_starts(["x1"])
    queues.work(burst=True)
    assert started == ["x1"]
    job = Job.fetch("x1", connection=queues._connection)
    result = job.latest_result()
    assert result is not None
    assert "the place is full" in result.exc_string
    assert 0 < queues._connection.ttl(job.key) <= door.FAILURE_TTL.total_seconds()
    assert len(FailedJobRegistry(queue=queues._starts)) == 1


def test_a_new_entry_does_not_expire_with_the_old_one(queues: Queues, started: list[str]) -> None:
    queues.enqueue_starts(["x1"])
    queues.work(burst=True)
    assert started == ["x1"]
    queues.enqueue_starts(["x1"])
    assert queues._connection.ttl(Job.key_for("x1")) == -1


def test_what_a_wipe_took_is_missing(queues: Queues) -> None:
    queues.enqueue_starts(IDS)
    queues._connection.flushall()
    assert queues.missing(IDS) == IDS


def test_a_start_whose_worker_died_is_missing_after_a_while(queues: Queues) -> None:
    queues.enqueue_starts(IDS[:1])
    queues._connection.lpop(queues._starts.key)
    assert queues.missing(IDS[:1]) == IDS[:1]  # taken and not begun
    registry = StartedJobRegistry(queue=queues._starts).key
    now = queues._connection.time()[0]
    ttl = door._BEING_STARTED_TTL.total_seconds()
    queues._connection.zadd(registry, {f"{IDS[0]}:0a1b": now + ttl})
    assert queues.missing(IDS[:1]) == []
    queues._connection.zadd(registry, {f"{IDS[0]}:0a1b": now + ttl - door.START_PATIENCE.total_seconds() - 1})
    assert queues.missing(IDS[:1]) == IDS[:1]


def test_rq_says_of_a_start_what_is_expected_here(
    queues: Queues, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The expiry that RQ writes for a job in execution is where its beginning is read from."""
    scores: list[float] = []

    def look(_: str) -> None:
        ((_, score),) = queues._connection.zrange(StartedJobRegistry(queue=queues._starts).key, 0, -1, withscores=True)
        scores.append(score - queues._connection.time()[0])
        assert queues.missing(IDS[:1]) == []

    monkeypatch.setattr(sys.modules["scheduler.tasks"], "start_run", look)
    queues.enqueue_starts(IDS[:1])
    queues.work(burst=True)
    assert started == []
    assert scores == [pytest.approx(door._BEING_STARTED_TTL.total_seconds(), abs=2)]


def test_a_thousand_runs_cost_a_few_round_trips(queues: Queues) -> None:
    def commands() -> int:
        return int(queues._connection.info("stats")["total_reads_processed"])

    before = commands()
    queues.enqueue_starts([f"analytics-j{number}-20260105t0600" for number in range(1000)])
    # Valkey reads a long pipeline in parts of 16 KB; a thousand round trips would be at least a thousand reads
    assert commands() - before < 200
    assert queues._starts.count == 1000


def test_a_queue_out_of_reach_can_be_tried_again() -> None:
    gone = Queues("redis://127.0.0.1:1/0")
    for call in (gone.ping, lambda: gone.enqueue_starts(IDS), lambda: gone.missing(IDS)):
        with pytest.raises(Retryable, match="MESHBOT_REDIS_URL"):
            call()


def test_a_url_of_something_else_is_refused() -> None:
    with pytest.raises(UserError, match="write redis://"):
        Queues("http://host")
