"""GitHub and Meshbot as two worlds that know each other by addresses and secrets alone.

The rule: the fake (`fakegithub/`) is nothing but HTTP to Meshbot's processes, and only their environment tells them of
it. A house is slow to build, so the stories of a session live in one, each with repositories of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fakegithub.github import GitHub
from fakegithub.people import Person, person
from fakegithub.server import fake_github
from fakegithub.world import Check, Comment, Installation, Pull, Repository
from waiting import until

from bot.up.processes import die_with_parent
from scheduler import embedded
from scheduler.store import Store

MESHBOT = Path(sys.executable).parent / "meshbot"
HALL = ("web", "bot")
PATIENCE = 60.0
CONFIG = """\
gateways:
  warehouse:
    connection: {type: postgres, host: db.example.com, port: 5432, user: mesh, password: "", database: shop}
model_defaults: {dialect: postgres, start: 2026-01-01}
"""
PROJECT = {
    "mesh/config.yaml": CONFIG,
    "mesh/models/orders.sql": "MODEL (name shop.orders, kind FULL, cron '@hourly');\nSELECT 1 AS id\n",
    "mesh/models/report.sql": "MODEL (name shop.report, kind FULL, cron '@daily');\nSELECT id FROM shop.orders\n",
}
"""The smallest project that has something to propose. What changes beside it costs no new reading of it."""

FILE = "mesh/meshbot.yaml"
LATE = {"mesh/models/late.sql": "MODEL (name shop.late, kind FULL, cron '@weekly');\nSELECT id FROM shop.report\n"}
"""One more model."""

JOBS = """\
version: 1
project: {project}
environment: dev
jobs:
  hourly:
    schedule: "0 * * * *"
    select: ["shop.orders"]
  daily:
    schedule: "30 6 * * *"
    select: ["shop.report"]
  janitor:
    type: janitor
    schedule: "37 3 * * *"
"""
LIVE = {"hourly": "0 * * * *", "daily": "30 6 * * *", "janitor": "37 3 * * *"}
"""What that is in the schedule."""

_numbers = itertools.count(1)


@contextlib.contextmanager
def conforming_github(folder: Path) -> Iterator[GitHub]:
    """Run a fake GitHub; at the end, see that everything which passed fits GitHub's own descriptions."""
    with fake_github(folder) as github:
        yield github
        assert github.unfit() == []


@dataclass
class Warehouse:
    """A repository with a project on which the App is installed, and the people around it."""

    house: House
    repo: Repository
    installation: Installation
    ada: Person
    """Writes."""
    cyd: Person
    """Writes, too, so that she may approve what Ada does."""
    eve: Person
    """May look."""

    @property
    def project(self) -> str:
        return self.repo.name

    def jobs(self, project: str | None = None) -> dict[str, str]:
        """The live schedule of this repository's project: jobs and their cron expressions."""
        wanted = project or self.project
        return {row.name: row.job.schedule for row in self.house.store.jobs() if row.project == wanted}

    def job_file(self, sha: str = "main") -> str:
        found = self.repo.bare.read(sha, FILE)
        assert found is not None, f"no {FILE} at {sha}"
        return found.decode()

    def told(self, pull: Pull | int) -> list[Comment]:
        """What the bot has written below a pull request, without its reviews."""
        number = pull if isinstance(pull, int) else pull.number
        return [one for one in self.repo.comments if one.number == number and one.by_app]

    def topology(self, pull: Pull) -> Comment:
        """The one comment on the topology of the project."""
        [found] = [one for one in self.told(pull) if "meshbot:topology" in one.body]
        return found

    def replies(self, pull: Pull) -> list[str]:
        """What the bot answered to commands."""
        return [one.body for one in self.told(pull) if "meshbot:topology" not in one.body]

    def checks(self, sha: str) -> list[Check]:
        return [one for one in self.repo.checks if one.sha == sha and one.name == "meshbot"]

    def check(self, sha: str) -> Check:
        [found] = self.checks(sha)
        return found

    def opens(self, files: Mapping[str, str], branch: str = "work", by: Person | None = None) -> Pull:
        """Open a pull request with some files, and wait until the bot is done with it."""
        who = by or self.ada
        who.pushes(self.repo, branch, files)
        pull = who.opens_pull(self.repo, branch)
        self.house.rests()
        return pull

    def says(self, pull: Pull, body: str, by: Person | None = None) -> Comment:
        """Comment, and wait until the bot has answered."""
        made = (by or self.ada).comments(pull, body)
        self.house.rests()
        return made


