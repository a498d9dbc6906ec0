"""Clocks in processes of their own, to be killed or raced. Run as a script: DATABASE VALKEY, then orders on stdin.

It loads once and forks a clock for each order, so that a kill costs milliseconds. Time is given: a clock lives through
ticks of a quarter of an hour, `first` to `last`, as fast as it can.

`kill POINT FIRST LAST`: the clock kills itself at that point; answers `killed`, or `survived` when it never came by.
`random MILLISECONDS FIRST LAST`: it is killed from outside after that time.
`race FIRST LAST`: two clocks at once, each step begun together; answers with how many runs each has made.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler import clock
from scheduler.queues import Queues
from scheduler.store import Store

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)
BATCH = 20
FORK = multiprocessing.get_context("fork")

POINTS: dict[str, tuple[Any, str, str]] = {
    "due-jobs-locked": (Store, "_record", "before"),
    "runs-inserted-not-committed": (Store, "_record", "after"),
    "runs-committed": (Store, "record_ticks", "after"),
    "queueing-begins": (Queues, "_push", "before"),
    "queued": (Queues, "_push", "after"),
    "batch-done": (Queues, "enqueue_starts", "after"),
    "sweep-begins": (Store, "unqueued", "before"),
    "sweep-read-the-ledger": (Store, "unqueued", "after"),
    "sweep-read-the-queue": (Queues, "missing", "after"),
}


def moment(step: int) -> datetime:
    return START + step * STEP


def live(store: Store, queues: Queues, steps: range) -> list[str]:
    """Be a clock."""
    made: list[str] = []
    for step in steps:
        made += clock.tick(store, queues, moment(step))
        clock.sweep(store, queues, moment(step), timedelta(0))
    return made


def die_at(point: str, calls: int = 2) -> None:
    """Arrange for kill -9 at the second passing of a point."""
    owner, name, when = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)
    passed = iter(range(1, 1_000_000))

    def wrapped(*args: object, **kwargs: object) -> object:
        last = next(passed) == calls
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        value = original(*args, **kwargs)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(owner, name, wrapped)


def victim(urls: list[str], point: str | None, steps: range) -> None:
    if point is not None:
        die_at(point)
    live(Store(urls[0]), Queues(urls[1]), steps)


def racer(urls: list[str], steps: range, together: Any, made: Any) -> None:  # noqa: ANN401
    store, queues = Store(urls[0]), Queues(urls[1])
    for step in steps:
        together.wait(60)
        run_ids = live(store, queues, range(step, step + 1))
        made.put(run_ids)


def kill(urls: list[str], point: str, steps: range) -> str:
    process = FORK.Process(target=victim, args=(urls, point, steps))
    process.start()
    process.join()
    return "killed" if process.exitcode == -signal.SIGKILL else f"survived with {process.exitcode}"


def kill_after(urls: list[str], milliseconds: int, steps: range) -> str:
    process = FORK.Process(target=victim, args=(urls, None, steps))
    process.start()
    process.join(milliseconds / 1000)
    process.kill()
    process.join()
    return "killed"


def race(urls: list[str], steps: range) -> str:
    together, made = FORK.Barrier(2), FORK.Queue()
    racers = [FORK.Process(target=racer, args=(urls, steps, together, made)) for _ in range(2)]
    for one in racers:
        one.start()
    run_ids = [run_id for _ in range(2 * len(steps)) for run_id in made.get(timeout=120)]
    for one in racers:
        one.join()
    codes = [one.exitcode for one in racers]
    return f"made {len(run_ids)} of them {len(set(run_ids))} different, exit {codes}"


def obey(urls: list[str], order: list[str]) -> str:
    kind, *words = order
    steps = range(int(words[-2]), int(words[-1]) + 1)
    if kind == "kill":
        return kill(urls, words[0], steps)
    if kind == "random":
        return kill_after(urls, int(words[0]), steps)
    return race(urls, steps)


def main() -> None:
    clock.BATCH = BATCH
    for line in sys.stdin:
        sys.stdout.write(obey(sys.argv[1:3], line.split()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
