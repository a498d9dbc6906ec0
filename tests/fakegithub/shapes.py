"""How GitHub words what it knows, as JSON: accounts, repositories, commits, comments, checks.

The rule: the addresses come from GitHub's own examples (tests/data/github/examples.json), with our names in place of
theirs; what the fake knows is laid over them. Pull requests and issues are in `pullshapes.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fakegithub.conformance import document
from fakegithub.world import (
    Account,
    App,
    Check,
    Comment,
    Installation,
    Pull,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    Status,
    Suite,
    Team,
)

JSON = dict[str, Any]
THEIR_API, THEIR_WEB = "https://api.github.com", "https://github.com"
THEIR_REPO, THEIR_LOGIN = "Codertocat/Hello-World", "Codertocat"
LETTERS = {"A": "added", "M": "modified", "D": "removed", "T": "changed"}
CONTENTS = {"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"}


def moment(at: datetime | None) -> str | None:
    return at and at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: object) -> str:
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


@cache
def _template(*path: str) -> str:
    found = document("examples.json")
    for part in path:
        found = found[part]
    return json.dumps(found)


@dataclass(frozen=True)
class Shapes:
    """The JSON of things, with the addresses of this server."""

    web: str
    app: App
    accounts: dict[str, Account] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"{self.web}/api/v3"

    def repo_url(self, repo: Repository) -> str:
        return f"{self.api}/repos/{repo.full_name}"

    def repo_page(self, repo: Repository) -> str:
        return f"{self.web}/{repo.full_name}"

    def template(self, repo: Repository | None, login: str, *path: str) -> Any:  # noqa: ANN401 - JSON
        text = _template(*path)
        if repo is not None:
            text = text.replace(THEIR_REPO, repo.full_name)
        text = text.replace(f"/{THEIR_LOGIN}", f"/{login}")
        return json.loads(text.replace(THEIR_API, self.api).replace(THEIR_WEB, self.web))

    def user(self, account: Account | None) -> JSON | None:
        if account is None:
            return None
        shape = self.template(None, account.login, "push", "sender")
        return shape | {
            "login": account.login,
            "id": account.id,
            "node_id": node_id(account.kind, account.id),
            "avatar_url": f"{self.web}/avatars/u/{account.id}?v=4",
            "html_url": f"{self.web}/{account.login}" if account.kind != "Bot" else f"{self.web}/apps/{self.app.slug}",
            "type": account.kind,
        }

    def public_user(self, account: Account, at: datetime) -> JSON:
        empty = dict.fromkeys(("bio", "blog", "company", "email", "hireable", "location"))
        numbers = dict.fromkeys(("followers", "following", "public_gists", "public_repos"), 0)
        dates = {"created_at": moment(at), "updated_at": moment(at)}
        return {**(self.user(account) or {}), **empty, **numbers, **dates, "name": account.login}

    def organization(self, account: Account, at: datetime) -> JSON:
        url = f"{self.api}/orgs/{account.login}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("Organization", account.id),
            "url": url,
            **{f"{name}_url": f"{url}/{name}" for name in ("repos", "events", "hooks", "issues")},
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"{self.web}/avatars/u/{account.id}?v=4",
            "description": None,
            "html_url": f"{self.web}/{account.login}",
            "has_organization_projects": True,
            "has_repository_projects": True,
            **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
            "type": "Organization",
            "created_at": moment(at),
            "updated_at": moment(at),
            "archived_at": None,
        }

    def team(self, team: Team, at: datetime) -> JSON:
        url = f"{self.api}/organizations/{team.org.id}/team/{team.id}"
        return {
            "id": team.id,
            "node_id": node_id("Team", team.id),
            "url": url,
            "html_url": f"{self.web}/orgs/{team.org.login}/teams/{team.slug}",
            "name": team.slug,
            "slug": team.slug,
            "description": "",
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "members_url": f"{url}/members{{/member}}",
            "repositories_url": f"{url}/repos",
            "parent": None,
            "members_count": len(team.members),
            "repos_count": 0,
            "type": "organization",
            "created_at": moment(at),
            "updated_at": moment(at),
            "organization": self.organization(team.org, at),
        }

    def membership(self, team: Team, login: str) -> JSON:
        url = f"{self.api}/organizations/{team.org.id}/team/{team.id}/memberships/{login}"
        return {"url": url, "role": "member", "state": team.members[login]}

    def repository(self, repo: Repository) -> JSON:
        at = moment(repo.created_at)
        shape = self.template(repo, repo.owner.login, "pull_request closed", "pull_request", "head", "repo")
        return shape | {
            "id": repo.id,
            "node_id": node_id("Repository", repo.id),
            "name": repo.name,
            "full_name": repo.full_name,
            "private": repo.private,
            "visibility": "private" if repo.private else "public",
            "owner": self.user(repo.owner),
            "fork": repo.fork_of is not None,
            "archived": repo.archived,
            "default_branch": repo.default_branch,
            "has_pages": False,
            "has_discussions": False,
            "language": None,
            "allow_forking": True,
            "open_issues": (opened := sum(one.state == "open" for one in repo.issues.values())),
            "open_issues_count": opened,
            "created_at": at,
            "updated_at": at,
            "pushed_at": at,
        }

    def full_repository(self, repo: Repository, permissions: dict[str, bool]) -> JSON:
        related = (
            {"parent": self.repository(repo.fork_of), "source": self.repository(repo.fork_of)} if repo.fork_of else {}
        )
        merging = dict.fromkeys(("allow_merge_commit", "allow_squash_merge", "allow_rebase_merge"), True)
        counts = {"network_count": 0, "subscribers_count": 0}
        return {
            **self.repository(repo),
            **related,
            **merging,
            **counts,
            "permissions": permissions,
            "temp_clone_token": "",
        }

    def pushed_repository(self, repo: Repository) -> JSON:
        """A repository as the push event words it: moments are numbers, and the owner has a name."""
        seconds = int(repo.created_at.timestamp())
        owner = {**(self.user(repo.owner) or {}), "name": repo.owner.login, "email": repo.owner.email}
        more = {"stargazers": 0, "master_branch": repo.default_branch, "url": self.repo_page(repo)}
        return {**self.repository(repo), "owner": owner, "created_at": seconds, "pushed_at": seconds, **more}

    def short_repository(self, repo: Repository) -> JSON:
        kept = {"id", "node_id", "name", "full_name", "private"}
        return {key: value for key, value in self.repository(repo).items() if key in kept}

    def integration(self) -> JSON:
        app = self.app
        return {
            "id": app.id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": node_id("App", app.id),
            "owner": self.user(app.owner),
            "name": app.slug.title(),
            "description": "",
            "external_url": "https://meshbot.example.com",
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": moment(app.created_at),
            "updated_at": moment(app.created_at),
            "permissions": app.permissions,
            "events": app.events,
        }

    def installation(self, found: Installation) -> JSON:
        at = moment(found.created_at)
        return {
            "id": found.id,
            "client_id": self.app.client_id,
            "account": self.user(found.account),
            "repository_selection": "selected",
            "access_tokens_url": f"{self.api}/app/installations/{found.id}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{found.id}",
            "app_id": self.app.id,
            "app_slug": self.app.slug,
            "target_id": found.account.id,
            "target_type": found.account.kind,
            "permissions": found.permissions,
            "events": self.app.events,
            "created_at": at,
            "updated_at": at,
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": self.user(found.suspended_by),
            "suspended_at": moment(found.suspended_at),
        }

    def reaction(self, found: Reaction) -> JSON:
        return {
            "id": found.id,
            "node_id": node_id("Reaction", found.id),
            "user": self.user(found.author),
            "content": found.content,
            "created_at": moment(found.created_at),
        }

    def rollup(self, comment: Comment, url: str) -> JSON:
        counts = {name: sum(one.content == name for one in comment.reactions) for name in sorted(CONTENTS)}
        return {"url": f"{url}/reactions", "total_count": len(comment.reactions), **counts}

    def comment(self, repo: Repository, found: Comment) -> JSON:
        url = f"{self.repo_url(repo)}/issues/comments/{found.id}"
        kind = "pull" if repo.pull(found.number) else "issues"
        return {
            "url": url,
            "html_url": f"{self.repo_page(repo)}/{kind}/{found.number}#issuecomment-{found.id}",
            "issue_url": f"{self.repo_url(repo)}/issues/{found.number}",
            "id": found.id,
            "node_id": node_id("IssueComment", found.id),
            "user": self.user(found.author),
            "created_at": moment(found.created_at),
            "updated_at": moment(found.updated_at),
            "author_association": self.association(repo, found.author),
            "body": found.body,
            "reactions": self.rollup(found, url),
            "performed_via_github_app": self.integration() if found.by_app else None,
        }

    def review(self, repo: Repository, found: Review) -> JSON:
        page = f"{self.repo_page(repo)}/pull/{found.number}#pullrequestreview-{found.id}"
        pull = f"{self.repo_url(repo)}/pulls/{found.number}"
        return {
            "id": found.id,
            "node_id": node_id("PullRequestReview", found.id),
            "user": self.user(found.author),
            "body": found.body,
            "state": found.state,
            "html_url": page,
            "pull_request_url": pull,
            "author_association": self.association(repo, found.author),
            "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
            "submitted_at": moment(found.submitted_at),
            "commit_id": found.commit,
        }

    def review_comment(self, repo: Repository, found: ReviewComment) -> JSON:
        url = f"{self.repo_url(repo)}/pulls/comments/{found.id}"
        page = f"{self.repo_page(repo)}/pull/{found.number}#discussion_r{found.id}"
        pull = f"{self.repo_url(repo)}/pulls/{found.number}"
        reply = {"in_reply_to_id": found.in_reply_to} if found.in_reply_to else {}
        return {
            "url": url,
            "pull_request_review_id": found.review.id if found.review else None,
            "id": found.id,
            "node_id": node_id("PullRequestReviewComment", found.id),
            "diff_hunk": found.hunk,
            "path": found.path,
            "commit_id": found.commit,
            "original_commit_id": found.original_commit,
            "user": self.user(found.author),
            "body": found.body,
            "created_at": moment(found.created_at),
            "updated_at": moment(found.updated_at),
            "html_url": page,
            "pull_request_url": pull,
            "author_association": self.association(repo, found.author),
            "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull}},
            "reactions": self.rollup(found, url),
            "start_line": found.start_line,
            "original_start_line": found.original_start_line,
            "start_side": found.side if found.original_start_line else None,
            "line": found.line,
            "original_line": found.original_line,
            "side": found.side,
            "position": found.line,
            "original_position": found.original_line,
            "subject_type": "line",
            **reply,
        }

    def association(self, repo: Repository, account: Account | None) -> str:
        if account is None:
            return "NONE"
        if account is repo.owner:
            return "OWNER"
        return "COLLABORATOR" if repo.role(account.login) in {"write", "maintain", "admin"} else "NONE"

    def minimal_pull(self, repo: Repository, pull: Pull) -> JSON:
        head = pull.head_repo or repo
        return {
            "url": f"{self.repo_url(repo)}/pulls/{pull.number}",
            "id": pull.id,
            "number": pull.number,
            "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": self._minimal(head)},
            "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": self._minimal(repo)},
        }

    def _minimal(self, repo: Repository) -> JSON:
        return {"id": repo.id, "url": self.repo_url(repo), "name": repo.name}

    def check(self, repo: Repository, found: Check, *, hook: bool = False) -> JSON:
        url = f"{self.repo_url(repo)}/check-runs/{found.id}"
        pulls = [
            self.minimal_pull(repo, pull)
            for pull in repo.pulls
            if pull.head_sha == found.sha and pull.state == "open" and pull.head_repo is repo
        ]
        suite = self.suite(repo, found.suite) | {"pull_requests": pulls} if hook else {"id": found.suite.id}
        return {
            "id": found.id,
            "name": found.name,
            "node_id": node_id("CheckRun", found.id),
            "head_sha": found.sha,
            "external_id": found.external_id,
            "url": url,
            "html_url": f"{self.repo_page(repo)}/runs/{found.id}",
            "details_url": found.details_url or "https://meshbot.example.com",
            "status": found.status,
            "conclusion": found.conclusion,
            "started_at": moment(found.started_at),
            "completed_at": moment(found.completed_at),
            "output": {
                "title": found.title,
                "summary": found.summary,
                "text": found.text,
                "annotations_count": len(found.annotations),
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": suite,
            "app": self.integration(),
            "pull_requests": pulls,
        }

    def suite(self, repo: Repository, found: Suite) -> JSON:
        mine = [check for check in repo.checks if check.suite is found]
        done = bool(mine) and all(check.status == "completed" for check in mine)
        return {
            "id": found.id,
            "node_id": node_id("CheckSuite", found.id),
            "head_branch": found.branch,
            "head_sha": found.sha,
            "status": "completed" if done else "queued",
            "conclusion": mine[-1].conclusion if done else None,
            "url": f"{self.repo_url(repo)}/check-suites/{found.id}",
            "before": None,
            "after": None,
            "pull_requests": [],
            "app": self.integration(),
            "created_at": moment(found.created_at),
            "updated_at": moment(found.created_at),
        }

    def full_suite(self, repo: Repository, found: Suite) -> JSON:
        more = {
            "repository": self.repository(repo),
            "latest_check_runs_count": sum(check.suite is found for check in repo.checks),
            "check_runs_url": f"{self.repo_url(repo)}/check-suites/{found.id}/check-runs",
            "head_commit": self.short_commit(repo, found.sha),
        }
        return self.suite(repo, found) | more

    def short_commit(self, repo: Repository, sha: str) -> JSON:
        found = repo.bare.describe(sha)
        return {
            "id": sha,
            "tree_id": found["tree"],
            "message": found["message"],
            "timestamp": found["date"],
            "author": {"name": found["name"], "email": found["email"]},
            "committer": {"name": found["by"], "email": found["by_email"]},
        }

    def status(self, repo: Repository, found: Status) -> JSON:
        return {
            "url": f"{self.repo_url(repo)}/statuses/{found.sha}",
            "avatar_url": f"{self.web}/avatars/u/{found.creator.id}?v=4",
            "id": found.id,
            "node_id": node_id("Status", found.id),
            "state": found.state,
            "description": found.description,
            "target_url": found.target_url,
            "context": found.context,
            "created_at": moment(found.created_at),
            "updated_at": moment(found.created_at),
        }

    def annotation(self, repo: Repository, check: Check, found: JSON) -> JSON:
        empty = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
        return {**empty, **found, "blob_href": f"{self.repo_page(repo)}/blob/{check.sha}/{found['path']}"}

    def git_commit(self, repo: Repository, sha: str) -> JSON:
        found, url = repo.bare.describe(sha), self.repo_url(repo)
        return {
            "sha": sha,
            "node_id": node_id("Commit", sha),
            "url": f"{url}/git/commits/{sha}",
            "html_url": f"{self.repo_page(repo)}/commit/{sha}",
            "author": {"name": found["name"], "email": found["email"], "date": utc(found["date"])},
            "committer": {"name": found["by"], "email": found["by_email"], "date": utc(found["by_date"])},
            "tree": {"sha": found["tree"], "url": f"{url}/git/trees/{found['tree']}"},
            "message": found["message"],
            "parents": [
                {"sha": one, "url": f"{url}/git/commits/{one}", "html_url": f"{self.repo_page(repo)}/commit/{one}"}
                for one in found["parents"]
            ],
            "verification": UNSIGNED,
        }

    def commit(self, repo: Repository, sha: str, author: Account | None = None) -> JSON:
        url = f"{self.repo_url(repo)}/commits"
        inner = self.git_commit(repo, sha)
        # GitHub finds the account of a commit by its address.
        author = author or next((one for one in self.accounts.values() if one.email == inner["author"]["email"]), None)
        kept = {"author", "committer", "message", "tree", "verification"}
        return {
            "sha": sha,
            "node_id": inner["node_id"],
            "commit": {
                **{key: value for key, value in inner.items() if key in kept},
                "url": inner["url"],
                "comment_count": 0,
            },
            "url": f"{url}/{sha}",
            "html_url": inner["html_url"],
            "comments_url": f"{url}/{sha}/comments",
            "author": self.user(author),
            "committer": self.user(author),
            "parents": [one | {"url": f"{url}/{one['sha']}"} for one in inner["parents"]],
        }

    def ref(self, repo: Repository, ref: str, sha: str) -> JSON:
        url = f"{self.repo_url(repo)}/git"
        return {
            "ref": ref,
            "node_id": node_id("Ref", f"{repo.id}:{ref}"),
            "url": f"{url}/{ref}",
            "object": {"sha": sha, "type": "commit", "url": f"{url}/commits/{sha}"},
        }

    def changed_file(self, repo: Repository, sha: str, change: JSON, patch: str) -> JSON:
        path = change["path"]
        at = (
            repo.bare.git("ls-tree", sha, "--", path).split("\t")[0].split(" ")[-1] if change["letter"] != "D" else None
        )
        return {
            "sha": at or hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest(),
            "filename": path,
            "status": LETTERS[change["letter"]],
            "additions": change["added"],
            "deletions": change["removed"],
            "changes": change["added"] + change["removed"],
            "blob_url": f"{self.repo_page(repo)}/blob/{sha}/{path}",
            "raw_url": f"{self.repo_page(repo)}/raw/{sha}/{path}",
            "contents_url": f"{self.repo_url(repo)}/contents/{path}?ref={sha}",
            "patch": patch,
        }


def utc(date: str) -> str:
    return moment(datetime.fromisoformat(date)) or ""


UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}
