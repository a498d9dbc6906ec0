"""From one line of text to a request: `pause hourly --until 2h --reason "an upgrade"`.

The rule: text is data. Nothing is expanded, looked up or executed; what is not plainly a command is refused. The quotes
and dashes that phones write are read as what was typed; other signs that only look alike are other signs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.chatops.grammar import Argument, Command, Kind, Request
from bot.chatops.names import guess
from bot.chatops.registry import COMMANDS, find_command
from bot.chatops.values import DURATION, Raw, request
from bot.errors import UsageFault

LONGEST_LINE = 1000
QUOTES: Mapping[int, str] = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb"), '"') | dict.fromkeys(
    map(ord, "\u2018\u2019\u201a\u201b"), "'"
)
DASHES = re.compile(r"[\u2012-\u2015](?=[a-z])")


def parse(line: str, now: datetime, commands: Sequence[Command] = COMMANDS, job: str | None = None) -> Request:
    """Read a command line without its `/meshbot`. Raises `UsageFault` that says what to write instead.

    `job` is the one that the line is about where it names none.
    """
    words = _words(line)
    if not words:
        return Request("help", {"command": None})
    command = find_command(words[0].lower(), commands)
    return request(command, _arguments(command, _about(command, words[1:], job)), now)


def _words(line: str) -> list[str]:
    if len(line) > LONGEST_LINE:
        raise UsageFault(f"reading a command: it is longer than {LONGEST_LINE} characters; write a shorter one")
    rest, words = line.translate(QUOTES).strip(), []
    while rest:
        word, rest = _word(rest)
        words.append(DASHES.sub("--", word, count=1) if DASHES.match(word) else word)
        rest = rest.lstrip()
    return words


def _word(text: str) -> tuple[str, str]:
    """Split the first word off. A quote opens at the start of a word or of its value: the one in `it's` is a letter."""
    start = re.match(r"[^\s\"'=]+=(?=[\"'])", text)
    head = start[0] if start else ""
    rest = text[len(head) :]
    if rest[0] not in "\"'":
        found = re.match(r"\S+", text)
        word = found[0] if found else text
        return word, text[len(word) :]
    end = rest.find(rest[0], 1)
    if end < 0:
        raise UsageFault(f"reading {text[:60]!r}: no closing quotation; close the quote")
    if rest[end + 1 : end + 2].strip():
        raise UsageFault(f"reading {text[:60]!r}: a quote ends within a word; put a space behind it")
    return head + rest[1:end], rest[end + 1 :]


def _about(command: Command, words: list[str], job: str | None) -> list[str]:
    """Add the job that is meant where a command that takes one names none."""
    first = next((one for one in command.arguments if not one.option), None)
    if job is None or first is None or first.kind is not Kind.JOB:
        return words
    is_named = bool(words) and not words[0].startswith("-") and "=" not in words[0] and not DURATION.fullmatch(words[0])
    return words if is_named else [job, *words]


def _arguments(command: Command, words: list[str]) -> dict[str, Raw]:
    raw: dict[str, Raw] = {}
    places = [argument for argument in command.arguments if not argument.option]
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("-") and len(word) > 1:
            argument, value = _option(command, word, waiting)
        elif places:
            argument, value = places[0], word
            if argument.many:
                before = raw.get(argument.name, ())
                raw[argument.name] = (*(before if isinstance(before, tuple) else ()), word)
                continue
            places.pop(0)
        else:
            raise UsageFault(f"reading {command.name}: {word!r} is one too many; write: {command.synopsis}")
        if argument.name in raw:
            raise UsageFault(f"reading {command.name}: {argument.flag} is given twice; keep one")
        raw[argument.name] = value
    return raw


def _option(command: Command, word: str, waiting: list[str]) -> tuple[Argument, str | bool]:
    flag, equals, value = word.partition("=")
    options = [argument for argument in command.arguments if argument.option]
    argument = next((option for option in options if flag in {option.flag, option.short}), None)
    if argument is None:
        known = [option.flag for option in options]
        hint = guess(flag, known, f"help {command.name}") if known else "it has no options"
        raise UsageFault(f"reading {command.name}: {flag!r} is no option of it; {hint}")
    if argument.kind is Kind.SWITCH:
        if equals:
            raise UsageFault(f"reading {command.name}: {argument.flag} takes no value; write {argument.flag}")
        return argument, True
    if equals:
        return argument, value
    if not waiting:
        raise UsageFault(f"reading {command.name}: {argument.flag} lacks its value; write {argument.shown.strip('[]')}")
    return argument, waiting.pop(0)
