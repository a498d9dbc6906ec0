"""The entry point that the queue calls: work on an inbox.

The rule: it may be called twice for one inbox, also at the same time, and for an inbox that is empty; and it may be
killed between any two lines. What it cannot do now, the rounds of the bot offer again.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

from scheduler.errors import MeshbotError

if TYPE_CHECKING:
    from bot.intake.inboxes import Clerk

_log = logging.getLogger("bot.intake.tasks")
_employed: list[Clerk] = []


def work_inbox(inbox: str) -> None:
    """Handle what is pending in an inbox. This is what the queue calls."""
    try:
        _clerk().work(inbox)
    except MeshbotError as error:  # a database that is out of reach: nothing is lost
        _log.warning("working on an inbox: %s; it is offered again", error)


def employ(clerk: Clerk) -> None:
    """Say who works in this process."""
    _employed[:] = [clerk]


def _clerk() -> Clerk:
    if not _employed:
        from bot.intake.inboxes import Clerk
        from bot.services import Services
        from scheduler import settings

        employ(Clerk(Services(settings.load()), f"{socket.gethostname()}:{os.getpid()}"))
    return _employed[0]
