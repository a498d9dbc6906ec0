"""How GitHub words issues and pull requests, as JSON.

The rule: as `shapes.py`. What is computed from Git (mergeable, the numbers of a change) is computed at every reading.
"""

from __future__ import annotations

from typing import Any

from fakegithub.shapes import Shapes, moment, node_id
from fakegithub.world import Issue, Pull, Repository

JSON = dict[str, Any]


def issue(shapes: Shapes, repo: Repository, found: Issue) -> JSON:
    url = f"{shapes.repo_url(repo)}/issues/{found.number}"
    kind = "pull" if isinstance(found, Pull) else "issues"
    page = f"{shapes.repo_page(repo)}/{kind}/{found.number}"
    shape = {
        "url": url,
        "repository_url": shapes.repo_url(repo),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page,
        "id": found.id,
        "node_id": node_id("Issue", found.id),
        "number": found.number,
        "title": found.title,
        "user": shapes.user(found.author),
        "labels": [],
        "state": found.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": sum(one.number == found.number for one in repo.comments),
        "created_at": moment(found.created_at),
        "updated_at": moment(found.updated_at),
        "closed_at": moment(found.closed_at),
        "author_association": shapes.association(repo, found.author),
        "active_lock_reason": None,
        "body": found.body,
        "reactions": {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(REACTIONS, 0)},
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
    }
    if isinstance(found, Pull):
        pull_url = f"{shapes.repo_url(repo)}/pulls/{found.number}"
        merged = {"merged_at": moment(found.merged_at)}
        pages = {"html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
        shape |= {"draft": found.draft, "pull_request": {"url": pull_url, **pages, **merged}}
    return shape


def simple(shapes: Shapes, repo: Repository, pull: Pull) -> JSON:
    """A pull request as a list has it."""
    url = f"{shapes.repo_url(repo)}/pulls/{pull.number}"
    issue_url = f"{shapes.repo_url(repo)}/issues/{pull.number}"
    page = f"{shapes.repo_page(repo)}/pull/{pull.number}"
    status = f"{shapes.repo_url(repo)}/statuses/{pull.head_sha}"
    one_comment = f"{shapes.repo_url(repo)}/pulls/comments{{/number}}"
    links = {
        "self": url,
        "html": page,
        "issue": issue_url,
        "comments": f"{issue_url}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": one_comment,
        "commits": f"{url}/commits",
        "statuses": status,
    }
    return {
        "url": url,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue_url,
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": shapes.user(pull.author),
        "body": pull.body,
        "created_at": moment(pull.created_at),
        "updated_at": moment(pull.updated_at),
        "closed_at": moment(pull.closed_at),
        "merged_at": moment(pull.merged_at),
        "merge_commit_sha": pull.merge_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": one_comment,
        "comments_url": f"{issue_url}/comments",
        "statuses_url": status,
        "head": _side(shapes, pull.head_repo, pull.head_owner, pull.head_ref, pull.head_sha),
        "base": _side(shapes, repo, repo.owner, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": address} for name, address in links.items()},
        "author_association": shapes.association(repo, pull.author),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def full(shapes: Shapes, repo: Repository, pull: Pull) -> JSON:
    base = repo.bare.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    changes = repo.bare.changes(base, pull.head_sha)
    mergeable = None if pull.merged else is_mergeable(repo, pull)
    return {
        **simple(shapes, repo, pull),
        "merged": pull.merged,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": _mergeable_state(repo, pull, mergeable=mergeable),
        "merged_by": shapes.user(pull.merged_by),
        "comments": sum(one.number == pull.number for one in repo.comments),
        "review_comments": sum(one.number == pull.number for one in repo.review_comments),
        "maintainer_can_modify": pull.maintainer_can_modify,
        "commits": len(repo.bare.log(f"{base}..{pull.head_sha}")),
        "additions": sum(one["added"] for one in changes),
        "deletions": sum(one["removed"] for one in changes),
        "changed_files": len(changes),
    }


def is_mergeable(repo: Repository, pull: Pull) -> bool:
    return repo.bare.merged_tree(pull.base_sha, pull.head_sha) is not None


def missing(repo: Repository, pull: Pull) -> list[str]:
    """The required checks of the base branch that are not green at the head."""
    wanted = [*repo.required_checks.get(pull.base_ref, []), *repo.ruled_checks.get(pull.base_ref, [])]
    return [context for context in wanted if not _green(repo, pull.head_sha, context)]


def approvals(repo: Repository, pull: Pull) -> int:
    latest = {one.author: one.state for one in repo.reviews if one.number == pull.number and one.state != "COMMENTED"}
    able = {"write", "maintain", "admin"}
    return sum(
        state == "APPROVED" and author is not None and repo.role(author.login) in able
        for author, state in latest.items()
    )


def _mergeable_state(repo: Repository, pull: Pull, *, mergeable: bool | None) -> str:
    if mergeable is None:
        return "unknown"
    if not mergeable:
        return "dirty"
    if pull.draft:
        return "draft"
    if missing(repo, pull) or approvals(repo, pull) < repo.required_approvals.get(pull.base_ref, 0):
        return "blocked"
    wrong = any(check.sha == pull.head_sha and check.conclusion == "failure" for check in repo.checks)
    return "unstable" if wrong else "clean"


def _green(repo: Repository, sha: str, context: str) -> bool:
    checks = [one for one in repo.checks if one.sha == sha and one.name == context]
    if checks:
        return checks[-1].conclusion in {"success", "neutral", "skipped"}
    statuses = [one for one in repo.statuses if one.sha == sha and one.context == context]
    return bool(statuses) and statuses[-1].state == "success"


def _side(shapes: Shapes, repo: Repository | None, owner: Any, ref: str, sha: str) -> JSON:  # noqa: ANN401
    return {
        "label": f"{owner.login}:{ref}" if owner else ref,
        "ref": ref,
        "sha": sha,
        "user": shapes.user(owner),
        "repo": {**shapes.repository(repo), **MERGING} if repo else None,
    }


MERGING = {
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_squash_merge": True,
    "delete_branch_on_merge": False,
}
REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
