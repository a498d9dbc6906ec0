"""From one line of text to a request: `pause hourly --until 2h --reason "an upgrade"`.

The rule: text is data. Nothing is expanded, looked up or executed; what is not plainly a command is refused.
"""

from __future__ import annotations

import shlex
from datetime import datetime

from bot.chatops.grammar import Argument, Command, Kind, Request
from bot.chatops.names import guess
from bot.chatops.registry import find_command
from bot.chatops.values import request
from bot.errors import UsageFault

LONGEST_LINE = 1000


def parse(line: str, now: datetime) -> Request:
    """Read a command line without its `/meshbot`. Raises `UsageFault` that says what to write instead."""
    words = _words(line)
    if not words:
        return Request("help", {"command": None})
    command = find_command(words[0])
    return request(command, _arguments(command, words[1:]), now)


def _words(line: str) -> list[str]:
    if len(line) > LONGEST_LINE:
        raise UsageFault(f"reading a command: it is longer than {LONGEST_LINE} characters; write a shorter one")
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageFault(f"reading {line[:60]!r}: {str(error).lower()}; close the quote") from error


def _arguments(command: Command, words: list[str]) -> dict[str, str | bool | None]:
    raw: dict[str, str | bool | None] = {}
    places = [argument for argument in command.arguments if not argument.option]
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("-") and len(word) > 1:
            argument, value = _option(command, word, waiting)
        elif places:
            argument, value = places.pop(0), word
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
