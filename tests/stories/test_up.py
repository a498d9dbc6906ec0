"""`meshbot up`: a commit becomes the schedule, everything runs in one tree, and nothing of it outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from bot_samples import FILE
from places import commit, git
from waiting import until

from bot import beacon
from scheduler.store import Pause, Store

MESHBOT = Path(sys.executable).parent / "meshbot"
PATIENCE = 90
SLOW = "import threading\n\nthreading.Event().wait({seconds})\n"
"""A project whose configuration takes its time, so that a run of it is still going when it is looked at."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that tells children of their parent's death")


@dataclass
class Home:
    """A repository, and the `meshbot up` that runs in it."""

    repository: Path
    ups: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.repository / ".meshbot"

    @property
    def told(self) -> str:
        return (self.repository.parent / f"told-{len(self.ups)}").read_text()

    def up(self) -> subprocess.Popen[str]:
        """Start it, and wait until it is ready."""
        with (self.repository.parent / f"told-{len(self.ups) + 1}").open("w") as told:
            self.ups.append(subprocess.Popen([MESHBOT, "up"], cwd=self.repository, stdout=told, stderr=told, text=True))
        until(lambda: beacon.look(self.data) or self.ups[-1].poll() is not None, PATIENCE)
        assert self.ups[-1].poll() is None, self.told
        return self.ups[-1]

    def wait_for(self, words: str, times: int = 1) -> None:
        until(lambda: self.told.count(words) >= times, PATIENCE)

    @cached_property
    def store(self) -> Store:
        """The database, as a process beside it sees it."""
        return Store(f"sqlite:///{self.data / 'meshbot.db'}")

    def jobs(self, project: str = "analytics") -> dict[str, str]:
        """Say which jobs are scheduled, and when."""
        return {row.name: row.job.schedule for row in self.store.jobs(project)}

    def states(self) -> list[str]:
        """Say how the runs stand, the newest first."""
        return [run.state.value for run in self.store.runs()]

    def ask(self, *arguments: str) -> Any:  # noqa: ANN401 - what a program would get
        """Ask from another terminal."""
        command = [MESHBOT, *arguments, "--json"]
        done = subprocess.run(command, cwd=self.repository, capture_output=True, text=True, check=False)
        return json.loads(done.stdout)

    def living(self) -> dict[int, str]:
        """Find every process that has anything to do with this folder."""
        here, found = str(self.repository.parent), {}
        for place in Path("/proc").iterdir():
            if place.name.isdecimal() and int(place.name) != os.getpid():
                with suppress(OSError):
                    words = (place / "cmdline").read_text() + (place / "environ").read_text(errors="replace")
                    if here in words + str((place / "cwd").readlink()) and (place / "cmdline").read_text():
                        found[int(place.name)] = (place / "cmdline").read_text().replace("\0", " ").strip()
        return found

    def part(self, name: str) -> int:
        """Find a process of the household."""
        return until(lambda: next((pid for pid, words in self.living().items() if name in words), 0), PATIENCE)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    repository = tmp_path / "repository"
    repository.mkdir()
    git("init", "--quiet", "--initial-branch=main", at=repository)
    commit(repository, {"meshbot.yaml": FILE})
    made = Home(repository)
    yield made
    if "store" in vars(made):
        made.store.close()
    for up in made.ups:
        if up.poll() is None:
            up.kill()
            up.wait()
    until(lambda: not made.living(), PATIENCE)


def test_a_push_adds_retimes_and_removes_jobs_and_a_faulty_file_changes_nothing(home: Home) -> None:
    home.up()
    home.wait_for("analytics: added hourly, daily, janitor")
    assert {job["job"]: job["words"] for job in home.ask("jobs")["jobs"]}["hourly"] == "every 15 minutes"

    commit(home.repository, {"meshbot.yaml": FILE.replace("*/15", "*/10").replace("  daily:", "  weekly:")})
    home.wait_for("added weekly; retimed hourly; removed daily")
    live = home.jobs()
    assert live == {"hourly": "*/10 * * * *", "weekly": "30 6 * * 1-5", "janitor": "0 3 * * *"}

    other = FILE.replace("analytics", "marketing")
    commit(home.repository, {"meshbot.yaml": FILE.replace("*/15", "*/4"), "marketing/meshbot.yaml": other})
    home.wait_for("marketing: added hourly, daily, janitor")
    home.wait_for("meshbot.yaml:7:15: jobs.hourly.schedule:")
    assert home.jobs() == live

    git("rm", "--quiet", "meshbot.yaml", at=home.repository)
    git("commit", "--quiet", "--message", "gone", at=home.repository)
    home.wait_for("analytics: removed, its meshbot.yaml is gone")
    assert home.jobs() == {}
    assert len(home.jobs("marketing")) == 3
    assert git("status", "--porcelain", at=home.repository) == "", "the data folder is no part of the repository"


@linux
def test_ctrl_c_ends_everything_and_the_next_up_goes_on(home: Home) -> None:
    up = home.up()
    home.wait_for("added hourly")
    home.store.pause("analytics", "hourly", Pause("an upgrade", None, "operator"))
    refused = subprocess.run([MESHBOT, "up"], cwd=home.repository, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "runs here already (process " in refused.stderr

    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE) == 0, home.told
    assert home.living() == {}
    assert not (home.data / beacon.NAME).exists()
    assert "ended; `meshbot up` goes on from here" in home.told

    home.up()
    home.wait_for("the schedule stays as it is")
    assert [row.name for row in home.store.jobs() if row.operator_pause] == ["hourly"]


@linux
def test_ctrl_c_lets_runs_end_gracefully(home: Home) -> None:
    commit(home.repository, {"config.py": SLOW.format(seconds=10)})
    up = home.up()
    home.wait_for("added hourly")
    home.ask("run", "hourly")
    until(lambda: home.states() == ["running"], PATIENCE)
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE) == 0, home.told
    assert home.states() == ["cancelled"]
    assert "ending 1 run gracefully" in home.told
    assert "analytics/hourly was cancelled" in home.told
    assert home.living() == {}


@linux
@pytest.mark.parametrize("victim", ["outside", "inside"])
def test_killed_by_force_nothing_is_left_running_and_the_next_up_goes_on(home: Home, victim: str) -> None:
    commit(home.repository, {"config.py": SLOW.format(seconds=600)})
    up = home.up()
    home.wait_for("added hourly")
    home.ask("run", "hourly")
    until(lambda: home.states() == ["running"], PATIENCE)
    os.kill(up.pid if victim == "outside" else home.part("bot.up.house"), signal.SIGKILL)
    assert up.wait(PATIENCE) != 0
    until(lambda: not home.living(), 20)

    home.up()
    until(lambda: home.states()[-1] == "lost" and len(home.states()) == 2, PATIENCE)  # and it is tried again


@linux
def test_what_crashes_is_started_again(home: Home) -> None:
    home.up()
    clock = home.part("scheduler clock")
    os.kill(clock, signal.SIGKILL)
    home.wait_for("the clock was killed by signal 9, and is started again")
    assert home.part("scheduler clock") != clock

    os.kill(home.part("valkey-server"), signal.SIGKILL)
    home.wait_for("the Valkey is gone; starting another")
    home.wait_for("follows", times=2)
    [queue] = [check for check in home.ask("doctor")["checks"] if check["name"] == "queue"]
    assert queue["state"] == "ok"
