"""A worker of the bot whose handler writes down what it handles, for tests: `clerkvictim.py DATABASE INBOX LOG WHERE`.

WHERE says when it kills itself with SIGKILL, at the first delivery only if none was begun before: `before` its effect,
`after` it, `settling` (handled, and about to be recorded), or `never`.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from bot import events
from bot.intake import inboxes
from bot.intake.inboxes import Clerk
from bot.services import Services
from scheduler.settings import Settings
from scheduler.store import Store


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(database: str, inbox: str, log: str, where: str) -> None:
    def handle(event: events.Event, _services: Services, _now: datetime) -> str:
        if where == "before":
            die()
        with Path(log).open("a") as file:
            file.write(f"{getattr(event, 'because', event)}\n")
        if where == "after":
            die()
        return "done"

    if where == "settling":
        Store.handled = lambda *_: die()  # type: ignore[method-assign, assignment]
    inboxes.LEASE = inboxes.RENEW_EVERY * 0.1  # half a second
    services = Services(Settings(database_url=SecretStr(database)))
    Clerk(services, "the victim", handle=handle).work(inbox)


if __name__ == "__main__":
    main(*sys.argv[1:])
