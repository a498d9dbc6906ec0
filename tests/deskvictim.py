"""Clerks in processes of their own, to be killed: `deskvictim.py SETTINGS`, then orders on stdin.

It loads once and forks a clerk for each order, so that a kill costs little. `INBOX OWNER.METHOD before|after SECONDS`:
the clerk works on the inbox, its clock so many seconds ahead, and kills itself at the first call of that method;
answers `killed`, or `survived` when it never came by.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.gh import App, Repository
from bot.intake.inboxes import Clerk
from bot.services import Services
from scheduler.settings import Settings
from scheduler.store import Store

OWNERS: dict[str, Any] = {"Store": Store, "Repository": Repository, "App": App}
FORK = multiprocessing.get_context("fork")


def die_at(point: str, when: str) -> None:
    owner, name = point.split(".")
    original: Callable[..., Any] = getattr(OWNERS[owner], name)

    def wrapped(*arguments: object, **named: object) -> None:
        if when == "after":
            original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(OWNERS[owner], name, wrapped)


def work(settings: Settings, inbox: str, point: str, when: str, seconds: float) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=seconds)

    services = Services(settings)
    services.__dict__["github"] = App(settings, now)
    die_at(point, when)
    Clerk(services, "the victim", now=now).work(inbox)


def main(settings: Settings) -> None:
    for line in sys.stdin:
        inbox, point, when, seconds = line.split()
        process = FORK.Process(target=work, args=(settings, inbox, point, when, float(seconds)))
        process.start()
        process.join()
        said = "killed" if process.exitcode == -signal.SIGKILL else f"survived with {process.exitcode}"
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Settings.model_validate_json(Path(sys.argv[1]).read_text()))
