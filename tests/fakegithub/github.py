"""The fake GitHub itself: what it knows, and what it tells the App when something changes.

The rule: every change goes through here, whoever makes it (a person, the App, a push), so that webhooks are sent for
each and pull requests follow the real refs. The surprise: nothing here is HTTP; `server.py` speaks it, `people.py`
acts as people.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from fakegithub import pullshapes
from fakegithub.bare import Bare
from fakegithub.courier import Courier
from fakegithub.keys import new_keys
from fakegithub.mischief import Mischiefs
from fakegithub.shapes import Shapes
from fakegithub.world import Account, App, Installation, Issue, Pull, Repository, Suite, Team, Token

JSON = dict[str, Any]
ZERO = "0" * 40
PERMISSIONS = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "read",
}
EVENTS = [
    "check_run",
    "check_suite",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "repository",
]


@dataclass(frozen=True)
class Seen:
    """A call of the API that was answered: `number` counts them, `changed` when it was a write that had its effect."""

    number: int
    call: str
    operation: str | None
    status: int
    changed: bool
    body: Any
    """What was sent."""
    agent: str


@dataclass
class GitHub:
    """Accounts, repositories, one App. `url` is known once the server listens."""

    folder: Path
    url: str = ""
    token_life: timedelta = timedelta(hours=1)
    page: int = 100
    """The most that one page of a list has, whatever a client asks for."""
    ahead: timedelta = timedelta()
    """How far its clock is ahead of ours."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    mischiefs: Mischiefs = field(default_factory=Mischiefs)
    accounts: dict[str, Account] = field(default_factory=dict)
    teams: list[Team] = field(default_factory=list)
    repositories: dict[int, Repository] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    manifests: dict[str, JSON] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Where what passed did not conform to GitHub's description."""
    counted: int = 0
    people: dict[str, Account] = field(default_factory=dict)
    """Of each password for git, whose it is."""
    before: Callable[[int, str], None] = lambda _number, _call: None
    """Called when a call comes in, with its number."""
    after: Callable[[Seen], None] = lambda _seen: None
    """Called when a call has had its effect, before it is answered."""

    def now(self) -> datetime:
        return (datetime.now(UTC) + self.ahead).replace(microsecond=0)

    @cached_property
    def app(self) -> App:
        private, public = new_keys()
        bot = self.account("meshbot[bot]", "Bot")
        owner = self.account("meshbot-makers", "Organization")
        secret = secrets.token_hex(20)
        return App("meshbot", owner, bot, public, private, secret, dict(PERMISSIONS), [*EVENTS], self.now())

    @cached_property
    def shapes(self) -> Shapes:
        return Shapes(self.url, self.app, self.accounts)

    @cached_property
    def courier(self) -> Courier:
        return Courier(self.app, self.now)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v3"

    def unfit(self) -> list[str]:
        """Everything that passed and did not conform to GitHub's descriptions."""
        return [*self.faults, *self.courier.faults]

    def account(self, login: str, kind: str = "User") -> Account:
        return self.accounts.setdefault(login.lower(), Account(login, kind))

    def team(self, org: str, slug: str, **members: str) -> Team:
        found = Team(self.account(org, "Organization"), slug, members)
        self.teams.append(found)
        return found

    def repository(
        self, full_name: str, files: dict[str, str | bytes] | None = None, *, private: bool = True
    ) -> Repository:
        """Make a repository of an organization, with a first commit on `main`."""
        owner, name = full_name.split("/")
        with self.lock:
            account = self.accounts.get(owner.lower()) or self.account(owner, "Organization")
            repo = Repository(
                account, name, Bare(self.folder / f"{secrets.token_hex(4)}.git"), self.now(), private=private
            )
            repo.bare.create(repo.default_branch)
            repo.bare.commit("main", {"README.md": f"# {name}\n", **(files or {})}, "First", (owner, account.email))
            repo.heads = repo.bare.heads()
            self.repositories[repo.id] = repo
            return repo

    def fork(self, repo: Repository, owner: str) -> Repository:
        with self.lock:
            account = self.account(owner)
            bare = Bare(self.folder / f"{secrets.token_hex(4)}.git")
            bare.create(repo.default_branch)
            for branch in repo.bare.heads():
                bare.take(repo.bare, f"refs/heads/{branch}", f"refs/heads/{branch}")
            made = Repository(account, repo.name, bare, self.now(), private=repo.private, fork_of=repo)
            made.heads = bare.heads()
            self.repositories[made.id] = made
            return made

    def find(self, full_name: str) -> Repository | None:
        """The repository that has this name now."""
        wanted = full_name.lower()
        alive = (repo for repo in self.repositories.values() if not repo.deleted)
        return next((repo for repo in alive if repo.full_name.lower() == wanted), None)

    def install(self, *repos: Repository, permissions: dict[str, str] | None = None) -> Installation:
        with self.lock:
            granted = dict(self.app.permissions if permissions is None else permissions)
            found = Installation(repos[0].owner, self.now(), granted, {repo.id for repo in repos})
            self.installations[found.id] = found
            listed = [self.shapes.short_repository(repo) for repo in repos]
            sender = repos[0].owner
            self.tell_installation("installation", found, sender, action="created", repositories=listed, requester=None)
            return found

    def installed_on(self, repo: Repository) -> Installation | None:
        alive = (one for one in self.installations.values() if not one.removed)
        return next((one for one in alive if repo.id in one.repositories), None)

    def revoke_tokens(self) -> None:
        """Let every token end now."""
        with self.lock:
            for token in self.tokens.values():
                token.revoked = True

    def tell(self, event: str, repo: Repository, sender: Account | None, /, **payload: Any) -> None:  # noqa: ANN401
        """Send a webhook about a repository, when the App is there and asked for it."""
        found = self.installed_on(repo)
        if found is None or found.suspended_at or event not in self.app.events:
            return
        shape = self.shapes.pushed_repository(repo) if event == "push" else self.shapes.repository(repo)
        installation = {"id": found.id, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u"}
        org = {"organization": self.organization(repo.owner)} if repo.owner.kind == "Organization" else {}
        sender_shape = self.shapes.user(sender or self.account("ghost"))
        self.courier.carry(
            event, {**payload, "repository": shape, **org, "sender": sender_shape, "installation": installation}
        )

    def tell_installation(self, event: str, found: Installation, sender: Account, **payload: Any) -> None:  # noqa: ANN401
        """Send a webhook about the App's installation; those cannot be unsubscribed from."""
        shape = {**payload, "installation": self.shapes.installation(found), "sender": self.shapes.user(sender)}
        self.courier.carry(event, shape)

    def notice(self, repo: Repository, sender: Account) -> None:
        """Look at a repository's branches, and tell of every one that points elsewhere than before."""
        with self.lock:
            before, after = repo.heads, repo.bare.heads()
            repo.heads = after
            for branch in sorted(before.keys() | after.keys()):
                old, new = before.get(branch), after.get(branch)
                if old == new:
                    continue
                self.tell("push", repo, sender, **self._push(repo, branch, old, new, sender))
                self._follow_head(repo, branch, new, sender)
                if new is not None:
                    self._follow_base(repo, branch, new, sender)

    def tell_pull(self, action: str, pull: Pull, sender: Account | None, **more: Any) -> None:  # noqa: ANN401
        repo = repo_of(pull)
        pull.updated_at = self.now()
        shape = pullshapes.full(self.shapes, repo, pull)
        self.tell("pull_request", repo, sender, action=action, number=pull.number, pull_request=shape, **more)

    def close_pull(self, pull: Pull, sender: Account, merge: str | None = None) -> None:
        """Close a pull request; with a merge commit, as merged."""
        pull.state, pull.closed_at = "closed", self.now()
        if merge:
            pull.merged_at, pull.merged_by, pull.merge_sha = self.now(), sender, merge
        self.tell_pull("closed", pull, sender)

    def suite(self, repo: Repository, sha: str) -> Suite:
        for found in repo.suites:
            if found.sha == sha:
                return found
        branch = next((name for name, head in repo.bare.heads().items() if head == sha), None)
        repo.suites.append(Suite(sha, branch, self.now()))
        return repo.suites[-1]

    def organization(self, account: Account) -> JSON:
        kept = {
            "login",
            "id",
            "node_id",
            "url",
            "repos_url",
            "events_url",
            "hooks_url",
            "issues_url",
            "members_url",
            "public_members_url",
            "avatar_url",
            "description",
        }
        return {key: value for key, value in self.shapes.organization(account, self.now()).items() if key in kept}

    def _push(self, repo: Repository, branch: str, old: str | None, new: str | None, sender: Account) -> JSON:
        forced = bool(old and new and not repo.bare.is_ancestor(old, new))
        commits = [] if new is None else repo.bare.log(f"{old}..{new}" if old else new, limit=20)[::-1]
        page = self.shapes.repo_page(repo)
        return {
            "ref": f"refs/heads/{branch}",
            "before": old or ZERO,
            "after": new or ZERO,
            "base_ref": None,
            "created": old is None,
            "deleted": new is None,
            "forced": forced,
            "compare": f"{page}/compare/{(old or ZERO)[:12]}...{(new or ZERO)[:12]}",
            "commits": [self._pushed(repo, sha) for sha in commits],
            "head_commit": self._pushed(repo, new) if new else None,
            "pusher": {"name": sender.login, "email": sender.email},
        }

    def _pushed(self, repo: Repository, sha: str) -> JSON:
        parents = repo.bare.describe(sha)["parents"]
        changes = repo.bare.changes(parents[0], sha) if parents else []
        named = {"A": "added", "D": "removed", "M": "modified"}
        lists = {word: [one["path"] for one in changes if named.get(one["letter"]) == word] for word in named.values()}
        page = f"{self.shapes.repo_page(repo)}/commit/{sha}"
        shape = self.shapes.short_commit(repo, sha)
        logins = {account.email: account.login for account in self.accounts.values()}
        for who in (shape["author"], shape["committer"]):
            if login := logins.get(who["email"]):
                who["username"] = login
        return {**shape, "distinct": True, "url": page, **lists}

    def _follow_head(self, repo: Repository, branch: str, new: str | None, sender: Account) -> None:
        for pull in [pull for one in self.repositories.values() for pull in one.pulls]:
            if pull.state != "open" or pull.head_repo is not repo or pull.head_ref != branch:
                continue
            if new is None:
                self.close_pull(pull, sender)
                continue
            old, pull.head_sha = pull.head_sha, new
            self.keep_head(pull)
            outdate(repo_of(pull), pull)
            self.tell_pull("synchronize", pull, sender, before=old, after=new)

    def _follow_base(self, repo: Repository, branch: str, new: str, sender: Account) -> None:
        for pull in repo.pulls:
            if pull.state == "open" and pull.base_ref == branch:
                pull.base_sha = new
                if repo.bare.is_ancestor(pull.head_sha, new):
                    self.close_pull(pull, sender, new)

    def keep_head(self, pull: Pull) -> None:
        """Let `refs/pull/N/head` of the base repository follow the head, also when that is in a fork."""
        repo = repo_of(pull)
        ref = f"refs/pull/{pull.number}/head"
        if pull.head_repo is not None and pull.head_repo is not repo:
            repo.bare.take(pull.head_repo.bare, f"refs/heads/{pull.head_ref}", ref)
        else:
            repo.bare.point(ref, pull.head_sha)


def repo_of(found: Issue) -> Repository:
    assert found.repo is not None
    return found.repo


def outdate(repo: Repository, pull: Pull) -> None:
    """Comments on lines that are no longer what they were stand on no line."""
    for comment in repo.review_comments:
        if comment.number != pull.number or comment.line is None:
            continue
        then, now = (repo.bare.read(sha, comment.path) for sha in (comment.original_commit, pull.head_sha))
        old = (then or b"").splitlines()[: comment.original_line]
        new = (now or b"").splitlines()
        same = len(new) >= comment.line and old and new[comment.line - 1] == old[-1]
        comment.line = comment.line if same else None
        comment.start_line = comment.start_line if same else None
        comment.commit = pull.head_sha if same else comment.commit
