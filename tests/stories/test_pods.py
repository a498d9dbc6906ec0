"""Runs as pods of a real cluster, from the tick to the end that the ledger keeps, through everything that can die."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dyingpods import TOKEN
from kubehouse import House
from podplaces import PodPlace, make_pod_place
from running import BAD, GOOD, Running, now
from waiting import until

from scheduler.errors import Retryable
from scheduler.launchers import endings, pod
from scheduler.observations import Exited
from scheduler.runs import ModelStatus, RunState
from scheduler.store import Store

pytestmark = pytest.mark.xdist_group("cluster")
TESTS = Path(__file__).parents[1]


@pytest.fixture
def place(cluster: House, tmp_path: Path) -> Iterator[PodPlace]:
    made = make_pod_place(tmp_path, cluster, tokens=lambda _repository: TOKEN)
    made.options["keep"] = Pods(None, made).logs.keep  # type: ignore[arg-type]
    made.settle()
    tenancy = made.launcher._tenancy  # type: ignore[attr-defined]
    (made.root / "tenancy").write_bytes(pickle.dumps((made.kubeconfig, tenancy)))
    yield made
    made.close()


class Pods(Running):
    """The same steps, with the patience that pods need."""

    def ended_all(self, *runs: str) -> list[RunState]:
        def over() -> bool:
            self.look()
            return all(self.run(run).state.is_final for run in runs)

        until(over, timeout=150, every=0.2)
        return [self.run(run).state for run in runs]


@pytest.fixture
def running(tmp_path: Path, place: PodPlace) -> Iterator[Pods]:
    store = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    store.migrate()
    yield Pods(store, place)
    store.close()


def killed(running: Pods, tmp_path: Path, what: str, death: tuple[str, int, str], run: str) -> None:
    """Do one step in a process that is killed at that point."""
    point, number, when = death
    url = f"sqlite:///{tmp_path / 'meshbot.db'}"
    done = subprocess.run(
        [sys.executable, TESTS / "dyingpods.py", what, point, str(number), when, url, running.place.root, run],
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, f"{death}: {done.stderr}"


def named(job: str, running: Pods, *steps: str) -> str:
    """Make a run of a job of this name."""
    from schedules import job as made

    spec = made(job, select=list(steps))
    known = [row.job for row in running.store.jobs("shop") if row.removed_at is None]
    running.push(*known, spec)
    return running.tick(spec, start=False)


def test_a_good_run_a_bad_one_and_one_out_of_memory(running: Pods) -> None:
    good = named("good", running, *GOOD)
    bad = named("bad", running, *BAD)
    hungry = named("hungry", running, "start", "model=evaluated", "eat=200", "end=succeeded")
    for run in (good, bad, hungry):
        running.start(run)
        running.start(run)
    assert running.ended_all(good, bad, hungry) == [RunState.SUCCEEDED, RunState.FAILED, RunState.FAILED]
    assert [(one.model, one.status) for one in running.store.results(good)] == [("db.orders", ModelStatus.EVALUATED)]
    assert [one.status for one in running.store.results(bad)] == [ModelStatus.FAILED]
    assert running.run(hungry).message == endings.out_of_memory("64Mi")
    assert [one.status for one in running.store.results(hungry)] == [ModelStatus.EVALUATED]
    assert b"working\n" in running.logs.read(good)
    assert running.place.launcher.known() == []
    assert running.run(good).place == "kubernetes-test"


def test_a_log_is_read_while_its_run_works_and_is_there_when_its_pod_is_not(running: Pods, place: PodPlace) -> None:
    run = named("long", running, "say=working", "forever")
    running.start(run)

    def is_kept() -> bool:
        running.look()
        return b"working\n" in running.logs.read(run)

    until(is_kept, timeout=90, every=0.5)
    assert running.run(run).state is RunState.RUNNING
    place.kubectl("delete", "job", run, "--wait=true")
    place.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
    assert running.ended_all(run) == [RunState.LOST]
    assert b"working\n" in running.logs.read(run)
    (again,) = running.others(run)
    assert (again.retry_of, again.attempt) == (run, 2)  # although the job has no retries of its own
    assert running.told() == []


STARTS = [
    ("Store.begin", 1, "after"),
    ("Cluster.create", 1, "before"),
    ("Cluster.create", 1, "after"),
    ("Cluster.create", 2, "before"),
    ("Cluster.create", 2, "after"),
    ("Cluster.create", 3, "before"),
    ("Cluster.create", 3, "after"),
    ("Cluster.patch", 1, "after"),
]


def test_workers_are_killed_at_every_step_and_each_run_starts_once(running: Pods, tmp_path: Path) -> None:
    runs = []
    for number, death in enumerate(STARTS):
        marks = tmp_path / f"marks-{number}"
        marks.mkdir()
        runs.append(named(f"dying-{number}", running, f"mark={marks}", *GOOD))
        killed(running, tmp_path, "start", death, runs[-1])
    for _ in range(2):  # what clock, workers and watches do all the time, a minute later
        running.look(after=timedelta(seconds=40))
        for run in runs:
            running.start(run, after=timedelta(seconds=40))
    assert running.ended_all(*runs) == [RunState.SUCCEEDED] * len(runs)
    assert [len(list((tmp_path / f"marks-{number}").iterdir())) for number in range(len(runs))] == [1] * len(runs)


LOOKS = [
    ("Logs.keep", 1, "before"),
    ("Logs.keep", 1, "after"),
    ("Store.finish", 1, "before"),
    ("Store.finish", 1, "after"),
    ("Cluster.delete", 1, "before"),
    ("Cluster.delete", 1, "after"),
    ("Cluster.patch", 1, "before"),
    ("Cluster.patch", 1, "after"),
]


def test_watches_are_killed_at_every_step_and_each_run_ends_once(
    running: Pods, place: PodPlace, tmp_path: Path
) -> None:
    for number, death in enumerate(LOOKS):
        run = named(f"dying-{number}", running, *BAD)
        running.start(run)
        until(lambda run=run: isinstance(place.launcher.observe(run), Exited), timeout=90)  # type: ignore[misc]
        killed(running, tmp_path, "look", death, run)
        running.look()
        running.watch.tidy(now())
        assert running.run(run).state is RunState.FAILED, death
        assert len(running.store.results(run)) == 1
        assert b"db.orders" in running.logs.read(run)
        assert run not in place.launcher.known()
        assert pod.FORGOTTEN in place.job(run)["metadata"]["labels"]
    left = [one["type"] for one in place.house.get("secrets", "-n", place.namespace)["items"]]
    assert "Opaque" not in left
    assert running.told() == ["opened"] * len(LOOKS)


def test_the_cluster_is_gone_for_a_while_and_every_run_is_followed_to_its_end(
    running: Pods, place: PodPlace, tmp_path: Path
) -> None:
    if place.house.scripts is None:
        pytest.skip("the cluster is somebody else's, and is not killed")
    go = tmp_path / "go"
    run = named("long", running, "say=working", f"until={go}", *GOOD)
    running.start(run)
    until(lambda: running.is_in(run, RunState.RUNNING), timeout=90)
    late = named("late", running, *GOOD)
    server = place.house.pid("kube-apiserver")
    os.kill(server, signal.SIGKILL)
    try:
        until(lambda: not Path(f"/proc/{server}").exists())
        with pytest.raises(Retryable):
            until(lambda: place.launcher.cancel("nobody"))
        running.start(late)
        go.touch()
        running.look()
        assert running.run(run).state is RunState.RUNNING
        assert running.run(late).state is RunState.STARTING  # whether it is there cannot be asked
    finally:
        place.house.script("up.sh")
    running.look(after=timedelta(seconds=40))
    running.start(late, after=timedelta(minutes=1))
    assert running.ended_all(run, late) == [RunState.SUCCEEDED] * 2


def test_a_run_is_cancelled_before_during_and_after(running: Pods) -> None:
    runs = [named(f"job-{number}", running, "graceful", "say=working", "forever") for number in range(2)]
    unbegun = named("unbegun", running, *GOOD)
    for run in runs:
        running.start(run)
    running.store.request_cancel(runs[0], now())
    running.store.request_cancel(unbegun, now())
    until(lambda: b"working" in b"".join(running.place.launcher.logs(runs[1])), timeout=90)
    running.store.request_cancel(runs[1], now())
    running.start(unbegun)
    assert running.ended_all(*runs, unbegun) == [RunState.CANCELLED] * 3
    assert [running.run(run).exit_code for run in runs[1:]] == [5]
