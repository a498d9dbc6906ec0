"""Follows a branch of a local repository: a new commit is a push.

The rule: a head is merged at least once and what it says is merged whole; merging it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot import checkout
from bot.checkout import Entry, Mirror
from bot.sync import Synced, merge, read
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
        entries = self._mirror.job_files(head)
        self._bring_along(entries)
        done = merge(self._store, entries, self._repository, self._branch, head, now)
        self._seen = head
        return done

    def _bring_along(self, entries: Sequence[Entry]) -> None:
        """Take over the projects of a folder that is gone and of which one is here: it was moved, or renamed."""
        names = {file.project for _, file in read(entries)[0]}
        homes = {row.repository for row in self._store.projects() if row.name in names}
        for home in homes - {self._repository}:
            if Path(home).is_absolute() and not Path(home).exists():
                self._store.move_repository(home, self._repository)
