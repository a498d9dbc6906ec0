"""The processes and chores of an operator: `worker`, `clock`, `watch`, `migrate` and `schema`.

The rule: the bot does not import how the scheduler runs things; a process of it replaces this one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from bot.chatops.grammar import Request
from bot.errors import ExitCode, Unreachable
from bot.services import START, Services, reached
from scheduler import settings
from scheduler.settings import Settings

SCHEDULER = ("-P", "-m", "scheduler")
"""How Python starts a process of the scheduler; -P, because the folder we are in may have a `scheduler` of its own."""

BOT = ("-P", "-m", "bot")
"""How Python starts a process of the bot, likewise."""


def worker(request: Request, _as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Become a worker."""
    return _become(request.command)


def clock(request: Request, _as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Become a clock."""
    return _become(request.command)


def watch(request: Request, _as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Become a watch."""
    return _become(request.command)


def migrate(_request: Request, as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Bring the database to this version."""
    chosen = settings.load()
    migrated(chosen)
    print(json.dumps({"migrated": True}) if as_json else "The database is at this version.")  # noqa: T201
    return ExitCode.OK


def migrated(chosen: Settings) -> None:
    """Bring the database that the settings name to this version. Raises `Unreachable` when it does not answer."""
    from scheduler.store import Store

    chosen.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(chosen.database)
    try:
        with reached("the database", "see that it runs, and that MESHBOT_DATABASE_URL is right"):
            store.migrate()
    finally:
        store.close()


def schema(_request: Request, _as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Print the JSON schema of job files."""
    from scheduler import jobfile

    print(json.dumps(jobfile.schema(), indent=2))  # noqa: T201
    return ExitCode.OK


def environment(chosen: Settings, redis_url: str | None) -> Mapping[str, str]:
    """Say with which environment a process of the scheduler starts: ours, with everything found out made plain."""
    found = {"MESHBOT_REDIS_URL": redis_url} if redis_url else {}
    return {**os.environ, **found, "MESHBOT_DATA_DIR": str(chosen.data_dir.resolve())}


def _become(name: str) -> ExitCode:
    chosen = settings.load()
    redis_url = Services(chosen).redis_url
    if redis_url is None:
        raise Unreachable(f"starting a {name}: there is no Valkey to work with; set MESHBOT_REDIS_URL, or {START}")
    arguments = [sys.executable, *SCHEDULER, name]
    os.execve(sys.executable, arguments, dict(environment(chosen, redis_url)))  # noqa: S606 - no shell is meant
