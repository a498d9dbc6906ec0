"""A changed file as suggestions: each stretch of lines that differs, to be put in place by one click.

The rule: pure. A stretch begins and ends at lines that are there now, so lines that are only added take the line before
them along.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from bot.gh.shapes import Suggestion
from bot.words.comments import OPENING, marked, marker
from scheduler.draw.escape import fenced

MOST = 20


def suggestions(path: str, before: str, after: str, key: str, why: str) -> list[Suggestion]:
    """Return the suggestions that make `after` of `before`; none when there are too many, or there is no file yet."""
    if not before or OPENING in after:
        return []
    found = list(stretches(before, after))
    return [_suggestion(path, one, f"{key}/{path}/{one[0]}", why) for one in found] if len(found) <= MOST else []


def stretches(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """Yield the lines (from, to, counted from 1) that differ, and what is to stand there."""
    old, new = before.splitlines(), after.splitlines()
    for tag, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if first < last:
            yield first + 1, last, "\n".join(new[start:end])
        elif first:
            yield first, first, "\n".join([old[first - 1], *new[start:end]])
        else:
            yield 1, 1, "\n".join([*new[start:end], old[0]])


def _suggestion(path: str, stretch: tuple[int, int, str], key: str, why: str) -> Suggestion:
    first, last, text = stretch
    mark = marker("suggested", key)
    body = f"{why}\n\n{fenced(text, 'suggestion') if text else _gone()}"
    return Suggestion(path, first if first < last else None, last, marked(mark, body), mark)


def _gone() -> str:
    """Suggest that the lines go: an empty block, without the empty line that would stay."""
    return "```suggestion\n```"
