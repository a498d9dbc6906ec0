"""`python -m scheduler`: the three processes as they are deployed, with a real queue and a real meshrun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from places import alive_below, make_repository
from schedules import job, jobfile
from waiting import until

from scheduler.logs import Logs
from scheduler.runs import RunState
from scheduler.store import Origin, Store

LARGEST_KB = 150_000
PROCESSES = ("worker", "clock", "watch")


@dataclass
class Deployment:
    folder: Path
    env: dict[str, str]
    store: Store

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-P", "-m", "scheduler", *arguments]
        with subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def manual_run(self) -> str:
        run = self.store.manual_run("shop", "hourly", datetime.now(UTC))
        assert run
        return run.id

    def state(self, run: str) -> RunState:
        found = self.store.run(run)
        assert found
        return found.state


@pytest.fixture
def deployment(tmp_path: Path, valkey_url: str) -> Iterator[Deployment]:
    data = tmp_path / "data"
    data.mkdir()
    store = Store(f"sqlite:///{data / 'meshbot.db'}")
    store.migrate()
    sha = make_repository(tmp_path / "repository", {"project/readme.txt": "no project of SQLMesh"})
    origin = Origin(str(tmp_path / "repository"), "project", "main", sha)
    store.merge_schedule(jobfile(job(schedule="0 0 1 1 *"), project="shop"), origin, datetime.now(UTC))
    env = {name: value for name, value in os.environ.items() if not name.startswith("MESHBOT_")}
    ours = {
        "MESHBOT_DATA_DIR": str(data),
        "MESHBOT_REDIS_URL": valkey_url,
        "MESHBOT_SLACK_BOT_TOKEN": "xoxb-very-secret",
        "MESHBOT_SLACK_CHANNEL": "#data",
        "MESHBOT_SLACK_API_URL": "http://127.0.0.1:9/",
    }
    yield Deployment(data, {**env, **ours}, store)
    store.close()
    until(lambda: alive_below(data) == [])


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_three_processes_bring_a_run_to_its_end_in_little_memory_and_end_when_told(deployment: Deployment) -> None:
    run = deployment.manual_run()
    with ExitStack() as stack:
        processes = {name: stack.enter_context(deployment.process(name)) for name in PROCESSES}
        until(lambda: deployment.state(run).is_final, timeout=150)
        sizes = {name: resident_kb(process.pid) for name, process in processes.items()}
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        said = {name: process.communicate(timeout=10)[1] for name, process in processes.items()}
    assert {name: process.returncode for name, process in processes.items()} == dict.fromkeys(PROCESSES, 0), said
    assert {name: size for name, size in sizes.items() if size > LARGEST_KB} == {}
    assert "xoxb-very-secret" not in "".join(said.values())
    assert all("INFO scheduler: " in line or "WARNING" in line for line in said["worker"].splitlines())
    assert deployment.state(run) is RunState.FAILED
    assert b'"event": "end"' in Logs((deployment.folder / "logs").as_uri(), deployment.folder).read(run)


def test_a_killed_worker_and_a_killed_watch_lose_nothing(deployment: Deployment) -> None:
    run = deployment.manual_run()
    with deployment.process("clock"):
        with deployment.process("worker") as worker:
            until(lambda: deployment.state(run) is RunState.STARTING, timeout=120)
            worker.kill()
        with deployment.process("watch") as watch:
            until(lambda: deployment.state(run) is not RunState.STARTING, timeout=120)
            watch.kill()
        with deployment.process("watch"), deployment.process("worker"):  # the first may have died before it launched
            until(lambda: deployment.state(run).is_final, timeout=150)
    assert deployment.state(run) is RunState.FAILED


def test_a_worker_waits_for_a_queue_that_is_down_and_still_ends_when_told(deployment: Deployment) -> None:
    deployment.env["MESHBOT_REDIS_URL"] = "redis://127.0.0.1:9/0"
    with deployment.process("worker") as worker:
        assert worker.stderr is not None
        until(lambda: "out of reach" in worker.stderr.readline())  # type: ignore[union-attr]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("arguments", "unset", "said"),
    [
        (("worker",), "MESHBOT_REDIS_URL", "opening the queue: none is set; set MESHBOT_REDIS_URL"),
        (("claims", "nowhere"), "", "there is no such project; known are: shop"),
        (("heard", "clock"), "", "looking for a clock of this machine: nothing was heard of one lately"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(
    deployment: Deployment, arguments: tuple[str, ...], unset: str, said: str
) -> None:
    deployment.env.pop(unset, None)
    with deployment.process(*arguments) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert said in err
    assert "Traceback" not in err


def test_a_probe_says_by_its_exit_code_that_a_process_is_heard_of(deployment: Deployment) -> None:
    with deployment.process("clock"):
        until(lambda: any(one.process == "clock" for one in deployment.store.heartbeats()))
        with deployment.process("heard", "clock") as probe:
            assert (*probe.communicate(timeout=60), probe.returncode) == ("", "", 0)


def test_claims_that_cannot_be_read_are_told_in_the_projects_words(deployment: Deployment) -> None:
    with deployment.process("claims", "shop") as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("reading the claims of shop: ")
    assert "Traceback" not in err
    assert list((deployment.folder / "runs").glob("claims*")) == []


def test_claims_are_json_lines(deployment: Deployment) -> None:
    from scheduler.claims import claims
    from scheduler.launchers.process import ProcessLauncher

    line = {"meshrun": 1, "event": "claim", "name": "t1", "model": "db.orders", "run_id": "run-a", "job": "hourly"}
    program = (sys.executable, "-I", "-S", "-c", f"print({json.dumps(line)!r})")
    launcher = ProcessLauncher(deployment.folder, deployment.folder / "secrets", program=program)
    (claim,) = claims(deployment.store, launcher, "shop", release="db.orders")
    assert {name: claim[name] for name in ("project", "run", "model", "job")} == {
        "project": "shop",
        "run": "run-a",
        "model": "db.orders",
        "job": "hourly",
    }
