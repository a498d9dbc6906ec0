"""What Meshbot says on a pull request: comments, replies, suggestions, reactions.

The rule: before something is said it is looked for, by its hidden marker in a comment of ours; a marker in somebody
else's comment is only text. So each is there once, also when GitHub did it and answered 502.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, assert_never

from bot.gh import limits, reading
from bot.gh.asking import PULLS, READ_PULLS, Asking
from bot.gh.faults import Gone, Rejected
from bot.gh.reading import field, maybe
from bot.gh.shapes import PostedComment, Reaction, ReviewComment, Suggestion, Talk


class Said(Protocol):
    """Anything that somebody wrote."""

    @property
    def author(self) -> str:
        """Who wrote it."""
        ...

    @property
    def body(self) -> str:
        """What stands in it."""
        ...


Words = TypeVar("Words", bound=Said)
WORDS = "These lines can be mended with a click."
"""What stands above suggestions; GitHub wants a review to say something."""


class Conversation(Asking):
    """The conversations on a repository's pull requests."""

    def comments(self, number: int) -> list[PostedComment]:
        """Read the conversation of a pull request, the oldest first."""
        return list(self._comments(number))

    def put_comment(self, number: int, marker: str, body: str) -> PostedComment:
        """See to it that our one comment with this marker says `body`, which holds the marker."""
        found = ours(self._comments(number, PULLS), self._login(), marker)
        if found is None:
            return self._say(number, body)
        return found if _same(found.body, body) else self.edit_comment(found.id, body)

    def edit_comment(self, comment: int, body: str) -> PostedComment:
        """Let a comment of ours in a conversation say something else."""
        doing, path = f"editing comment {comment}", f"/issues/comments/{comment}"
        return reading.comment(self._ask(doing, PULLS, "PATCH", path, body=limits.comment(body)).data)

    def put_reply(self, number: int, kind: Talk, to: int, marker: str, body: str) -> PostedComment:
        """See to it that our one reply with this marker says `body`.

        It stands in the thread of a review comment, and else in the conversation. Raises `Gone` when the review comment
        was deleted.
        """
        if kind != "review_comment":
            return self.put_comment(number, marker, body)
        there = self._review_comments(number, PULLS)
        found = ours(there, self._login(), marker)
        if found is None:
            first = next((one.reply_to or one.id for one in there if one.id == to), to)
            doing, path = f"replying to review comment {to}", f"/pulls/{number}/comments/{first}/replies"
            return reading.comment(self._ask(doing, PULLS, "POST", path, body=limits.comment(body)).data)
        if _same(found.body, body):
            return PostedComment(found.id, found.author, found.body, found.url, found.created_at)
        return self.edit_reply(kind, found.id, body)

    def edit_reply(self, kind: Talk, comment: int, body: str) -> PostedComment:
        """Let a reply of ours say something else; `kind` is that of what it answers."""
        if kind != "review_comment":
            return self.edit_comment(comment, body)
        doing, path = f"editing review comment {comment}", f"/pulls/comments/{comment}"
        return reading.comment(self._ask(doing, PULLS, "PATCH", path, body=limits.comment(body)).data)

    def review_comments(self, number: int) -> list[ReviewComment]:
        """Read every comment on lines of a pull request, the oldest first."""
        return self._review_comments(number, READ_PULLS)

    def put_suggestions(self, number: int, commit: str, suggestions: Sequence[Suggestion]) -> int:
        """Post as one review the suggestions whose marker we have not posted yet; returns how many were posted.

        GitHub refuses a whole review when one of its lines is not in the diff. Then each is posted alone, and what is
        refused is left out.
        """
        there, login = self._review_comments(number, PULLS), self._login()
        new = [one for one in suggestions if ours(there, login, one.marker) is None]
        if not new:
            return 0
        try:
            self._review(number, commit, new)
        except Rejected:
            return sum(self._suggested(number, commit, one) for one in new) if len(new) > 1 else 0
        return len(new)

    def react(self, kind: Talk, comment: int, content: Reaction) -> None:
        """React to a comment. Nothing happens for a review, and for a comment that is gone."""
        if (path := _reactions(kind, comment)) is not None:
            try:
                self._ask(f"reacting to comment {comment}", PULLS, "POST", path, content=content)
            except Gone:
                self._here()

    def unreact(self, kind: Talk, comment: int, content: Reaction) -> None:
        """Take our reaction back, if it is there."""
        if (path := _reactions(kind, comment)) is None:
            return
        doing = f"taking back a reaction to comment {comment}"
        try:
            for one in list(self._pages(doing, READ_PULLS, path, content=content)):
                if reading.author(one) == self._login() and maybe(one, "content", str) == content:
                    self._ask(doing, PULLS, "DELETE", f"{path}/{field(one, 'id', int)}")
        except Gone:
            self._here()

    def _comments(self, number: int, needs: str = READ_PULLS) -> Iterator[PostedComment]:
        """Read for a purpose that takes a permission: who may not even read is told all that it takes."""
        doing = f"listing the comments of pull request {number}"
        return map(reading.comment, self._pages(doing, needs, f"/issues/{number}/comments"))

    def _review_comments(self, number: int, needs: str) -> list[ReviewComment]:
        doing = f"listing the review comments of pull request {number}"
        return [reading.review_comment(data) for data in self._pages(doing, needs, f"/pulls/{number}/comments")]

    def _say(self, number: int, body: str) -> PostedComment:
        doing, path = f"commenting on pull request {number}", f"/issues/{number}/comments"
        return reading.comment(self._ask(doing, PULLS, "POST", path, body=limits.comment(body)).data)

    def _suggested(self, number: int, commit: str, suggestion: Suggestion) -> bool:
        try:
            self._review(number, commit, [suggestion])
        except Rejected:
            return False
        return True

    def _review(self, number: int, commit: str, suggestions: Sequence[Suggestion]) -> None:
        lines = [_on_lines(one) for one in suggestions]
        doing, path = f"suggesting changes on pull request {number}", f"/pulls/{number}/reviews"
        self._ask(doing, PULLS, "POST", path, commit_id=commit, event="COMMENT", body=WORDS, comments=lines)


def ours(there: Iterable[Words], login: str, marker: str) -> Words | None:
    """Return the first of our own comments that holds the marker."""
    return next((one for one in there if one.author == login and marker in one.body), None)


def _same(posted: str, body: str) -> bool:
    """Whether an edit would change nothing: GitHub keeps other line ends, and no space at the end."""
    return posted.replace("\r\n", "\n").rstrip() == limits.comment(body).replace("\r\n", "\n").rstrip()


def _on_lines(suggestion: Suggestion) -> Mapping[str, Any]:
    made: dict[str, Any] = {
        "path": suggestion.path,
        "line": suggestion.line,
        "side": "RIGHT",
        "body": limits.comment(suggestion.body),
    }
    if suggestion.start_line is not None and suggestion.start_line < suggestion.line:
        made |= {"start_line": suggestion.start_line, "start_side": "RIGHT"}
    return made


def _reactions(kind: Talk, comment: int) -> str | None:
    match kind:
        case "issue":
            return f"/issues/comments/{comment}/reactions"
        case "review_comment":
            return f"/pulls/comments/{comment}/reactions"
        case "review":
            return None
        case _:
            assert_never(kind)
