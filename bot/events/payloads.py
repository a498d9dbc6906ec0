"""GitHub's webhook payloads, read into events: one reader for each kind.

The rule: what Meshbot does not act upon is None, before more of it is read than it takes to know that. A deleted
account is `ghost`, a deleted fork has no id.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.events.hostile import Part
from bot.events.kinds import (
    Actor,
    CheckAsked,
    Comment,
    Event,
    InstallationChanged,
    Place,
    PullChanged,
    Push,
    Repo,
    RepoChanged,
)

GHOST = "ghost"
"""The account to which GitHub gives what deleted accounts have left."""

RERUN = "rerun"
BRANCHES = "refs/heads/"
PULL_ACTIONS = {"opened", "synchronize", "edited", "closed", "reopened", "ready_for_review", "converted_to_draft"}
WRITTEN = {"created": "created", "edited": "edited", "submitted": "created"}
INSTALLATION_ACTIONS = {"created", "deleted", "suspend", "unsuspend", "new_permissions_accepted", "added", "removed"}
REPOSITORY_ACTIONS = {"renamed", "transferred", "archived", "unarchived", "deleted", "edited"}
_NO_COMMIT = re.compile("0+")


def push(said: Part) -> Push | None:
    """Read a push; tags and other refs are nothing to us."""
    ref = said.at("ref").name()
    if not ref.startswith(BRANCHES) or ref == BRANCHES:
        return None
    before, after = (_commit(said.at(side)) for side in ("before", "after"))
    return Push(_installation(said), _repo(said.at("repository")), ref.removeprefix(BRANCHES), before, after)


def pull_request(said: Part) -> PullChanged | None:
    """Read what happened to a pull request; labels, assignees and the like are nothing to us."""
    if (action := said.at("action").name()) not in PULL_ACTIONS:
        return None
    pull = said.at("pull_request")
    head = pull.at("head")
    fork = head.maybe("repo")
    merged = pull.maybe("merged")
    return PullChanged(
        installation=_installation(said),
        repo=_repo(said.at("repository")),
        action=action,
        number=pull.at("number").number(),
        head_sha=head.at("sha").sha(),
        head_ref=head.at("ref").name(),
        head_repo=fork.at("id").number() if fork else None,
        base_ref=pull.at("base", "ref").name(),
        author=_actor(pull.maybe("user")),
        state=pull.at("state").name(),
        merged=merged.flag() if merged else False,
    )


def issue_comment(said: Part) -> Comment | None:
    """Read a comment on an issue or on the conversation of a pull request."""
    if (action := WRITTEN.get(said.at("action").name())) is None:
        return None
    return _comment(said, action, "issue", said.at("comment"), said.at("issue"))


def review(said: Part) -> Comment | None:
    """Read a review, when something is written in it."""
    action, written = WRITTEN.get(said.at("action").name()), said.at("review")
    body = written.maybe("body")
    if action is None or body is None or not body.text().strip():
        return None
    return _comment(said, action, "review", written, said.at("pull_request"))


def review_comment(said: Part) -> Comment | None:
    """Read a comment on lines of a pull request."""
    if (action := WRITTEN.get(said.at("action").name())) is None:
        return None
    return _comment(said, action, "review_comment", said.at("comment"), said.at("pull_request"))


def check_run(said: Part) -> CheckAsked | None:
    """Read that a button of a check was pressed, or that it is to run again."""
    check = said.at("check_run")
    match said.at("action").name():
        case "requested_action":
            return _asked(said, check, check.at("id").number(), said.at("requested_action", "identifier").name())
        case "rerequested":
            return _asked(said, check, check.at("id").number(), RERUN)
        case _:
            return None


def check_suite(said: Part) -> CheckAsked | None:
    """Read that all checks of a commit are to run again."""
    if said.at("action").name() != "rerequested":
        return None
    return _asked(said, said.at("check_suite"), 0, RERUN)


def installation(said: Part) -> InstallationChanged | None:
    """Read what happened to an installation, or which repositories it got or lost."""
    if (action := said.at("action").name()) not in INSTALLATION_ACTIONS:
        return None
    account = said.at("installation").maybe("account")
    names = [account.maybe("login"), account.maybe("slug")] if account else []  # an enterprise has a slug only
    return InstallationChanged(
        installation=_installation(said),
        action=action,
        account=next((name.name() for name in names if name), GHOST),
        repos=(*_repos(said, "repositories"), *_repos(said, "repositories_added")),
        removed=_repos(said, "repositories_removed"),
    )


def repository(said: Part) -> RepoChanged | None:
    """Read what happened to a repository; of what can be edited, only the default branch is something to us."""
    action, changes = said.at("action").name(), said.maybe("changes")
    moved_default = changes is not None and changes.maybe("default_branch") is not None
    if action not in REPOSITORY_ACTIONS or (action == "edited" and not moved_default):
        return None
    repo = _repo(said.at("repository"))
    return RepoChanged(_installation(said), repo, action, _old_name(action, repo, changes))


def ping(_said: Part) -> None:
    """Read GitHub's greeting: there is nothing to do."""


