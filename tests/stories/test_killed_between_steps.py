"""A worker or a watch is killed between any two effects, and the run still starts once and ends once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from places import Place, alive_below, make_place
from running import BAD, Running, now
from waiting import until

from scheduler.runs import RunState
from scheduler.store import Store

TESTS = Path(__file__).parents[1]
RETRIES = {"limit": 1, "backoff": "1s", "max_backoff": "1s"}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'meshbot.db'}"
    fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
    return fresh()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "place")
    yield made
    made.close()


@pytest.fixture
def running(url: str, place: Place) -> Iterator[Running]:
    store = Store(url)
    store.migrate()
    yield Running(store, place)
    store.close()


def killed(running: Running, url: str, what: str, point: str, when: str, run: str) -> None:
    """Do one step in a process that is killed at that point."""
    done = subprocess.run(
        [sys.executable, str(TESTS / "dying.py"), what, point, when, url, str(running.place.root), run],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr


def healed(running: Running, run: str) -> None:
    """Do what clock, workers and watches do all the time, a minute later."""
    for _ in range(2):
        running.look(after=timedelta(seconds=40))
        running.start(run, after=timedelta(seconds=40))
    running.ended(run)


@pytest.mark.parametrize(
    ("point", "when"),
    [
        ("Store.begin", "before"),
        ("Store.begin", "after"),
        ("ProcessLauncher.launch", "before"),
        ("ProcessLauncher._commission", "after"),
        ("ProcessLauncher.launch", "after"),
    ],
)
def test_a_worker_is_killed_and_the_run_starts_once(
    running: Running, url: str, tmp_path: Path, point: str, when: str
) -> None:
    (tmp_path / "marks").mkdir()
    run = running.tick(running.job(f"mark={tmp_path / 'marks'}", *BAD), start=False)
    killed(running, url, "start", point, when, run)
    healed(running, run)
    assert running.run(run).state is RunState.FAILED
    assert running.told() == ["opened"]
    assert len(list((tmp_path / "marks").iterdir())) == 1


@pytest.mark.parametrize(
    ("point", "when"),
    [
        ("ProcessLauncher.observe", "after"),
        ("Logs.keep", "before"),
        ("Logs.keep", "after"),
        ("Store.latest_incident", "after"),
        ("Store.finish", "before"),
        ("Store.finish", "after"),
        ("Store._write_incident", "after"),
        ("ProcessLauncher.forget", "before"),
        ("ProcessLauncher.forget", "after"),
    ],
)
def test_a_watch_is_killed_and_the_run_ends_once(running: Running, url: str, point: str, when: str) -> None:
    run = running.tick(running.job(*BAD, retries=RETRIES if "incident" not in point else {}))
    until((running.folder(run) / "exit.json").exists)
    killed(running, url, "look", point, when, run)
    running.look()
    running.look()
    running.watch.tidy(now())
    assert running.run(run).state is RunState.FAILED
    assert len(running.store.results(run)) == 1
    assert b"db.orders" in running.logs.read(run)
    assert running.told() == (["opened"] if "incident" in point else [])
    assert len(running.others(run)) == ("incident" not in point)
    assert not running.folder(run).exists()


def test_a_watch_is_killed_while_it_notes_that_a_run_runs(running: Running, url: str) -> None:
    run = running.tick(running.job("say=working", "graceful", "forever"))
    until(lambda: b"working" in running.logs.read(run))
    for when in ("before", "after"):
        killed(running, url, "look", "Store.move", when, run)
    running.working(run)


@pytest.mark.parametrize(("point", "when"), [("NullNotifier.deliver", "before"), ("Store.mark_sent", "before")])
def test_a_messenger_is_killed_and_the_alert_is_told_later(running: Running, url: str, point: str, when: str) -> None:
    run = running.tick(running.job(*BAD))
    running.ended(run)
    killed(running, url, "deliver", point, when, run)
    assert running.watch.deliver(now) == 0
    assert running.watch.deliver(lambda: now() + timedelta(seconds=61)) == 1
    assert running.store.alerts() == []


def test_a_killed_keeper_is_an_infrastructure_failure_that_is_run_again(running: Running) -> None:
    spec = running.job("say=working", "forever")
    run = running.tick(spec)
    running.working(run)
    os.kill(running.place.keeper(run), 9)
    assert running.ended(run).state is RunState.LOST
    (again,) = running.others(run)
    assert (again.retry_of, again.attempt) == (run, 2)
    assert running.told() == []
    until(lambda: alive_below(running.place.root) == [])
