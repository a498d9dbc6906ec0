"""One repository of one installation: everything that Meshbot reads and writes there.

The rule: every write looks first for what it would write, by hidden marker and our own login, by name and external id,
by trailer, or by branch. So whoever was told `Retryable`, also after GitHub did it, simply asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from bot.gh.shapes import (
    Check,
    Permission,
    PostedCheck,
    PostedComment,
    Pull,
    Reaction,
    RepoInfo,
    Review,
    ReviewComment,
    Suggestion,
    Talk,
)


class Repository:
    """A repository as an installation lets us see it. For one delivery: its name is read once."""

    id: int
    installation: int

    def info(self) -> RepoInfo:
        """The repository as it stands now."""
        raise NotImplementedError

    def git_token(self, *, anew: bool = False) -> SecretStr:
        """A token that may only read this repository's content; `anew` when git was told that it is not valid."""
        raise NotImplementedError

    @property
    def clone_url(self) -> str:
        """Where git fetches it from: made from the API's URL and the name, never taken from a payload."""
        raise NotImplementedError

    @property
    def web_url(self) -> str:
        """Where people see it."""
        raise NotImplementedError

    def pull(self, number: int) -> Pull | None:
        """A pull request as it stands now; None when there is none of that number."""
        raise NotImplementedError

    def open_pulls(self) -> list[Pull]:
        """All open pull requests."""
        raise NotImplementedError

    def pulls_of_commit(self, sha: str) -> list[Pull]:
        """The pull requests that brought a commit, merged or open."""
        raise NotImplementedError

    def branch_head(self, name: str) -> str | None:
        """The commit of a branch; None when there is no such branch."""
        raise NotImplementedError

    def permission(self, login: str) -> Permission:
        """What somebody may do here. `none` for everything that is not plainly said."""
        raise NotImplementedError

    def in_team(self, organisation: str, team: str, login: str) -> bool:
        """Whether somebody is an active member of a team (needs `Members: read`)."""
        raise NotImplementedError

    def files(self, number: int) -> list[str]:
        """The paths that a pull request changes, at most 3,000; a renamed file with its old path, too."""
        raise NotImplementedError

    def reviews(self, number: int) -> list[Review]:
        """Every review of a pull request, the oldest first."""
        raise NotImplementedError

    def required_green(self, base: str, sha: str) -> tuple[bool, list[str]]:
        """Whether every check that the base branch requires is green on a commit; the names of those that are not."""
        raise NotImplementedError

    def comments(self, number: int) -> list[PostedComment]:
        """The conversation of a pull request, the oldest first."""
        raise NotImplementedError

    def put_comment(self, number: int, marker: str, body: str) -> PostedComment:
        """See to it that our one comment with this marker says `body`. `body` holds the marker."""
        raise NotImplementedError

    def edit_comment(self, comment: int, body: str) -> PostedComment:
        """Let a comment of ours in a conversation say something else."""
        raise NotImplementedError

    def put_reply(self, number: int, kind: Talk, to: int, marker: str, body: str) -> PostedComment:
        """See to it that our one reply with this marker says `body`: in the thread of a review comment, or in the conversation."""
        raise NotImplementedError

    def edit_reply(self, kind: Talk, comment: int, body: str) -> PostedComment:
        """Let a reply of ours say something else; `kind` is where it answers."""
        raise NotImplementedError

    def review_comments(self, number: int) -> list[ReviewComment]:
        """Every comment on lines of a pull request, the oldest first."""
        raise NotImplementedError

    def put_suggestions(self, number: int, commit: str, suggestions: Sequence[Suggestion]) -> int:
        """Make one review of the suggestions whose marker we have not posted yet; how many were posted."""
        raise NotImplementedError

    def react(self, kind: Talk, comment: int, content: Reaction) -> None:
        """React to a comment. Nothing happens for a review, and for a comment that is gone."""
        raise NotImplementedError

    def unreact(self, kind: Talk, comment: int, content: Reaction) -> None:
        """Take our reaction back, if it is there."""
        raise NotImplementedError

    def checks(self, sha: str) -> list[PostedCheck]:
        """Our check runs on a commit."""
        raise NotImplementedError

    def put_check(self, sha: str, check: Check) -> int:
        """See to it that our check of this `external_id` on the commit is as said; its id."""
        raise NotImplementedError

    def commit_files(
        self,
        branch: str,
        expected_head: str,
        files: Mapping[str, str],
        message: str,
        trailer: str,
        *,
        repository_id: int | None = None,
    ) -> str:
        """Commit files on top of `expected_head`; the commit's sha. `repository_id`: of the fork, when it is its branch.

        The commit of this branch that carries `trailer` already (`Meshbot-Request: 12`) is the answer, if there is one.
        Raises `Moved` when the branch has another head, `MissingPermission` when the fork cannot be pushed to.
        """
        raise NotImplementedError

    def create_branch(self, name: str, sha: str) -> str:
        """See to it that a branch of this name is there; its head, which is another one if it was there before."""
        raise NotImplementedError

    def put_pull(self, head: str, base: str, title: str, body: str, marker: str) -> int:
        """See to it that our pull request of this branch is there; its number, also when somebody has closed it."""
        raise NotImplementedError

    def merge_pull(self, number: int, sha: str, title: str) -> str:
        """Merge a pull request whose head is `sha`; the merge commit, also when it was merged before.

        Raises `Moved` when the head is another one, `Rejected` with GitHub's reason when it may not be merged.
        """
        raise NotImplementedError
