"""Pull requests of SQLMesh projects on the fake GitHub, with a database, mirrors, and models read from their files.

The rule: everything but the loading of models is real. A model is a file `models/a/b.sql` whose first line says its
cron and its parents: `-- @hourly raw.orders`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from fakegithub.github import GitHub, Seen
from fakegithub.people import Person, person
from fakegithub.server import fake_github
from fakegithub.world import Check, Comment, Installation, Pull
from fakegithub.world import Repository as Fake
from ghworld import settings

from bot.checkout import Mirror
from bot.errors import Refused
from bot.events import Actor, PullChanged, Remake, Repo
from bot.handlers import onboarding, pulls
from bot.services import Services
from scheduler import dag
from scheduler.dag import Graph, Model
from scheduler.settings import Settings
from scheduler.store import RepositoryRow, Store

VICTIM = Path(__file__).parent / "pullvictim.py"
CONFIG = "gateways:\n  main:\n    connection: {type: postgres}\nmodel_defaults: {dialect: postgres}\n"
SHOP = {
    "config.yaml": CONFIG,
    "models/raw/orders.sql": "-- @hourly\n",
    "models/shop/orders.sql": "-- @hourly raw.orders\n",
    "models/shop/week.sql": "-- @weekly shop.orders\n",
}
JOBS = """\
version: 1
project: shop
environment: prod
jobs:
  hourly:
    schedule: "0 * * * *"
    select: [shop.orders]
  weekly:
    schedule: "0 0 * * 0"
    select: [shop.week]
  janitor: {type: janitor, schedule: "37 3 * * *"}
"""


@dataclass
class Sketches:
    """Graphs that are read from the first lines of files; `loaded` says which were."""

    loaded: list[tuple[str, str]] = field(default_factory=list)

    def of(self, mirror: Mirror, sha: str, path: str) -> Graph:
        self.loaded.append((sha, path))
        head = "" if path == "." else f"{path}/"
        models = []
        for item in mirror.listing(sha):
            if item.path.startswith(f"{head}models/") and item.path.endswith(".sql"):
                first, *_ = (mirror.read(sha, item.path) or "").splitlines()
                if not first.startswith("-- "):
                    raise Refused(f"describing {path}: {item.path} does not load")
                cron, *parents = first[3:].split()
                name = item.path.removeprefix(f"{head}models/").removesuffix(".sql").replace("/", ".")
                place = item.path.removeprefix(head)
                models.append(Model(name, cron=cron, depends_on=tuple(parents), engine="postgres", path=place))
        return dag.graph(models)


@dataclass
class World:
    """What a test acts upon."""

    github: GitHub
    repo: Fake
    installed: Installation
    ada: Person
    folder: Path
    sketches: Sketches = field(default_factory=Sketches)

    @cached_property
    def services(self) -> Services:
        (self.folder / "data").mkdir()
        return services(settings(self.github), self.folder / "data", self.sketches)

    def dies_after(self, what: str, number: int, writes: int) -> int:
        """Let a process handle a pull request or offer a job file; kill -9 after so many writes. Its exit code."""
        said = {
            "app": self.github.app.id,
            "key": self.github.app.private_key,
            "secret": self.github.app.secret,
            "api": self.github.api_url,
            "data": str(self.folder / "data"),
            "installation": self.installed.id,
            "repository": self.repo.id,
            "number": number,
            "what": what,
        }
        path = os.pathsep.join([str(VICTIM.parent), str(VICTIM.parents[1])])
        environ = {**os.environ, "PYTHONPATH": path}
        victim = subprocess.Popen([sys.executable, VICTIM], stdin=subprocess.PIPE, text=True, env=environ)
        left = itertools.count(1)

        def after(seen: Seen) -> None:
            if seen.changed and "access_tokens" not in seen.call and next(left) == writes:
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()

        self.github.after = after
        victim.communicate(json.dumps(said))
        self.github.after = lambda _seen: None
        return victim.returncode

    def repo_event(self) -> Repo:
        return Repo(self.repo.id, self.repo.full_name, self.repo.default_branch)

    def hears(self, pull: Pull, action: str = "opened", now: datetime | None = None) -> str:
        """Handle what GitHub would say of a pull request."""
        event = PullChanged(
            self.installed.id,
            self.repo_event(),
            action,
            pull.number,
            pull.head_sha,
            pull.head_ref,
            pull.head_repo.id if pull.head_repo else None,
            pull.base_ref,
            Actor("whoever"),
            pull.state,
        )
        return pulls.on_pull(event, self.services, now or datetime.now(UTC))

    def remakes(self, pull: Pull, now: datetime | None = None) -> str:
        event = Remake(self.installed.id, self.repo_event(), pull.number, "asked")
        return pulls.remake(event, self.services, now or datetime.now(UTC))

    def offers(self) -> str:
        row = RepositoryRow(self.repo.id, self.installed.id, self.repo.full_name, self.repo.default_branch)
        self.services.store.put_repository(row)
        return onboarding.offer(self.services, row, datetime.now(UTC))

    def comments(self, pull: Pull) -> list[Comment]:
        return [one for one in self.repo.comments if one.number == pull.number and one.by_app]

    def comment(self, pull: Pull) -> str:
        (one,) = self.comments(pull)
        return one.body

    def check(self, sha: str) -> Check:
        (one,) = [check for check in self.repo.checks if check.sha == sha]
        return one

    def writes(self) -> list[str]:
        return [seen.call for seen in self.github.seen if seen.changed and "access_tokens" not in seen.call]


def services(plain: Settings, data: Path, sketches: Sketches) -> Services:
    """What the handlers need, with a database in a folder."""
    made = Services(plain.model_copy(update={"data_dir": data}))
    made.__dict__["store"] = Store(f"sqlite:///{data / 'meshbot.db'}")
    made.store.migrate()
    made.__dict__["graphs"] = sketches
    return made


@contextlib.contextmanager
def world(folder: Path, files: dict[str, str] | None = None) -> Iterator[World]:
    """A repository with a project in it, the App installed on it, and Ada, who may write."""
    (folder / "github").mkdir()
    with fake_github(folder / "github") as github:
        repo = github.repository("acme/shop", {**SHOP, "meshbot.yaml": JOBS} if files is None else files)
        installed = github.install(repo)
        made = World(github, repo, installed, person(github, "ada").may(repo, "write"), folder)
        yield made
        made.services.github.close()
        made.services.close()
        assert github.unfit() == []
