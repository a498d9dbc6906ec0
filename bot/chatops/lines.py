"""The commands in a comment: what stands behind `/meshbot` at the start of a line.

The rule: what GitHub shows as a quote, as code or not at all is never a command. So the comment is read as the Markdown
that it is; the only door to markdown-it. What looks like `/meshbot` in other letters is text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

MOST = 10
"""So many commands of a comment are carried out."""
LONGEST_BODY = 65_536
"""GitHub takes no longer comment."""
ADDRESSED = re.compile(r"^ {0,3}(?ai:/meshbot)(?!\S)(.*)$")
ANYWHERE = re.compile(r"^ {0,3}(?ai:/meshbot)(?!\S)", re.MULTILINE)
UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
HIDING = re.compile(
    r"<(/?)(details|blockquote|pre|code|samp|kbd|script|style|textarea|template)(?=[\s/>])", re.IGNORECASE
)
"""What stands between these is folded away, quoted or code."""
SENTINEL = "\ue000"


@dataclass(frozen=True)
class Found:
    """A command in a comment: its text without `/meshbot`, and its line, counted from 0."""

    line: int
    text: str


def commands(body: str) -> tuple[Found, ...]:
    """Return the commands of a comment in their order, at most one more than are carried out."""
    text = body[:LONGEST_BODY].replace("\r\n", "\n").replace("\r", "\n")
    if not ANYWHERE.search(text):
        return ()
    blocks = MarkdownIt("commonmark")
    blocks.core.ruler.disable("inline")
    reading = _Reading(text.split("\n"))
    for token in blocks.parse(text):
        reading.take(token)
    return tuple(reading.found[: MOST + 1])


@dataclass
class _Reading:
    """One walk through the blocks of a comment; `quotes` and `hidden` say how deep it is in what is no speech."""

    lines: Sequence[str]
    found: list[Found] = field(default_factory=list)
    quotes: int = 0
    hidden: int = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "blockquote_open":
                self.quotes += 1
            case "blockquote_close":
                self.quotes -= 1
            case "html_block":
                self._hide(token.content)
            case "inline" if token.map is not None:
                self._read(token, token.map[0])

    def _hide(self, html: str) -> None:
        for close, _tag in HIDING.findall(UNSEEN.sub("", html)):
            self.hidden = max(0, self.hidden + (-1 if close else 1))

    def _read(self, token: Token, first: int) -> None:
        """Read a paragraph or heading: which of its lines begin with a command, and are shown as they stand."""
        written = token.content.split("\n")
        asked = {
            number: match[1].strip()
            for number in range(len(written))
            if (match := ADDRESSED.match(self.lines[first + number])) and written[number].lstrip().startswith("/")
        }
        for number, hidden in self._shown(written, asked).items():
            if not self.quotes and not hidden:
                self.found.append(Found(first + number, asked[number]))

    def _shown(self, written: list[str], asked: dict[int, str]) -> dict[int, int]:
        """Return the lines that begin in plain text, with how deep in hiding tags each is.

        A span of code or a tag may go over lines; so a sign is put before each line, and where it is found again tells.
        """
        marked = [
            f"{SENTINEL}{line}" if number in asked else line
            for number, line in enumerate(line.replace(SENTINEL, " ") for line in written)
        ]
        order, shown = iter(asked), {}
        for child in _inline("\n".join(marked)):
            if child.type == "html_inline":
                self._hide(child.content)
            for sign in (child.content or "").count(SENTINEL) * (None,):
                number = next(order, sign)
                if number is not None and child.type == "text":
                    shown[number] = self.hidden
        return shown


def _inline(text: str) -> list[Token]:
    spans = MarkdownIt("zero", {"html": True}).enable(["backticks", "html_inline", "newline", "escape"])
    return spans.parseInline(text)[0].children or []
