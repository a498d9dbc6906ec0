"""A desk at which what GitHub says is handled in this process: the fake GitHub, a database, a clerk.

The rule: nothing happens by itself. `hears` takes what the courier would carry into the inboxes, `works` empties them;
a test may lose, shuffle or repeat what is heard in between. Time is the real one, ahead by what the test says.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakegithub.courier import Delivery as Carried
from fakegithub.github import GitHub
from fakegithub.mischief import Fault, Mischief
from fakegithub.people import Person, person
from fakegithub.server import fake_github
from fakegithub.world import Check, Installation
from fakegithub.world import Repository as Fake
from pydantic import SecretStr

from bot import deliveries, events
from bot.gh import App
from bot.intake.inboxes import Clerk
from bot.services import Services
from scheduler.settings import Settings
from scheduler.store import RepositoryRow, Store

FILE = """\
version: 1
project: {project}
environment: prod
timezone: Europe/Berlin
jobs:
  hourly:
    schedule: "{schedule}"
  janitor:
    type: janitor
    schedule: "0 3 * * *"
"""


def job_file(project: str = "shop", schedule: str = "*/15 * * * *") -> str:
    return FILE.format(project=project, schedule=schedule)


FAULTY = job_file(schedule="*/4 * * * *")


def settings_of(github: GitHub, data: Path) -> Settings:
    return Settings(
        data_dir=data,
        database_url=SecretStr(f"sqlite:///{data / 'meshbot.db'}"),
        github_app_id=github.app.id,
        github_private_key=SecretStr(github.app.private_key),
        github_webhook_secrets=SecretStr(github.app.secret),
        github_api_url=github.api_url,
    )


@dataclass
class Desk:
    """What a test acts upon and looks at."""

    github: GitHub
    repo: Fake
    installed: Installation
    ada: Person
    data: Path
    services: Services
    ahead: timedelta = field(default=timedelta())
    outcomes: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.services.store

    @property
    def row(self) -> RepositoryRow:
        found = self.store.repository(self.repo.id)
        assert found is not None
        return found

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def carried(self) -> list[Carried]:
        """Take what GitHub has sent and nobody has received."""
        courier = self.github.courier
        with courier._changed:
            waiting, courier._waiting = courier._waiting, []
        return waiting

    def hears(self, order: Callable[[list[Carried]], list[Carried]] = list) -> int:
        """Receive what GitHub has sent; return how many deliveries were new."""
        return sum(self.receives(one) for one in order(self.carried()))

    def receives(self, one: Carried) -> bool:
        text = json.dumps(one.payload)
        event = events.parse(one.event, text.encode())
        if event is None:
            return False
        return self.store.receive(deliveries.received(one.guid, one.event, event, text, self.now()))

    def works(self) -> list[str]:
        """Handle everything that can be handled now; return what became of it."""
        clerk = Clerk(self.services, "the desk", handle=self._handle, now=self.now)
        before = len(self.outcomes)
        while inboxes := self.store.inboxes(self.now(), 100):
            for inbox in inboxes:
                clerk.work(inbox)
        return self.outcomes[before:]

    def catches_up(self) -> list[str]:
        """Hear and handle."""
        self.hears()
        return self.works()

    def jobs(self) -> dict[str, str]:
        """The live schedule: of each job its cron expression."""
        return {f"{row.project}/{row.name}": row.job.schedule for row in self.store.jobs()}

    def checks(self, sha: str | None = None) -> list[Check]:
        return [one for one in self.repo.checks if sha in {None, one.sha}]

    def titles(self) -> list[str]:
        return [f"{one.conclusion}: {one.title}" for one in self.repo.checks]

    def goes_wrong(self, fault: Fault, calls: str, times: int = 1) -> Mischief:
        return self.github.mischiefs.add(Mischief(fault, calls, times))

    def calls(self, part: str = "") -> list[str]:
        return [seen.call for seen in self.github.seen if part in seen.call]

    def _handle(self, event: events.Event, services: Services, now: datetime) -> str:
        from bot import handlers

        try:
            self.outcomes.append(handlers.handle(event, services, now))
        except Exception as error:
            self.outcomes.append(f"{type(error).__name__}: {error}")
            raise
        return self.outcomes[-1]


@contextlib.contextmanager
def desk(folder: Path, files: dict[str, str | bytes] | None = None) -> Iterator[Desk]:
    """Open a desk on a GitHub where the App was just installed on one repository, `acme/shop`."""
    data = folder / "data"
    data.mkdir()
    with fake_github(folder / "github") as github:
        repo = github.repository("acme/shop", {"meshbot.yaml": job_file()} if files is None else files)
        installed = github.install(repo)
        ada = person(github, "ada").may(repo, "write")
        services = Services(settings_of(github, data))
        Store(services.settings.database).migrate()
        made = Desk(github, repo, installed, ada, data, services)
        services.__dict__["github"] = App(services.settings, made.now)
        yield made
        services.close()
        if unfit := github.unfit():
            raise AssertionError("\n".join(unfit))


Order = Callable[[str, str], str]


@contextlib.contextmanager
def victims(at: Desk) -> Iterator[Order]:
    """Let a process work on an inbox and die on the way; see `deskvictim`."""
    file = at.data / "settings.json"
    told = settings_of(at.github, at.data)
    plain = told.model_dump(mode="json", exclude_none=True)
    secrets = ("database_url", "github_private_key", "github_webhook_secrets")
    plain |= {name: getattr(told, name).get_secret_value() for name in secrets}
    file.write_text(json.dumps(plain))
    command = [sys.executable, str(Path(__file__).with_name("deskvictim.py")), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def give(inbox: str, point: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{inbox} {point} {at.ahead.total_seconds()}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield give
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
