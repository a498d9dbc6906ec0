"""From the text of an argument to its value, the same on the command line and in a comment.

The rule: what is not plainly right is refused, with an example of what to write. Moments without a zone are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bot.chatops.grammar import Argument, Command, Kind, Request, Value
from bot.errors import UsageFault

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(/[a-z0-9]([a-z0-9-]*[a-z0-9])?)?")
DURATION = re.compile(r"(\d{1,5})\s*(s|m|h|d|w)")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = 500


Raw = str | bool | tuple[str, ...] | None
"""The text of an argument, or of each of many; True for a switch."""


def request(command: Command, raw: Mapping[str, Raw], now: datetime) -> Request:
    """Make the request that `raw` (argument name -> text) asks for. Raises `UsageFault` for what does not fit."""
    values: dict[str, Value] = {}
    for argument in command.arguments:
        text = raw.get(argument.name)
        if text is None or text is False or text == ():
            if argument.required:
                raise UsageFault(f"reading {command.name}: {argument.shown} is missing; write: {command.synopsis}")
            values[argument.name] = argument.default
        else:
            values[argument.name] = True if text is True else _value(argument, text, now)
    return Request(command.name, values)


def _value(argument: Argument, text: str | tuple[str, ...], now: datetime) -> Value:
    if isinstance(text, tuple):
        return tuple(str(convert(argument, one, now)) for one in text)
    return convert(argument, text, now)


def convert(argument: Argument, text: str, now: datetime) -> Value:
    """Convert `text` to what the argument's kind says. Raises `UsageFault` when it does not fit."""
    if len(text) > LONGEST or not text.isprintable():
        raise _fault(argument, text[:40], "is too long or not printable", "a short text in one line")
    match argument.kind:
        case Kind.INSTANT:
            return _instant(argument, text)
        case Kind.DEADLINE:
            return deadline(argument, text, now)
        case Kind.NUMBER:
            return _number(argument, text)
        case Kind.JOB | Kind.RUN | Kind.PROJECT | Kind.COMMAND:
            return _name(argument, text)
        case Kind.PATH | Kind.MODEL | Kind.TEXT | Kind.SWITCH:
            return text


def _instant(argument: Argument, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _fault(argument, text, "is no moment", "2026-01-31 or 2026-01-31T06:00+01:00") from None


def deadline(argument: Argument, text: str, now: datetime) -> datetime:
    """Read a duration from `now` on, or a later moment. Raises `UsageFault`."""
    if found := DURATION.fullmatch(text):
        try:
            return now + timedelta(**{UNITS[found[2]]: int(found[1])})
        except OverflowError:
            raise _fault(argument, text, "is too long", "2h, 3d or 2026-01-31T06:00Z") from None
    try:
        moment = _instant(argument, text)
    except UsageFault:
        raise _fault(argument, text, "is neither a duration nor a moment", "2h, 3d or 2026-01-31T06:00Z") from None
    if moment <= now:
        raise _fault(argument, text, "is in the past", "a later moment, or a duration such as 2h")
    return moment


def _number(argument: Argument, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 10_000:  # noqa: PLR2004
        raise _fault(argument, text, "is no number from 1 to 10000", "20")
    return int(text)


def _name(argument: Argument, text: str) -> str:
    if not NAME.fullmatch(text):
        raise _fault(
            argument,
            text,
            "is no name: names have the letters a to z, digits and -",
            {Kind.JOB: "a job such as hourly or analytics/hourly", Kind.RUN: "a run id, as `runs` lists them"}.get(
                argument.kind, "a name such as analytics"
            ),
        )
    return text


def _fault(argument: Argument, text: str, problem: str, remedy: str) -> UsageFault:
    return UsageFault(
        f"reading {argument.flag if argument.option else argument.name.upper()}: {text!r} {problem}; write {remedy}"
    )
