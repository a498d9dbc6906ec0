"""Text from outside, made harmless for the place where it is put."""

from __future__ import annotations

import html
import re

# A name is shown, not quoted in full.
LONGEST = 80
# What means something to GitHub's Markdown, also `@somebody`, `#1` and links.
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$])")


def short(text: str, longest: int = LONGEST) -> str:
    """Return one line of at most so many characters."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def prose(text: str, longest: int = 600) -> str:
    """Return text for Markdown: nothing in it is markup, mentions nobody and links nowhere."""
    return _plain(short(text, longest).lstrip())  # four spaces before it would be code


def code(text: str, longest: int = LONGEST) -> str:
    """Return text as Markdown code, also within a table."""
    line = short(text, longest)
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    padded = f" {line} " if "`" in line or not line.strip() else line
    return f"{fence}{padded}{fence}".replace("|", "\\|")


def spoken(text: str, longest: int = 600) -> str:
    """Return a sentence of ours for Markdown: as `prose`, and what stands between two backticks is code."""
    parts = short(text, longest).lstrip().split("`")
    if len(parts) % 2 == 0:  # one backtick is left over, and is only a sign
        last = parts.pop()
        parts[-1] += f"`{last}"
    return "".join(code(part, longest) if at % 2 else _plain(part) for at, part in enumerate(parts))


def _plain(line: str) -> str:
    escaped = MARKDOWN.sub(r"\\\1", line)
    # A word joiner keeps @name from mentioning and www. and :// from linking; nobody sees it.
    return escaped.replace("@", "@\u2060").replace("://", ":\u2060//").replace("www.", "www\u2060.")


def label(text: str, longest: int = 40) -> str:
    """Return text for a quoted Mermaid label: letters and harmless signs, all else as character codes."""
    return re.sub(r"[^\w .,:/*+()-]", lambda sign: f"#{ord(sign[0])};", short(text, longest))


def xml(text: str, longest: int = LONGEST) -> str:
    """Return text for SVG."""
    return html.escape(short(text, longest))


def fenced(text: str, language: str) -> str:
    """Return a code block whose fence is longer than any in the text."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
