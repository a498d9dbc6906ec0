"""What a command needs of the world, opened when it is first asked for.

The rule: a service that does not answer is `Unreachable`, with its name and the way to mend it; never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from bot import beacon
from bot.chatops.grammar import Command, Facts, Kind, KnownJob, Request
from bot.errors import Unreachable
from scheduler.errors import MeshbotError, Retryable, UserError

if TYPE_CHECKING:
    from datetime import datetime

    from bot.checkout import Mirrors
    from bot.gh import App
    from bot.graphs import Graphs
    from scheduler.logs import Logs
    from scheduler.queues import Queues
    from scheduler.settings import Settings
    from scheduler.store import JobRow, Store

RECENT = 100
QUEUE_PATIENCE = 3.0
"""So many seconds the queue has to answer; what is not queued is found later."""

START = "start `meshbot up` here"


class Services:
    """The database and the queue that the settings name, or those of the `meshbot up` that runs in the data folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def store(self) -> Store:
        """The database. Raises `Unreachable` when it is not there or does not answer."""
        from scheduler.store import Store

        file = self.settings.data_dir / "meshbot.db"
        if self.settings.database_url is None and not file.exists():
            raise Unreachable(f"opening the database: {file} is not there; {START}, or set MESHBOT_DATABASE_URL")
        store = Store(self.settings.database)
        with reached("the database", "see that it runs, and that MESHBOT_DATABASE_URL is right"):
            store.ping()
        return store

    @cached_property
    def redis_url(self) -> str | None:
        """The URL of the queue's Valkey; None when none is set and no `meshbot up` runs here."""
        if self.settings.redis_url is not None:
            return self.settings.redis_url.get_secret_value()
        found = beacon.look(self.settings.data_dir)
        return found.redis_url if found else None

    @cached_property
    def queues(self) -> Queues | None:
        """The queue; None when nobody runs one here. What is not queued now, the clock queues when it runs."""
        if self.redis_url is None:
            return None
        from scheduler.queues import Queues

        return Queues(self.redis_url, patience=QUEUE_PATIENCE)

    @cached_property
    def logs(self) -> Logs:
        """What runs have printed. Raises `UserError` when no file system fits the setting."""
        from scheduler.logs import Logs

        return Logs(self.settings.logs, self.settings.data_dir)

    @cached_property
    def github(self) -> App:
        """The GitHub App. Raises `UserError` when the settings do not say which one."""
        from bot.gh import App

        return App(self.settings)

    @cached_property
    def mirrors(self) -> Mirrors:
        """The mirrors of GitHub's repositories; plain HTTP only where GitHub itself is spoken to so."""
        from bot.checkout import REMOTE, Mirrors

        plain = self.settings.github_api_url.startswith("http://")
        return Mirrors(self.settings.data_dir, REMOTE | {"http"} if plain else REMOTE)

    @cached_property
    def graphs(self) -> Graphs:
        """The graphs of projects, described in the sandbox and kept in the database."""
        from bot import sandbox
        from bot.graphs import Graphs

        return Graphs(self.store, self.settings.data_dir, *sandbox.chosen(self.settings))

    def facts(self, command: Command, request: Request, now: datetime) -> Facts:
        """Read what the command needs to know; nothing, when it names neither job, project nor run."""
        jobs: tuple[KnownJob, ...] = ()
        if command.argument(Kind.JOB) or command.argument(Kind.PROJECT):
            jobs = tuple(known_job(row, now) for row in self.store.jobs())
        if (named := command.argument(Kind.RUN)) is None:
            return Facts(jobs)
        run = self.store.run(request.text(named.name) or "")
        return Facts(jobs, run, () if run else self._recent())

    def close(self) -> None:
        """Let go of what was opened."""
        if "store" in self.__dict__:
            self.store.close()
        if (queues := self.__dict__.get("queues")) is not None:
            queues.close()

    def _recent(self) -> tuple[str, ...]:
        from scheduler.store import RunFilter

        return tuple(run.id for run in self.store.runs(RunFilter(), limit=RECENT))


def known_job(row: JobRow, now: datetime) -> KnownJob:
    """Say what a decision needs to know of a job of the schedule."""
    pause = row.paused(now)
    return KnownJob(
        project=row.project,
        name=row.name,
        paused=pause is not None,
        pause_reason=pause.reason if pause else None,
        paused_until=pause.until if pause else None,
        paused_in_file=pause is not None and pause.by == "file",
        janitor=row.job.type.value == "janitor",
    )


@contextmanager
def reached(service: str, remedy: str) -> Iterator[None]:
    """Word the failure of a service to answer as `Unreachable`."""
    try:
        yield
    except UserError:
        raise
    except (Retryable, MeshbotError, OSError) as error:
        raise Unreachable(f"reaching {service}: {error}; {remedy}") from error
