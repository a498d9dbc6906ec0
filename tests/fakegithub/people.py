"""What people do on GitHub, in the words of a story: `ada.pushes(...)`, `ada.comments(pull, "/meshbot help")`.

The rule: a person acts on GitHub alone; what Meshbot hears of it comes by webhooks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fakegithub import deeds
from fakegithub.github import GitHub, repo_of
from fakegithub.world import Account, Check, Comment, Installation, Issue, Pull, Repository, Review, ReviewComment

Files = Mapping[str, str | bytes | None]


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    github: GitHub
    account: Account

    @property
    def login(self) -> str:
        return self.account.login

    @cached_property
    def token(self) -> str:
        """A password for git."""
        text = f"ghp_{secrets.token_hex(18)}"
        self.github.people[text] = self.account
        return text

    def may(self, repo: Repository, role: str) -> Person:
        """Get a role in a repository: read, triage, write, maintain or admin."""
        repo.roles[self.login] = role
        return self

    def pushes(
        self, repo: Repository, branch: str, files: Files, message: str = "Change", *, onto: str | None = None
    ) -> str:
        """Push a commit to a branch; a new branch starts at the default one, or at `onto` (which may also force)."""
        with self.github.lock:
            parent = onto or (None if branch in repo.bare.heads() else repo.bare.resolve(repo.default_branch))
            sha = repo.bare.commit(branch, files, message, (self.login, self.account.email), parent)
            self.github.notice(repo, self.account)
            return sha

    def points(self, repo: Repository, branch: str, sha: str | None) -> None:
        """Force a branch to a commit, or delete it."""
        with self.github.lock:
            repo.bare.point(f"refs/heads/{branch}", sha)
            self.github.notice(repo, self.account)

    def opens_pull(
        self,
        repo: Repository,
        branch: str,
        title: str = "A change",
        *,
        source: Repository | None = None,
        **more: Any,  # noqa: ANN401 - JSON
    ) -> Pull:
        """Open a pull request from a branch of the repository, or of a fork."""
        with self.github.lock:
            asked = {"title": title, "base": repo.default_branch, "body": None, **more}
            return deeds.open_pull(self.github, repo, self.account, (source or repo, branch), asked)

    def opens_issue(self, repo: Repository, title: str = "A question") -> Issue:
        with self.github.lock:
            now = self.github.now()
            made = Issue(repo.next_number(), title, None, self.account, now, now, repo=repo)
            repo.issues[made.number] = made
            return made

    def edits_pull(self, pull: Pull, **changes: Any) -> None:  # noqa: ANN401 - JSON
        with self.github.lock:
            deeds.edit_pull(self.github, pull, self.account, changes)

    def closes(self, pull: Pull) -> None:
        self.edits_pull(pull, state="closed")

    def reopens(self, pull: Pull) -> None:
        self.edits_pull(pull, state="open")

    def makes_draft(self, pull: Pull, *, draft: bool = True) -> None:
        with self.github.lock:
            pull.draft = draft
            self.github.tell_pull("converted_to_draft" if draft else "ready_for_review", pull, self.account)

    def merges(self, pull: Pull, **how: Any) -> str:  # noqa: ANN401 - JSON
        with self.github.lock:
            return deeds.merge(self.github, pull, self.account, how)

    def comments(self, on: Issue, body: str) -> Comment:
        with self.github.lock:
            return deeds.comment(self.github, repo_of(on), on.number, self.account, body)

    def edits(self, on: Issue, found: Comment, body: str) -> None:
        """Edit a comment of whatever kind; also one of somebody else's."""
        with self.github.lock:
            edit = deeds.edit_review_comment if isinstance(found, ReviewComment) else deeds.edit_comment
            edit(self.github, repo_of(on), found, self.account, body)  # type: ignore[operator]

    def deletes(self, on: Issue, found: Comment) -> None:
        with self.github.lock:
            delete = deeds.delete_review_comment if isinstance(found, ReviewComment) else deeds.delete_comment
            delete(self.github, repo_of(on), found, self.account)  # type: ignore[operator]

    def reviews(self, pull: Pull, state: str = "APPROVED", body: str = "") -> Review:
        """Review: APPROVED, CHANGES_REQUESTED or COMMENTED."""
        with self.github.lock:
            return deeds.review(self.github, pull, self.account, state, body)

    def dismisses(self, pull: Pull, review: Review) -> None:
        with self.github.lock:
            review.state = "DISMISSED"
            deeds.tell_review(self.github, pull, review, self.account, "dismissed")

    def comments_on_line(
        self, pull: Pull, path: str, line: int, body: str, start_line: int | None = None
    ) -> ReviewComment:
        """Comment on lines of a file, as the diff of a pull request shows them."""
        asked = {"path": path, "line": line, "body": body, "side": "RIGHT"}
        if start_line is not None:
            asked["start_line"] = start_line
        with self.github.lock:
            return deeds.review_comment(self.github, pull, self.account, asked)

    def replies(self, pull: Pull, to: ReviewComment, body: str) -> ReviewComment:
        with self.github.lock:
            return deeds.reply(self.github, pull, self.account, to, body)

    def presses(self, repo: Repository, check: Check, button: str) -> None:
        """Press a button of a check, by its identifier."""
        assert button in {one["identifier"] for one in check.actions}, f"{button} is none of {check.actions}"
        with self.github.lock:
            shape = self.github.shapes.check(repo, check, hook=True)
            asked = {"identifier": button}
            self.github.tell(
                "check_run", repo, self.account, action="requested_action", check_run=shape, requested_action=asked
            )

    def asks_again(self, repo: Repository, check: Check) -> None:
        """Press "Re-run" on a check."""
        with self.github.lock:
            shape = self.github.shapes.check(repo, check, hook=True)
            self.github.tell("check_run", repo, self.account, action="rerequested", check_run=shape)

    def renames(self, repo: Repository, name: str) -> None:
        with self.github.lock:
            old = repo.name
            self.github.moved[repo.full_name.lower()] = repo.id
            repo.name = name
            changes = {"repository": {"name": {"from": old}}}
            self.github.tell("repository", repo, self.account, action="renamed", changes=changes)

    def transfers(self, repo: Repository, owner: str) -> None:
        with self.github.lock:
            was, repo_was = repo.owner, repo.full_name
            repo.owner = self.github.account(owner, "Organization")
            self.github.moved[repo_was.lower()] = repo.id
            changes = {"owner": {"from": {"organization": self.github.organization(was)}}}
            self.github.tell("repository", repo, self.account, action="transferred", changes=changes)

    def archives(self, repo: Repository, *, archived: bool = True) -> None:
        with self.github.lock:
            repo.archived = archived
            self.github.tell("repository", repo, self.account, action="archived" if archived else "unarchived")

    def deletes_repository(self, repo: Repository) -> None:
        with self.github.lock:
            self.github.tell("repository", repo, self.account, action="deleted")
            repo.deleted = True
            for pull in [pull for one in self.github.repositories.values() for pull in one.pulls]:
                if pull.head_repo is repo:
                    pull.head_repo = None

    def changes_default_branch(self, repo: Repository, branch: str) -> None:
        with self.github.lock:
            old, repo.default_branch = repo.default_branch, branch
            repo.bare.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
            self.github.tell(
                "repository", repo, self.account, action="edited", changes={"default_branch": {"from": old}}
            )

    def suspends(self, found: Installation, *, suspended: bool = True) -> None:
        with self.github.lock:
            found.suspended_at = self.github.now() if suspended else None
            found.suspended_by = self.account if suspended else None
            self.github.tell_installation(
                "installation", found, self.account, action="suspend" if suspended else "unsuspend", repositories=[]
            )

    def uninstalls(self, found: Installation) -> None:
        with self.github.lock:
            found.removed = True
            listed = [self.github.shapes.short_repository(self.github.repositories[one]) for one in found.repositories]
            self.github.tell_installation("installation", found, self.account, action="deleted", repositories=listed)

    def grants(self, found: Installation, **permissions: str) -> None:
        """Accept new permissions of the App."""
        with self.github.lock:
            found.permissions |= permissions
            self.github.tell_installation(
                "installation", found, self.account, action="new_permissions_accepted", repositories=[]
            )

    def adds(self, found: Installation, *repos: Repository) -> None:
        """Let the installation see more repositories."""
        with self.github.lock:
            found.repositories |= {repo.id for repo in repos}
            self._chosen(found, "added", repos)

    def takes_away(self, found: Installation, *repos: Repository) -> None:
        with self.github.lock:
            found.repositories -= {repo.id for repo in repos}
            self._chosen(found, "removed", repos)

    def sets_status(self, repo: Repository, sha: str, context: str, state: str) -> None:
        """As a continuous integration does: report a check that is not ours."""
        with self.github.lock:
            deeds.foreign_check(self.github, repo, sha, context, state)

    def _chosen(self, found: Installation, action: str, repos: tuple[Repository, ...]) -> None:
        listed = [self.github.shapes.short_repository(repo) for repo in repos]
        lists = {"repositories_added": [], "repositories_removed": [], f"repositories_{action}": listed}
        more = {"repository_selection": "selected", "requester": None}
        self.github.tell_installation("installation_repositories", found, self.account, action=action, **lists, **more)


def person(github: GitHub, login: str) -> Person:
    return Person(github, github.account(login))
