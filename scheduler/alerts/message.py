"""An alert's text as a value, and its plain form for the console.

Nothing in a message is marked up: it is words, quotes and commands. The renderers (here, and `blockkit`) decide how
those look, and make inert what came from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

QUOTED_LINES = 3
QUOTED_WIDTH = 300
LISTED = 12


@dataclass(frozen=True)
class Words:
    """One or more sentences of ours."""

    text: str


@dataclass(frozen=True)
class Quote:
    """What somebody else said: the first lines of an error, under a heading."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command to copy, and what it is for."""

    purpose: str
    line: str


Part = Words | Quote | Command


@dataclass(frozen=True)
class Message:
    """A title (one line, after a mark that is one symbol), facts (name and value), and parts in reading order."""

    mark: str
    title: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


def plain(message: Message) -> str:
    """Write a message for a terminal or a log, with a newline at its end."""
    facts = " · ".join(f"{name.lower()} {value}" for name, value in message.facts)
    blocks = [f"{message.mark} {message.title}\n  {facts}"]
    blocks += [_plain_part(part) for part in message.parts if not isinstance(part, Command)]
    commands = [part for part in message.parts if isinstance(part, Command)]
    width = max((len(c.purpose) for c in commands), default=0)
    blocks += ["\n".join(f"  {c.purpose + ':':<{width + 1}}  {c.line}" for c in commands)] if commands else []
    return "\n".join(blocks) + "\n"


def _plain_part(part: Part) -> str:
    match part:
        case Words(text):
            return f"  {text}"
        case Quote(heading, lines):
            return "\n".join([f"  {heading}", *(f"    | {line}" for line in lines)])
        case Command(purpose, line):
            return f"  {purpose}: {line}"
        case _:
            assert_never(part)


def first_lines(text: str | None) -> tuple[str, ...]:
    """Cut an error to its first lines that say something, without control characters."""
    lines = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in (text or "").splitlines()]
    said = [line for line in lines if line.strip()]
    cut = [line if len(line) <= QUOTED_WIDTH else line[: QUOTED_WIDTH - 1] + "…" for line in said[:QUOTED_LINES]]
    return (*cut, "…") if len(said) > QUOTED_LINES else tuple(cut)


def listing(names: Sequence[str], limit: int = LISTED) -> str:
    """Write names as a list, the first ones by name and the others as a number."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def count(number: int, noun: str) -> str:
    """Write a number with its noun: "1 run", "2 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def moment(at: datetime) -> str:
    """Write an instant, to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(length: timedelta) -> str:
    """Write a duration by its two largest units: "2 d 3 h", "1 h 15 min", "45 s"."""
    seconds = max(int(length.total_seconds()), 0)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
