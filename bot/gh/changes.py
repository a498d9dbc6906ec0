"""What Meshbot changes in a repository: commits, branches, pull requests, merges.

The rule: never by force, and never on top of another head than the one that was looked at. A commit carries the request
that asked for it as a trailer, so the same request makes it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from bot.gh import limits, reading
from bot.gh.asking import CONTENTS, PULLS, READ_CONTENTS, READ_PULLS, branch_path
from bot.gh.faults import Gone, MissingPermission, Moved, Rejected
from bot.gh.pulls import Pulls
from bot.gh.reading import field, maybe
from scheduler.errors import Retryable

# How far back the commit of a request is looked for.
LOOKED_AT = 100
METHODS = ("merge", "squash", "rebase")
A_FILE = "100644"


class Changes(Pulls):
    """The commits, branches and pull requests that Meshbot makes."""

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
        """Commit files on top of `expected_head`; returns the commit's sha. `repository_id` is that of a fork.

        When one of the branch's last commits carries the trailer already (`Meshbot-Request: 12`), that is the answer,
        and when the files are like that already, `expected_head` is.
        Raises `Moved` when the branch has another head, and `MissingPermission` when a fork cannot be pushed to.
        """
        there = self if repository_id in {None, self.id} else self._fork(branch, repository_id or 0)
        return there._committed(branch, expected_head, files, with_trailer(message, trailer), trailer)  # noqa: SLF001

    def committed(self, branch: str, trailer: str, *, repository_id: int | None = None) -> str | None:
        """Return the commit of ours among the last ones of a branch that carries the trailer; None when none does."""
        try:
            there = self if repository_id in {None, self.id} else self._fork(branch, repository_id or 0)
            return there._made(branch, trailer)  # noqa: SLF001
        except (Gone, MissingPermission):
            return None

    def create_branch(self, name: str, sha: str) -> str:
        """See to it that a branch of this name is there; returns its head: another one, if it was there before."""
        if (head := self.branch_head(name)) is not None:
            return head
        branch_path(name)
        try:
            self._ask(f"making branch {name}", CONTENTS, "POST", "/git/refs", ref=f"refs/heads/{name}", sha=sha)
        except Rejected:
            if (head := self.branch_head(name)) is None:
                raise
            return head
        return sha

    def put_pull(self, head: str, base: str, title: str, body: str, marker: str) -> int:
        """See to it that our pull request of this branch is there; returns its number, also when it was closed."""
        owner = self.info().full_name.partition("/")[0]
        doing, asked = f"looking for our pull request of {head}", {"head": f"{owner}:{head}", "base": base}
        for data in self._pages(doing, READ_PULLS, "/pulls", state="all", **asked):
            one = reading.pull(data)
            if one.head_ref == head and one.author == self._login() and marker in one.body:
                if one.state == "open" and one.body.replace("\r\n", "\n").rstrip() != body.rstrip():
                    doing = f"editing pull request {one.number}"
                    self._ask(doing, PULLS, "PATCH", f"/pulls/{one.number}", body=limits.comment(body))
                return one.number
        given = {"title": limits.title(title), "head": head, "base": base, "body": limits.comment(body)}
        return field(
            self._ask(f"opening a pull request of {head}", PULLS, "POST", "/pulls", **given).data, "number", int
        )

    def merge_pull(self, number: int, sha: str, title: str) -> str:
        """Merge a pull request whose head is `sha`; returns the merge commit, also when it was merged before.

        It is merged in the first way that the repository allows: a merge commit, squashed, rebased. Raises `Moved` when
        the head is another one, `Rejected` with GitHub's reason when it may not be merged.
        """
        pull = self.pull(number)
        if pull is None:
            raise Gone(f"merging pull request {number}: there is none of that number")
        if pull.merged:
            return pull.merge_sha or sha
        if pull.head_sha != sha:
            raise Moved(f"merging pull request {number}: its head is {pull.head_sha[:10]} by now, not {sha[:10]}")
        for method in METHODS:
            try:
                return self._merged(number, sha, title, method)
            except Rejected as error:
                if method == METHODS[-1] or "not allowed" not in str(error):
                    raise
        raise AssertionError("the last method either merges or raises")

    def _merged(self, number: int, sha: str, title: str, method: str) -> str:
        given = {"sha": sha, "merge_method": method} | ({} if method == "rebase" else {"commit_title": title})
        data = self._ask(f"merging pull request {number}", CONTENTS, "PUT", f"/pulls/{number}/merge", **given).data
        if maybe(data, "merged", bool) is not True:
            raise Retryable(f"merging pull request {number}: GitHub does not say that it is merged")
        return field(data, "sha", str)

    def _fork(self, branch: str, repository_id: int) -> Changes:
        """Open the fork through its own installation: a token of ours is good for no other repository."""
        try:
            installation = self._tokens.installation_of(repository_id)
        except Gone as error:
            words = f"committing to {branch} of the fork: the App is not installed there; suggest the change instead"
            raise MissingPermission(words, CONTENTS) from error
        return Changes(self._wire, self._tokens, (installation, repository_id), self._login)

    def _committed(self, branch: str, expected_head: str, files: Mapping[str, str], message: str, trailer: str) -> str:
        if (made := self._made(branch, trailer)) is not None:
            return made
        if (head := self.branch_head(branch)) != expected_head:
            raise Moved(f"committing to {branch}: its head is {(head or 'gone')[:10]} by now, not {expected_head[:10]}")
        if (sha := self._commit(expected_head, files, message)) is None:
            return expected_head
        doing, path = f"moving {branch} to {sha[:10]}", f"/git/refs/heads/{branch_path(branch)}"
        self._ask(doing, CONTENTS, "PATCH", path, sha=sha, force=False)
        return sha

    def _made(self, branch: str, trailer: str) -> str | None:
        """Return the commit of this request among the last ones of the branch."""
        doing = f"looking for a commit of ours in {branch}"
        for one in islice(self._pages(doing, READ_CONTENTS, "/commits", sha=branch), LOOKED_AT):
            text = field(field(one, "commit", dict), "message", str)
            if maybe(maybe(one, "author", dict), "login", str) == self._login() and trailer in text.splitlines():
                return field(one, "sha", str)
        return None

    def _commit(self, parent: str, files: Mapping[str, str], message: str) -> str | None:
        """Make a commit; none when the files are like that already."""
        doing = f"committing on top of {parent[:10]}"
        path = f"/git/commits/{quote(parent, safe='')}"
        base = field(field(self._ask(doing, READ_CONTENTS, "GET", path).data, "tree", dict), "sha", str)
        entries = list(_entries(files))
        made = self._ask(doing, CONTENTS, "POST", "/git/trees", base_tree=base, tree=entries).data
        if (tree := field(made, "sha", str)) == base:
            return None
        given = {"message": message, "tree": tree, "parents": [parent]}
        return field(self._ask(doing, CONTENTS, "POST", "/git/commits", **given).data, "sha", str)


def with_trailer(message: str, trailer: str) -> str:
    """Return a commit message that carries the trailer: with other trailers, or in a paragraph of its own."""
    lines = message.rstrip().splitlines()
    if trailer in lines:
        return message
    has_others = len(lines) > 1 and ": " in lines[-1] and lines[-1].partition(":")[0].replace("-", "").isalpha()
    return "\n".join([*lines, *([] if has_others else [""]), trailer])


def _entries(files: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for path, text in sorted(files.items()):
        yield {"path": path, "mode": A_FILE, "type": "blob", "content": text}
