"""What a repository's pull requests and branches are now.

The rule: only reads, each list to its end. That something is not there is only believed when the repository itself is.
"""

from __future__ import annotations

from bot.gh import reading
from bot.gh.asking import READ_CONTENTS, READ_PULLS, Asking, branch_path, quoted
from bot.gh.faults import Gone, Moved, Rejected
from bot.gh.reading import field, maybe
from bot.gh.shapes import Pull, Review


class Pulls(Asking):
    """The pull requests and branches of a repository."""

    def pull(self, number: int) -> Pull | None:
        """Read a pull request; None when there is none of that number."""
        try:
            data = self._ask(f"reading pull request {number}", READ_PULLS, "GET", f"/pulls/{number}").data
        except Gone:
            self._here()
            return None
        return reading.pull(data)

    def open_pulls(self) -> list[Pull]:
        """Read all open pull requests."""
        found = self._pages("listing the open pull requests", READ_PULLS, "/pulls", state="open")
        return [reading.pull(data) for data in found]

    def pulls_of_commit(self, sha: str) -> list[Pull]:
        """Read the pull requests that brought a commit, merged or open; none for a commit that is not here."""
        doing = f"listing the pull requests of commit {sha[:10]}"
        try:
            return [reading.pull(data) for data in self._pages(doing, READ_PULLS, f"/commits/{quoted(sha)}/pulls")]
        except (Gone, Rejected):
            self._here()
            return []

    def branch_head(self, name: str) -> str | None:
        """Read the commit of a branch; None when there is no such branch, or no commit at all."""
        try:
            data = self._ask(f"reading branch {name}", READ_CONTENTS, "GET", f"/git/ref/heads/{branch_path(name)}").data
        except (Gone, Moved):
            self._here()
            return None
        is_it = maybe(data, "ref", str) == f"refs/heads/{name}"
        return field(field(data, "object", dict), "sha", str) if is_it else None

    def files(self, number: int) -> list[str]:
        """Read which paths a pull request changes: GitHub names 3,000. A renamed file comes with its old path, too."""
        paths: list[str] = []
        for data in self._pages(f"listing the files of pull request {number}", READ_PULLS, f"/pulls/{number}/files"):
            paths.append(field(data, "filename", str))
            if (old := maybe(data, "previous_filename", str)) is not None:
                paths.append(old)
        return paths

    def reviews(self, number: int) -> list[Review]:
        """Read every review of a pull request, the oldest first."""
        doing = f"listing the reviews of pull request {number}"
        return [reading.review(data) for data in self._pages(doing, READ_PULLS, f"/pulls/{number}/reviews")]
