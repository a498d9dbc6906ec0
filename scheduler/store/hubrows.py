"""What the store hands out and takes in of GitHub, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Delivery:
    """Something to be handled once: a webhook as GitHub sent it, or a wish of Meshbot's own (`kind` is `meshbot`).

    `id` is given by whoever sends it, and is a lock; `subject` is a second one, for what may come under several ids.
    It is pending until `handled_at` is set: then `outcome` says what became of it, and `error` why it was given up.
    """

    id: str
    kind: str
    inbox: str
    subject: str | None
    installation: int | None
    repository: int | None
    payload: str
    received_at: datetime
    not_before: datetime
    attempts: int = 0
    handled_at: datetime | None = None
    outcome: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class InstallationRow:
    """An account that has installed the App. Nothing is asked of GitHub for it before `limited_until`."""

    id: int
    account: str
    state: Literal["active", "suspended", "removed"] = "active"
    limited_until: datetime | None = None


@dataclass(frozen=True)
class RepositoryRow:
    """A repository of an installation. `handled_sha` is the commit of its default branch that is in the schedule."""

    id: int
    installation: int
    full_name: str
    default_branch: str
    state: Literal["active", "archived", "removed"] = "active"
    handled_sha: str | None = None
    handled_at: datetime | None = None


@dataclass(frozen=True)
class PullRow:
    """A pull request as it was last heard of. `handled_head` is the commit that its comment and check speak of."""

    repository: int
    number: int
    head: str
    state: Literal["open", "closed"]
    author: str
    handled_head: str | None = None
    handled_at: datetime | None = None


@dataclass(frozen=True)
class Followup:
    """A reply that reports on a run: it is edited whenever the run's state is another one than `told_state`."""

    id: str
    run_id: str
    installation: int
    repository: int
    number: int
    reply_kind: Literal["issue", "review_comment"]
    reply_id: int
    words: str | None = None
    told_state: str | None = None
