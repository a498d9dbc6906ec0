"""Somebody who says something on a pull request: who it is, what they may do, and what they speak of.

The rule: what somebody may do is asked of GitHub when it matters, and whatever is not plainly said is not allowed. They
see and steer only the projects of the repository that they write in. Policy is the operator's, not the pull request's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.chatops.grammar import Command, Facts, Request
from bot.chatops.grammar import Permission as Needed
from bot.checkout import JOB_FILE
from bot.handlers import pullreading
from bot.handlers.pullreading import WRITERS, Ground
from bot.steering import Asked
from bot.words import replies
from scheduler import amend, jobfile
from scheduler.errors import Retryable, UserError
from scheduler.runs import asked_tick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.events import Actor, Place
    from bot.gh import Pull, Repository
    from bot.gh.shapes import Permission
    from bot.services import Services

READERS = WRITERS | {"read", "triage"}


class Withheld(UserError):
    """Something that somebody may not do; the message is Markdown, and shown as it stands."""


@dataclass(frozen=True)
class Speech:
    """What somebody says: a comment or a button. `kind` and `id` are what it is known by, also when it comes again.

    `place` is where a review comment stands. `line` is the line of the command that it is about just now.
    """

    services: Services
    repo: Repository
    pull: Pull
    by: Actor
    kind: str
    id: int
    at: datetime
    now: datetime
    place: Place | None = None
    line: int = 0
    _known: dict[str, Permission] = field(default_factory=dict, compare=False)

    def at_line(self, line: int) -> Speech:
        """Return the same, about another line, with the pull request, and what they may do, as that is by now.

        Raises `Retryable` when GitHub does not know the pull request for the moment.
        """
        pull = self.repo.pull(self.pull.number)
        if pull is None:
            raise Retryable(f"reading pull request {self.pull.number}: GitHub has none of that number now")
        return replace(self, line=line, pull=pull, _known={})

    @property
    def key(self) -> str:
        """What this one command is known by, whenever it is handled."""
        return f"{self.kind}/{self.id}/{self.line}"

    @property
    def trailer(self) -> str:
        """The line by which a commit of this command is found again."""
        return f"Meshbot-Request: {self.repo.id}/{self.pull.number}/{self.key}"

    @property
    def asked(self) -> Asked:
        """Who asks, at a moment that is this command's own: two commands of one second make two runs."""
        return Asked(self.by.login, asked_tick(self.at, self.trailer), self.projects)

    @cached_property
    def projects(self) -> frozenset[str]:
        """The projects whose schedule is taken from this repository."""
        here = self.repo.clone_url
        return frozenset(row.name for row in self.services.store.projects() if row.repository == here)

    @cached_property
    def ground(self) -> Ground:
        """What there is to read of the pull request."""
        return pullreading.ground(self.services, self.repo, self.pull)

    @property
    def permission(self) -> Permission:
        """What somebody may do here, as GitHub says now; asked once for a command."""
        if "permission" not in self._known:
            self._known["permission"] = self.repo.permission(self.by.login)
        return self._known["permission"]

    def needs(self, needed: Needed) -> None:
        """See that somebody may do what takes a permission. Raises `Withheld`."""
        allowed = READERS if needed is Needed.READ else WRITERS
        if self.permission not in allowed:
            shown = Needed.READ if needed is Needed.READ else Needed.WRITE
            raise Withheld(replies.not_allowed(self.by.login, self.permission, shown))

    def needs_protected(self, environments: Iterable[str]) -> None:
        """See that somebody may run and merge in these environments. Raises `Withheld`."""
        settings = self.services.settings
        protected = sorted(set(environments) & set(settings.protected_environments))
        if protected and settings.protected_people and not self._is_listed(settings.protected_people):
            raise Withheld(replies.not_allowed(self.by.login, self.permission, Needed.PROTECTED, protected[0]))

    def _is_listed(self, people: Iterable[str]) -> bool:
        for one in people:
            organisation, slash, team = one.removeprefix("@").partition("/")
            if slash and self.repo.in_team(organisation, team, self.by.login):
                return True
            if not slash and organisation.lower() == self.by.login.lower():
                return True
        return False

    def facts(self, command: Command, request: Request) -> Facts:
        """Return what the command may know: of other repositories, nothing."""
        found = self.services.facts(command, request, self.now)
        run = found.run if found.run and self._is_ours(found.run.project, found.run.repository) else None
        recent = found.recent_runs
        if found.run is None or run is None:
            recent = self._recent() if recent or found.run else ()
        return Facts(tuple(job for job in found.jobs if job.project in self.projects), run, recent)

    def _is_ours(self, project: str, repository: str) -> bool:
        return project in self.projects and repository == self.repo.clone_url

    def _recent(self) -> tuple[str, ...]:
        from scheduler.store import RunFilter

        return tuple(run.id for run in self.services.store.runs(RunFilter(projects=self.projects), limit=100))

    @cached_property
    def job(self) -> str | None:
        """The job on whose lines a review comment stands, as `project/name`; None when it stands on none."""
        place = self.place
        if place is None or place.line is None or PurePosixPath(place.path).name != JOB_FILE:
            return None
        try:
            mirror = self.ground.mirror
            text = mirror.read(place.commit, place.path) if mirror.has(place.commit) else None
            name = job_at(text, place.start_line or place.line, place.line) if text else None
        except UserError:
            return None
        return f"{project}/{name}" if name and (project := _project(text or "")) else name

    @property
    def co_author(self) -> str:
        """The trailer that names whoever asked for a commit."""
        host = urlsplit(self.repo.web_url).hostname or "github.com"
        number = f"{self.by.id}+" if self.by.id else ""
        return f"Co-authored-by: {self.by.login} <{number}{self.by.login}@users.noreply.{host}>"


def job_at(text: str, first: int, last: int) -> str | None:
    """Return the job to which all these lines (counted from 1) of a job file belong; None when there is no such job.

    Raises `AmendError` when the text is no YAML.
    """
    found = amend.lines(text)
    starts = sorted((line, path[1]) for path, line in found.items() if len(path) == 2 and path[0] == "jobs")  # noqa: PLR2004 - a job's own key
    after = sorted(line for path, line in found.items() if len(path) == 1)
    for place, (start, name) in enumerate(starts):
        following = [line for line in after if line > start]
        end = starts[place + 1][0] if place + 1 < len(starts) else min(following, default=text.count("\n") + 2)
        if start <= first <= last < end:
            return name
    return None


def _project(text: str) -> str | None:
    try:
        return jobfile.parse(text).project
    except UserError:
        return None
