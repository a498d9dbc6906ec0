"""What the fake GitHub knows: accounts, the App and its installations, repositories and what people say in them.

The rule: plain values, no HTTP and no JSON. Ids are GitHub-like numbers from one counter, so that no two things share
one by chance and a client that mixes them up is found out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fakegithub.bare import Bare

ids = itertools.count(1_500_000_001, 7)


def new_id() -> int:
    return next(ids)


@dataclass(eq=False)
class Account:
    """A person, an organization or the App's bot."""

    login: str
    kind: str = "User"
    id: int = field(default_factory=new_id)

    @property
    def email(self) -> str:
        return f"{self.id}+{self.login}@users.noreply.example.com"


@dataclass(eq=False)
class Team:
    org: Account
    slug: str
    members: dict[str, str] = field(default_factory=dict)
    """Of each login, whether the membership is `active` or `pending`."""
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class App:
    slug: str
    owner: Account
    bot: Account
    public_key: str
    private_key: str
    secret: str
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    hook_url: str | None = None
    id: int = field(default_factory=new_id)
    client_id: str = "Iv23liFakeClient0001"


@dataclass(eq=False)
class Installation:
    account: Account
    created_at: datetime
    permissions: dict[str, str]
    repositories: set[int] = field(default_factory=set)
    suspended_at: datetime | None = None
    suspended_by: Account | None = None
    removed: bool = False
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Token:
    text: str
    installation: Installation
    repositories: set[int]
    permissions: dict[str, str]
    expires_at: datetime
    revoked: bool = False


@dataclass(eq=False)
class Issue:
    """An issue; a pull request is one, too."""

    number: int
    title: str
    body: str | None
    author: Account | None
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    closed_at: datetime | None = None
    repo: Repository | None = None
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Pull(Issue):
    """A pull request. `head_repo` is None when the fork is gone; `head_sha` is kept as `refs/pull/N/head`."""

    head_repo: Repository | None = None
    head_owner: Account | None = None
    head_ref: str = ""
    head_sha: str = ""
    base_ref: str = ""
    base_sha: str = ""
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_sha: str | None = None
    maintainer_can_modify: bool = False

    @property
    def merged(self) -> bool:
        return self.merged_at is not None


@dataclass(eq=False)
class Reaction:
    author: Account
    content: str
    created_at: datetime
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Comment:
    """A comment on an issue or a pull request."""

    number: int
    author: Account | None
    body: str
    created_at: datetime
    updated_at: datetime
    reactions: list[Reaction] = field(default_factory=list)
    by_app: bool = False
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Review:
    number: int
    author: Account | None
    body: str
    state: str
    commit: str
    submitted_at: datetime | None
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class ReviewComment(Comment):
    """A comment on lines of a file. `line` is None when it is outdated."""

    review: Review | None = None
    path: str = ""
    line: int | None = None
    start_line: int | None = None
    original_line: int = 1
    original_start_line: int | None = None
    side: str = "RIGHT"
    commit: str = ""
    original_commit: str = ""
    hunk: str = ""
    in_reply_to: int | None = None


@dataclass(eq=False)
class Suite:
    sha: str
    branch: str | None
    created_at: datetime
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Check:
    suite: Suite
    name: str
    sha: str
    status: str
    started_at: datetime
    external_id: str = ""
    details_url: str | None = None
    conclusion: str | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)
    by_app: bool = True
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Status:
    sha: str
    context: str
    state: str
    creator: Account
    created_at: datetime
    description: str | None = None
    target_url: str | None = None
    id: int = field(default_factory=new_id)


@dataclass(eq=False)
class Repository:
    owner: Account
    name: str
    bare: Bare
    created_at: datetime
    default_branch: str = "main"
    private: bool = True
    archived: bool = False
    deleted: bool = False
    fork_of: Repository | None = None
    roles: dict[str, str] = field(default_factory=dict)
    """Of each login, its role: read, triage, write, maintain or admin."""
    required_checks: dict[str, list[str]] = field(default_factory=dict)
    """Of each protected branch, the contexts that must be green, as classic protection says them."""
    ruled_checks: dict[str, list[str]] = field(default_factory=dict)
    """The same, as a ruleset says them."""
    required_approvals: dict[str, int] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    suites: list[Suite] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    """The branches as they were when somebody was last told of them."""
    id: int = field(default_factory=new_id)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[Pull]:
        return [one for one in self.issues.values() if isinstance(one, Pull)]

    def pull(self, number: int) -> Pull | None:
        found = self.issues.get(number)
        return found if isinstance(found, Pull) else None

    def next_number(self) -> int:
        return max(self.issues, default=0) + 1

    def role(self, login: str) -> str:
        """What somebody may do here; `read` for everybody where everybody can look."""
        if login.lower() == self.owner.login.lower():
            return "admin"
        mine = {name.lower(): role for name, role in self.roles.items()}
        return mine.get(login.lower(), "none" if self.private else "read")
