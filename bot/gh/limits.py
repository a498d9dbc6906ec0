"""How long GitHub lets texts be, and how what is longer is cut.

The rule: pure. What is cut says so, at the end of a line, and leaves no code block open.
"""

from __future__ import annotations

import re

from bot.gh.shapes import Annotation, Button

COMMENT = 65_536
SUMMARY = 65_535
ANNOTATIONS = 50
BUTTONS = 3
TITLE = 255
MESSAGE = 60_000
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


def cut_note(limit: str) -> str:
    """Say that a text was cut."""
    return f"\n\n_Cut here: GitHub shows no more than {limit}._\n"


def comment(body: str) -> str:
    """Return a body that GitHub takes as a comment: at most 65,536 characters, and as many UTF-16 units."""
    return _fit(body, COMMENT, "utf-16-le", 2, cut_note("65,536 characters of a comment"))


def summary(text: str) -> str:
    """Return a summary that GitHub takes for a check: at most 65,535 bytes."""
    return _fit(text, SUMMARY, "utf-8", 1, cut_note("65,535 bytes of a summary"))


def button(one: Button) -> dict[str, str]:
    """Return a button as GitHub takes it. Raises `ValueError` for an identifier that would come back as another one."""
    if len(one.identifier) > 20:  # noqa: PLR2004 - GitHub's limit
        raise ValueError(f"the identifier of a button has at most 20 characters: {one.identifier}")
    return {"label": _line(one.label, 20), "description": _line(one.description, 40), "identifier": one.identifier}


def annotation(one: Annotation) -> dict[str, str | int]:
    """Return an annotation as GitHub takes it."""
    made: dict[str, str | int] = {
        "path": one.path,
        "start_line": max(1, one.start_line),
        "end_line": max(1, one.start_line, one.end_line),
        "annotation_level": one.level,
        "message": one.message[:MESSAGE] or "-",
    }
    if one.title:
        made["title"] = _line(one.title, TITLE)
    return made


def title(text: str) -> str:
    """Return the title of a check or a pull request in one line."""
    return _line(text, TITLE) or "meshbot"


def _line(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _fit(text: str, limit: int, encoding: str, unit: int, note: str) -> str:
    encoded = text.encode(encoding, errors="replace")
    if len(encoded) <= limit * unit:
        return text
    room = (limit - len(note) - 200) * unit
    kept = encoded[:room].decode(encoding, errors="ignore")
    kept = kept[: kept.rfind("\n")] if "\n" in kept[-2000:] else kept
    return f"{kept}{_closing(kept)}{note}"


def _closing(text: str) -> str:
    """Return what ends the code block that is open at the end of a text."""
    fence: str | None = None
    for found in FENCE.finditer(text):
        if fence is None:
            fence = found[1]
        elif found[1][0] == fence[0] and len(found[1]) >= len(fence):
            fence = None
    return f"\n{fence[:100]}" if fence else ""
