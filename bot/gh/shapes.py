"""What leaves `bot.gh`: frozen values, and no object of PyGithub.

The rule: a shape holds what a decision needs, with our names. An author is a login; ours is `App.login`, and nobody
else can have it, because only apps have a login that ends in `[bot]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Permission = Literal["none", "read", "triage", "write", "maintain", "admin"]
Talk = Literal["issue", "review_comment", "review"]
Reaction = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]
Conclusion = Literal["success", "failure", "neutral", "action_required", "cancelled", "skipped", "timed_out"]
Level = Literal["notice", "warning", "failure"]


@dataclass(frozen=True)
class RepoInfo:
    """A repository as it stands now. `id` stays when it is renamed or transferred."""

    id: int
    full_name: str
    default_branch: str
    archived: bool = False
    fork: bool = False
    private: bool = False


@dataclass(frozen=True)
class InstallationInfo:
    """An account that has installed the App; `permissions` are those that it has accepted (`checks` -> `write`)."""

    id: int
    account: str
    suspended: bool = False
    permissions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HookDelivery:
    """A delivery that GitHub could not hand over. `guid` is its `X-GitHub-Delivery`; `id` is what redelivers it."""

    id: int
    guid: str
    event: str
    status_code: int
    delivered_at: datetime


@dataclass(frozen=True)
class HookConfig:
    """Where GitHub sends the App's events, and whether it signs them."""

    url: str
    signed: bool
    verified_tls: bool = True


@dataclass(frozen=True)
class Pull:
    """A pull request as it stands now.

    `head_repo_id` is None when the fork is gone. `merge_sha` is the commit that merged it. `can_be_pushed`: the head is
    a branch of this repository, or of a fork whose owner lets maintainers push. From a list of pull requests it is
    false for every fork, and `mergeable_state` is `unknown`: GitHub does not say these there.
    """

    number: int
    title: str
    body: str
    state: Literal["open", "closed"]
    merged: bool
    draft: bool
    head_sha: str
    head_ref: str
    head_repo_id: int | None
    head_full_name: str | None
    base_ref: str
    base_sha: str
    author: str
    author_is_bot: bool
    can_be_pushed: bool
    created_at: datetime
    merged_at: datetime | None
    mergeable_state: str
    url: str
    merge_sha: str | None = None


@dataclass(frozen=True)
class PostedComment:
    """A comment that stands in the conversation of a pull request, or a reply of ours."""

    id: int
    author: str
    body: str
    url: str
    created_at: datetime


@dataclass(frozen=True)
class ReviewComment:
    """A comment on lines of a pull request. `reply_to` is the first one of its thread; None for that one itself.

    `line` is None when the lines that it was made on are no longer in the diff.
    """

    id: int
    author: str
    body: str
    url: str
    created_at: datetime
    path: str
    line: int | None
    start_line: int | None
    commit: str
    reply_to: int | None = None


@dataclass(frozen=True)
class Suggestion:
    """A comment to be made on lines of a file, from `start_line` (None: one line) to `line`; once for each `marker`."""

    path: str
    start_line: int | None
    line: int
    body: str
    marker: str


@dataclass(frozen=True)
class Annotation:
    """What a check says about lines of a file."""

    path: str
    start_line: int
    end_line: int
    level: Level
    message: str
    title: str | None = None


@dataclass(frozen=True)
class Button:
    """A button of a check: at most 20 characters of label, 40 of description; `identifier` (20) comes back."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True)
class Check:
    """A check run as it is to be. `conclusion` None means that it is still being worked on.

    Together with the commit, `external_id` says which one it is. At most three buttons are shown.
    """

    external_id: str
    title: str
    summary: str
    conclusion: Conclusion | None = None
    annotations: tuple[Annotation, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class PostedCheck:
    """A check run of ours that stands on a commit."""

    id: int
    external_id: str
    status: str
    conclusion: str | None
    title: str
    summary: str
    url: str


@dataclass(frozen=True)
class Review:
    """A review: `state` is `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`."""

    author: str
    state: str
    commit: str
    submitted_at: datetime | None
