"""What GitHub says, as closed types: one for each thing that Meshbot acts upon.

The rule: pure. An event says what somebody did, or what Meshbot itself wants done; never what its sender may do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Repo:
    """A repository as an event names it. `id` stays when it is renamed or transferred.

    `default_branch` is empty where GitHub does not name it: in what is said of an installation.
    """

    id: int
    full_name: str
    default_branch: str
    archived: bool = False
    fork: bool = False


@dataclass(frozen=True)
class Actor:
    """Who did it. `bot` is true for apps and machine users of GitHub; `login` is `ghost` for a deleted account.

    `id` is the account's number, 0 where it is not said; it is good for attributing a commit, and for nothing else.
    """

    login: str
    bot: bool = False
    id: int = 0


@dataclass(frozen=True)
class Push:
    """A branch points elsewhere. `after` is None when it was deleted."""

    installation: int
    repo: Repo
    branch: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class PullChanged:
    """A pull request was opened, pushed to, edited, closed, reopened or made ready.

    `head_repo` is None when the fork is gone. `state` is `open` or `closed`.
    """

    installation: int
    repo: Repo
    action: str
    number: int
    head_sha: str
    head_ref: str
    head_repo: int | None
    base_ref: str
    author: Actor
    state: str
    merged: bool = False


@dataclass(frozen=True)
class Place:
    """Where a comment stands: the file and lines of a review comment, at a commit.

    `line` is None for a comment on a whole file, and for one on a line that the pull request removes. `written_on` is
    the commit that was looked at: GitHub moves `commit` on with the head while the lines stay.
    """

    path: str
    line: int | None
    start_line: int | None
    commit: str
    written_on: str = ""


@dataclass(frozen=True)
class Comment:
    """Somebody wrote on a pull request: `kind` is `issue`, `review` or `review_comment`, `id` is unique in its kind.

    `action` is `created` or `edited`. `on_pull` is false for a comment on an issue. `created_at` is its first writing.
    `thread` is the first review comment of the thread in which this one answers.
    """

    installation: int
    repo: Repo
    action: str
    kind: str
    id: int
    number: int
    on_pull: bool
    author: Actor
    body: str
    created_at: datetime
    state: str = "open"
    place: Place | None = None
    updated_at: datetime | None = None
    thread: int | None = None


@dataclass(frozen=True)
class CheckAsked:
    """Somebody pressed a button of our check (`button` is its identifier) or asked to run it again (`rerun`).

    `check_id` is 0 when all checks of the commit were asked for; `pulls` is empty for the pull request of a fork.
    `external_id` is what we have called the check.
    """

    installation: int
    repo: Repo
    check_id: int
    head_sha: str
    button: str
    author: Actor
    pulls: tuple[int, ...] = ()
    external_id: str = ""


@dataclass(frozen=True)
class InstallationChanged:
    """The App was installed, removed, suspended, unsuspended or got new permissions; `repos` are those it names."""

    installation: int
    action: str
    account: str
    repos: tuple[Repo, ...] = ()
    removed: tuple[Repo, ...] = ()


@dataclass(frozen=True)
class RepoChanged:
    """A repository was renamed, transferred, archived, unarchived, deleted, or got another default branch."""

    installation: int
    repo: Repo
    action: str
    old_full_name: str | None = None


@dataclass(frozen=True)
class Remake:
    """Meshbot's own wish, stored as a delivery: make the comment and the check of a pull request anew."""

    installation: int
    repo: Repo
    number: int
    because: str


@dataclass(frozen=True)
class ReplyDue:
    """Meshbot's own wish: a reply that reports on a run says something else now that the run is in `state`."""

    installation: int
    repo: Repo
    number: int
    followup: str
    state: str


@dataclass(frozen=True)
class FailureDue:
    """Meshbot's own wish: tell the pull request that last changed a failing model of this failed run."""

    installation: int
    repo: Repo
    run: str


Event = Push | PullChanged | Comment | CheckAsked | InstallationChanged | RepoChanged | Remake | ReplyDue | FailureDue
