"""What a pull request gets: its comments, its check, its suggestions.

The rule: GitHub and Git are asked what is there now; the event only says where to look. Each effect is looked up before
it is made, so a handler that was killed begins again from its start.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.proposing import Proposed

if TYPE_CHECKING:
    from bot.events import PullChanged, Remake
    from bot.gh import Pull, Repository
    from bot.services import Services


def proposal(services: Services, repo: Repository, pull: Pull, path: str) -> Proposed:
    """Return what the comment of the project in the folder `path` (`.` for the top) proposes for the head.

    Raises `JobFileError` when the job file at the head is faulty, `Refused` when the models do not load, or when the
    pull request may not be described yet.
    """
    raise NotImplementedError


def on_pull(event: PullChanged, services: Services, now: datetime) -> str:
    """Bring the comments, the check and the suggestions of a pull request up to its head."""
    raise NotImplementedError


def remake(event: Remake, services: Services, now: datetime) -> str:
    """Make them anew, also for a head that was handled."""
    raise NotImplementedError
