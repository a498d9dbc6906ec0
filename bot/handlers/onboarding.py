"""A repository that has models and no jobs is offered its first job file, as a pull request."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.services import Services
    from scheduler.store import RepositoryRow


def offer(services: Services, row: RepositoryRow, now: datetime) -> str:
    """Open the pull request, once in the life of a repository; say in a few words what was done."""
    raise NotImplementedError
