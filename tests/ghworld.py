"""A small world for the tests of the door to GitHub: the fake GitHub, a repository, and our App installed on it.

The rule: whoever leaves the world looks whether everything that passed conformed to GitHub's description.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from fakegithub.github import GitHub
from fakegithub.mischief import Fault, Mischief
from fakegithub.people import Person, person
from fakegithub.server import fake_github
from fakegithub.world import Installation, Pull
from fakegithub.world import Repository as Fake
from pydantic import SecretStr

from bot.gh import App, Repository
from scheduler.settings import Settings

JOBS = "version: 1\njobs:\n  - name: daily\n    schedule: '0 6 * * *'\n"


@dataclass
class World:
    """What a test acts upon; `ahead` moves the clock of the App alone."""

    github: GitHub
    repo: Fake
    installed: Installation
    ada: Person
    ahead: timedelta = field(default=timedelta())

    @cached_property
    def app(self) -> App:
        return App(settings(self.github), lambda: datetime.now(UTC) + self.ahead)

    @cached_property
    def door(self) -> Repository:
        return self.app.repository(self.installed.id, self.repo.id)

    def pull(self, branch: str = "jobs") -> Pull:
        """Let Ada open a pull request that changes `meshbot.yaml`."""
        self.ada.pushes(self.repo, branch, {"meshbot.yaml": JOBS})
        return self.ada.opens_pull(self.repo, branch)

    def goes_wrong(self, fault: Fault, calls: str, times: int = 1, retry_after: int | None = None) -> Mischief:
        return self.github.mischiefs.add(Mischief(fault, calls, times, retry_after=retry_after))

    def calls(self, part: str = "") -> list[str]:
        """The calls that were made, without those for tokens."""
        return [seen.call for seen in self.github.seen if part in seen.call and "access_tokens" not in seen.call]


def settings(github: GitHub) -> Settings:
    return Settings(
        github_app_id=github.app.id,
        github_private_key=SecretStr(github.app.private_key),
        github_webhook_secrets=SecretStr(github.app.secret),
        github_api_url=github.api_url,
    )


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    with fake_github(folder) as github:
        repo = github.repository("acme/shop", {"meshbot.yaml": "version: 1\njobs: []\n"})
        installed = github.install(repo)
        made = World(github, repo, installed, person(github, "ada").may(repo, "write"))
        yield made
        made.app.close()
        if unfit := github.unfit():
            raise AssertionError("\n".join(unfit))
