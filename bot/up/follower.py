"""Follows a branch of a local repository: a new commit is a push.

The rule: a head is merged at least once and what it says is merged whole; merging it again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot import checkout
from bot.checkout import Mirror
from bot.sync import Synced, merge
from scheduler.store import Store

ASKED_EVERY = 30
"""So many glances that see nothing new are believed; then git is asked."""


@dataclass(frozen=True)
class NoBranch:
    """The branch is not there (yet, or any more); the schedule stays as it was."""

    branch: str


class Follower:
    """Follows a branch of a local repository: each new head is merged once.

    `poll` is cheap when nothing is new: a glance at some files, and git is asked now and then all the same.
    """

    def __init__(self, mirror: Mirror, store: Store, repository: str, branch: str) -> None:
        self._mirror, self._store, self._repository, self._branch = mirror, store, repository, branch
        self._seen: str | None = ""
        self._glance: object = None
        self._quiet = 0

    def poll(self, now: datetime) -> Synced | NoBranch | None:
        """Merge the branch's head if it is new; None when it is not. Raises what reading or merging raises."""
        glance = checkout.glance(Path(self._repository), self._branch)
        if glance is not None and glance == self._glance and self._quiet < ASKED_EVERY:
            self._quiet += 1
            return None
        done = self._ask(now)
        self._glance, self._quiet = glance, 0
        return done

    def _ask(self, now: datetime) -> Synced | NoBranch | None:
        head = self._mirror.head(self._branch)
        if head == self._seen:
            return None
        if head is None:
            self._seen = None
            return NoBranch(self._branch)
        self._mirror.fetch(self._branch)
        if not self._mirror.has(head):
            return None  # it was replaced in between: the next poll sees the newer head
        done = merge(self._store, self._mirror.job_files(head), self._repository, self._branch, head, now)
        self._seen = head
        return done