READERS: dict[str, Callable[[Part], Event | None]] = {
    "push": push,
    "pull_request": pull_request,
    "issue_comment": issue_comment,
    "pull_request_review": review,
    "pull_request_review_comment": review_comment,
    "check_run": check_run,
    "check_suite": check_suite,
    "installation": installation,
    "installation_repositories": installation,
    "repository": repository,
    "ping": ping,
}


def _installation(said: Part) -> int:
    if (part := said.maybe("installation")) is None:
        said.refuse("installation is missing: this webhook belongs to a repository; let the GitHub App send it")
    return part.at("id").number()


def _repo(part: Part) -> Repo:
    branch, archived, fork = (part.maybe(key) for key in ("default_branch", "archived", "fork"))
    return Repo(
        id=part.at("id").number(),
        full_name=part.at("full_name").full_name(),
        default_branch=branch.name() if branch else "",
        archived=archived.flag() if archived else False,
        fork=fork.flag() if fork else False,
    )


def _repos(said: Part, key: str) -> tuple[Repo, ...]:
    listed = said.maybe(key)
    return tuple(_repo(part) for part in listed.items()) if listed else ()


def _actor(user: Part | None) -> Actor:
    if user is None:
        return Actor(GHOST)
    login, kind, number = user.at("login").name(), user.maybe("type"), user.maybe("id")
    id_ = number.number() if number else 0
    return Actor(login, id=id_, bot=login.endswith("[bot]") or (kind is not None and kind.name() != "User"))


def _commit(part: Part) -> str | None:
    """Take a commit; GitHub writes zeros where there is none."""
    return None if _NO_COMMIT.fullmatch(sha := part.sha()) else sha


def _comment(said: Part, action: str, kind: str, written: Part, pull: Part) -> Comment:
    body, updated, thread = (written.maybe(key) for key in ("body", "updated_at", "in_reply_to_id"))
    return Comment(
        installation=_installation(said),
        repo=_repo(said.at("repository")),
        action=action,
        kind=kind,
        id=written.at("id").number(),
        number=pull.at("number").number(),
        on_pull=kind != "issue" or pull.maybe("pull_request") is not None,
        author=_actor(written.maybe("user")),
        body=body.text() if body else "",
        created_at=written.at("submitted_at" if kind == "review" else "created_at").moment(),
        state=pull.at("state").name(),
        place=_place(written) if kind == "review_comment" else None,
        updated_at=updated.moment() if updated else None,
        thread=thread.number() if thread else None,
    )


def _place(written: Part) -> Place:
    """Say where a review comment stands; an outdated one still stands where it was written."""
    path, commit, first = written.at("path").name(), written.at("commit_id").sha(), written.maybe("original_commit_id")
    written_on = first.sha() if first else ""
    side, subject = written.maybe("side"), written.maybe("subject_type")
    if (side and side.name() == "LEFT") or (subject and subject.name() == "file"):
        return Place(path, None, None, commit, written_on)
    if line := written.maybe("line"):
        start = written.maybe("start_line")
        return Place(path, line.number(), start.number() if start else None, commit, written_on)
    line, start = (written.maybe(f"original_{key}") for key in ("line", "start_line"))
    if line is None or not written_on:
        return Place(path, None, None, commit, written_on)
    return Place(path, line.number(), start.number() if start else None, written_on, written_on)


def _asked(said: Part, check: Part, check_id: int, button: str) -> CheckAsked:
    listed, called = check.maybe("pull_requests"), check.maybe("external_id")
    return CheckAsked(
        installation=_installation(said),
        repo=_repo(said.at("repository")),
        check_id=check_id,
        head_sha=check.at("head_sha").sha(),
        button=button,
        author=_actor(said.maybe("sender")),
        pulls=tuple(pull.at("number").number() for pull in listed.items()) if listed else (),
        external_id=called.text() if called else "",
    )


def _old_name(action: str, repo: Repo, changes: Part | None) -> str | None:
    owner, _, name = repo.full_name.partition("/")
    if action == "renamed" and changes is not None:
        return Part(f"{owner}/{changes.at('repository', 'name', 'from').name()}", "changes").full_name()
    if action == "transferred" and changes is not None:
        before = changes.at("owner", "from")
        who = before.maybe("user") or before.at("organization")
        return Part(f"{who.at('login').name()}/{name}", "changes").full_name()
    return None
