"""GitHub's answers, read into our shapes.

The rule: pure. What we need and do not find is `Retryable`: something between GitHub and us answered in its place. What
may be null on GitHub (the author of a deleted account, the repository of a deleted fork) is null here or `ghost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.gh.shapes import (
    HookDelivery,
    InstallationInfo,
    PostedCheck,
    PostedComment,
    Pull,
    RepoInfo,
    Review,
    ReviewComment,
)
from scheduler.errors import Retryable

GHOST = "ghost"
T = TypeVar("T")


def field(data: object, name: str, kind: type[T]) -> T:
    """Return what an answer has to say under a name. Raises `Retryable` when it does not."""
    value = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Retryable(f"reading GitHub's answer: there is no `{name}` in it, or another thing than expected")
    return value


def maybe(data: object, name: str, kind: type[T]) -> T | None:
    """Return what an answer may say under a name."""
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, kind) else None


def moment(data: object, name: str) -> datetime:
    """Return a moment that an answer has to say."""
    found = maybe_moment(data, name)
    if found is None:
        raise Retryable(f"reading GitHub's answer: `{name}` is no moment")
    return found


def maybe_moment(data: object, name: str) -> datetime | None:
    """Return a moment that an answer may say."""
    try:
        found = datetime.fromisoformat(maybe(data, name, str) or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def author(data: object) -> str:
    """Return the login of whoever made it."""
    return maybe(maybe(data, "user", dict), "login", str) or GHOST


def repository(data: object) -> RepoInfo:
    """Read a repository."""
    return RepoInfo(
        id=field(data, "id", int),
        full_name=field(data, "full_name", str),
        default_branch=maybe(data, "default_branch", str) or "main",
        archived=maybe(data, "archived", bool) or False,
        fork=maybe(data, "fork", bool) or False,
        private=maybe(data, "private", bool) or False,
    )


def installation(data: object) -> InstallationInfo:
    """Read an installation."""
    account = maybe(data, "account", dict)
    granted = maybe(data, "permissions", dict) or {}
    return InstallationInfo(
        id=field(data, "id", int),
        account=maybe(account, "login", str) or maybe(account, "slug", str) or GHOST,
        suspended=maybe(data, "suspended_at", str) is not None,
        permissions=tuple(sorted((str(name), str(level)) for name, level in granted.items())),
    )


def delivery(data: object) -> HookDelivery:
    """Read a delivery of a webhook."""
    return HookDelivery(
        id=field(data, "id", int),
        guid=field(data, "guid", str),
        event=maybe(data, "event", str) or "",
        status_code=maybe(data, "status_code", int) or 0,
        delivered_at=moment(data, "delivered_at"),
    )


def pull(data: object) -> Pull:
    """Read a pull request, whole or as it stands in a list."""
    head, base = field(data, "head", dict), field(data, "base", dict)
    head_repo, base_repo = maybe(head, "repo", dict), maybe(base, "repo", dict)
    head_id, merged_at = maybe(head_repo, "id", int), maybe_moment(data, "merged_at")
    is_here = head_id is not None and head_id == maybe(base_repo, "id", int)
    return Pull(
        number=field(data, "number", int),
        title=maybe(data, "title", str) or "",
        body=maybe(data, "body", str) or "",
        state="open" if field(data, "state", str) == "open" else "closed",
        merged=merged_at is not None or maybe(data, "merged", bool) is True,
        draft=maybe(data, "draft", bool) or False,
        head_sha=field(head, "sha", str),
        head_ref=field(head, "ref", str),
        head_repo_id=head_id,
        head_full_name=maybe(head_repo, "full_name", str),
        base_ref=field(base, "ref", str),
        base_sha=field(base, "sha", str),
        author=author(data),
        author_is_bot=maybe(maybe(data, "user", dict), "type", str) == "Bot",
        can_be_pushed=is_here or (head_id is not None and maybe(data, "maintainer_can_modify", bool) is True),
        created_at=moment(data, "created_at"),
        merged_at=merged_at,
        mergeable_state=maybe(data, "mergeable_state", str) or "unknown",
        url=field(data, "html_url", str),
        merge_sha=maybe(data, "merge_commit_sha", str) if merged_at else None,
    )


def comment(data: object) -> PostedComment:
    """Read a comment of a conversation, or a comment on lines as if it were one."""
    return PostedComment(
        id=field(data, "id", int),
        author=author(data),
        body=maybe(data, "body", str) or "",
        url=maybe(data, "html_url", str) or "",
        created_at=moment(data, "created_at"),
    )


def review_comment(data: object) -> ReviewComment:
    """Read a comment on lines."""
    return ReviewComment(
        id=field(data, "id", int),
        author=author(data),
        body=maybe(data, "body", str) or "",
        url=maybe(data, "html_url", str) or "",
        created_at=moment(data, "created_at"),
        path=field(data, "path", str),
        line=maybe(data, "line", int),
        start_line=maybe(data, "start_line", int),
        commit=maybe(data, "commit_id", str) or "",
        reply_to=maybe(data, "in_reply_to_id", int),
    )


def review(data: object) -> Review:
    """Read a review."""
    return Review(
        author=author(data),
        state=(maybe(data, "state", str) or "").upper(),
        commit=maybe(data, "commit_id", str) or "",
        submitted_at=maybe_moment(data, "submitted_at"),
    )


def check(data: object) -> PostedCheck:
    """Read a check run."""
    output: Mapping[str, Any] = maybe(data, "output", dict) or {}
    return PostedCheck(
        id=field(data, "id", int),
        external_id=maybe(data, "external_id", str) or "",
        status=field(data, "status", str),
        conclusion=maybe(data, "conclusion", str),
        title=maybe(output, "title", str) or "",
        summary=maybe(output, "summary", str) or "",
        url=maybe(data, "html_url", str) or "",
    )
