"""What a durable tick costs beside rq's own cron scheduler, which keeps no ledger; and what an idle clock costs."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from bench.conftest import Results, Row
from rq.cron import CronScheduler
from schedules import ORIGIN, job, jobfile

from scheduler import clock, embedded
from scheduler.queues import Queues
from scheduler.runs import RunState
from scheduler.store import RunFilter, Store

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

JOBS, DUE, ROUNDS = 10_000, 1_000, 5
SEVEN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
SCHEDULES = [f"{minute} * * * *" for minute in range(0, 60, 6)]  # a tenth of the jobs is due at each
IDLE_SECONDS = 20

IDLE_CLOCK = """
import json, sys, threading, time
from datetime import UTC, datetime
from scheduler import clock
from scheduler.queues import Queues
from scheduler.store import Store

store, queues, stop = Store(sys.argv[1]), Queues(sys.argv[2]), threading.Event()
clock.tick(store, queues, datetime(2026, 1, 5, 7, 0, tzinfo=UTC))
queues._connection.flushall()
with store.writing() as connection:
    connection.exec_driver_sql("UPDATE runs SET state = 'succeeded'")
    connection.exec_driver_sql("UPDATE jobs SET next_tick = '2099-01-01 00:00:00.000000+00:00'")
thread = threading.Thread(target=clock.run, args=(store, queues, stop))
thread.start()
stop.wait(2)
before = time.process_time()
stop.wait(float(sys.argv[3]))
used = time.process_time() - before
stop.set()
thread.join()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([used / float(sys.argv[3]), int(peak.split()[1]) / 1024]))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A durable database: not the tests' Postgres, which does without fsync."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'meshbot.db'}"
        return
    with tempfile.TemporaryDirectory(prefix="meshbot-bench-") as folder, embedded.postgres(Path(folder) / "pg") as url:
        yield url


def kind(database: str) -> str:
    return "SQLite" if database.startswith("sqlite") else "Postgres"


def scheduled(database: str) -> Store:
    store = Store(database)
    store.migrate()
    jobs = [job(f"j{number}", SCHEDULES[number % len(SCHEDULES)]) for number in range(JOBS)]
    store.merge_schedule(jobfile(*jobs), ORIGIN, SEVEN - timedelta(minutes=1))
    return store


def ours(store: Store, queues: Queues, now: datetime) -> float:
    """Create and queue the runs of a thousand due jobs, durably; return the seconds."""
    began = time.perf_counter()
    made = clock.tick(store, queues, now)
    seconds = time.perf_counter() - began
    assert len(made) == DUE
    assert queues.missing(made) == []
    states = frozenset({RunState.QUEUED})
    assert len({run.id for run in store.runs(RunFilter(states=states), limit=DUE)} & set(made)) == DUE
    return seconds


def rqs(connection: redis.Redis) -> Callable[[], float]:
    """Register the same jobs with rq's scheduler; return what queues a thousand due ones and says the seconds."""
    scheduler = CronScheduler(connection, logging_level=logging.WARNING)
    logging.getLogger("rq.cron").setLevel(logging.WARNING)
    for number in range(JOBS):
        scheduler.register(len, "meshbot-bench", args=("x",), cron=SCHEDULES[number % len(SCHEDULES)])
    never = datetime.now(UTC) + timedelta(days=1)

    def queue() -> float:
        for number, cron_job in enumerate(scheduler.get_jobs()):
            cron_job.next_enqueue_time = SEVEN if number % len(SCHEDULES) == 0 else never
        began = time.perf_counter()
        queued = scheduler.enqueue_jobs()
        seconds = time.perf_counter() - began
        assert len(queued) == DUE
        return seconds

    return queue


def test_bench_a_thousand_ticks(database: str, valkey_url: str, results: Results, again: str) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    store, queues, connection = scheduled(database), Queues(valkey_url), redis.Redis.from_url(valkey_url)
    queue = rqs(connection)
    clock.tick(store, queues, SEVEN - timedelta(minutes=1))
    mine, theirs = [], []
    for hour in range(ROUNDS):
        theirs.append(queue())
        mine.append(ours(store, queues, SEVEN + timedelta(minutes=6 * hour)))
        connection.flushall()
    store.close()
    our, their = statistics.median(mine), statistics.median(theirs)
    ratio = statistics.median(one / other for one, other in zip(mine, theirs, strict=True))
    results.add(
        Row(
            f"1,000 due of 10,000 jobs: runs recorded ({kind(database)}) and queued",
            f"{our:.2f} s",
            f"rq CronScheduler, queued only: {their:.2f} s",
            ratio,
            "at most 1.0",
            again,
        )
    )
    assert ratio <= 1.0


def test_bench_an_idle_clock(database: str, valkey_url: str, results: Results, again: str) -> None:
    scheduled(database).close()
    command = [sys.executable, "-c", IDLE_CLOCK, database, valkey_url, str(IDLE_SECONDS)]
    cpu, memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    results.add(
        Row(f"an idle clock of 10,000 jobs ({kind(database)}): processor", f"{cpu:.2%}", "", None, "below 1 %", again)
    )
    results.add(Row("the same, memory at its peak (1,000 ticks)", f"{memory:.0f} MB", "", None, "below 150 MB", again))
    assert cpu < 0.01
    assert memory < 150