@dataclass
class House:
    """A fake GitHub, and Meshbot's real processes."""

    github: GitHub
    folder: Path
    environ: dict[str, str]
    store: Store
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def begin(self, *names: str) -> None:
        """Start processes as an operator does; `bot-2` is another `bot`."""
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [str(MESHBOT), name.partition("-")[0]],
                    env=self.environ,
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
                )
        if "web" in names:
            until(self._listens, PATIENCE)
            self.github.courier.point(f"http://{self.environ['MESHBOT_WEB_BIND']}/github")

    def end(self, *names: str) -> None:
        """Tell processes to end, and wait for them."""
        ending = {name: self.processes.pop(name) for name in names if name in self.processes}
        for process in ending.values():
            process.terminate()
        for name, process in ending.items():
            assert process.wait(40) == 0, self.log(name)

    def kill(self, name: str) -> None:
        """End a process and everything below it, without a word."""
        process = self.processes.pop(name)
        below = children(process.pid)
        for pid in (process.pid, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)

    def workers(self) -> list[int]:
        """The processes of the bot that handle deliveries; the first child makes the rounds."""
        return sorted(children(self.processes["bot"].pid, deep=False))[1:]

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def rests(self, patience: float = PATIENCE) -> None:
        """Wait until all that GitHub had to say is handled, and what was refused at the door, delivered again."""

        def over() -> bool:
            courier = self.github.courier
            return courier.settled() and self.store.pending_count() == 0 and courier.settled() and not courier.refused()

        try:
            until(over, patience)
        except AssertionError:
            said = "".join(f"\n--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)
            raise AssertionError(f"not at rest: {self.store.pending_count()} pending{said}") from None

    def warehouse(self, files: Mapping[str, str] | None = None, *, private: bool = True) -> Warehouse:
        """Make a repository of a new organization, install the App on it, and wait until the bot knows it.

        `{project}` in a job file becomes the name of the repository.
        """
        number = next(_numbers)
        filled = {path: text.replace("{project}", f"shop{number}") for path, text in (files or PROJECT).items()}
        repo = self.github.repository(f"acme{number}/shop{number}", {**filled}, private=private)
        ada, cyd = (person(self.github, f"{name}{number}").may(repo, "write") for name in ("ada", "cyd"))
        eve = person(self.github, f"eve{number}").may(repo, "read")
        made = Warehouse(self, repo, self.github.install(repo), ada, cyd, eve)
        self.rests()
        return made

    def live_warehouse(self, **more: str) -> Warehouse:
        """Make a repository whose job file is in the schedule already."""
        return self.warehouse({**PROJECT, FILE: JOBS, **more})

    def _listens(self) -> bool:
        assert self.processes["web"].poll() is None, self.log("web")
        try:
            with urllib.request.urlopen(f"http://{self.environ['MESHBOT_WEB_BIND']}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def calm(self) -> None:
        """Take back everything that a story had put in the way."""
        self.github.mischiefs.clear()
        self.github.courier.loses = self.github.courier.doubles = lambda _: False
        self.github.courier.release()
        self.github.before = lambda _number, _call: None
        self.github.after = lambda _seen: None

    def secrets(self) -> list[str]:
        key = re.findall(r"[A-Za-z0-9+/]{60,}", self.github.app.private_key)
        return [self.github.app.secret, *self.github.tokens, *key]


def children(pid: int, *, deep: bool = True) -> list[int]:
    """The processes below one."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [int(one) for one in listed]
    return [*found, *(below for one in found for below in children(one))] if deep else found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def environment(github: GitHub, folder: Path, redis_url: str, database_url: str | None) -> dict[str, str]:
    """Everything that Meshbot is told of the world."""
    key = folder / "app.pem"
    key.write_text(github.app.private_key)
    ours = {
        "MESHBOT_DATA_DIR": str(folder / "data"),
        "MESHBOT_REDIS_URL": redis_url,
        "MESHBOT_GITHUB_APP_ID": str(github.app.id),
        "MESHBOT_GITHUB_PRIVATE_KEY_FILE": str(key),
        "MESHBOT_GITHUB_WEBHOOK_SECRETS": github.app.secret,
        "MESHBOT_GITHUB_API_URL": github.api_url,
        "MESHBOT_WEB_BIND": f"127.0.0.1:{free_port()}",
        "MESHBOT_BOT_WORKERS": "2",
        "MESHBOT_HEAL_INTERVAL": "PT2S",
    }
    if database_url is not None:
        ours["MESHBOT_DATABASE_URL"] = database_url
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHBOT_")}
    return {**kept, **ours}


@contextlib.contextmanager
def built(folder: Path, database_url: str | None = None) -> Iterator[House]:
    """Build a house and let `web` and `bot` run in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with fake_github(folder / "github") as github, embedded.valkey(folder / "valkey") as redis_url:
        environ = environment(github, folder, redis_url, database_url)
        subprocess.run([str(MESHBOT), "migrate"], env=environ, cwd=folder, check=True, capture_output=True)
        store = Store(database_url or f"sqlite:///{folder / 'data' / 'meshbot.db'}")
        house = House(github, folder, environ, store)
        try:
            house.begin(*HALL)
            yield house
        finally:
            house.calm()
            github.mischiefs.released.set()
            for name in [*house.processes]:
                house.kill(name)
            store.close()
