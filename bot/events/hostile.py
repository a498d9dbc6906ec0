"""Reading JSON that anybody may have written: each value is taken as what it must be, or is `Malformed`.

The rule: no other exception, however the bytes are made: deep nesting, huge numbers, half characters, other encodings.
What becomes a name has no control characters and a bounded length, so that every database can keep it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from scheduler.errors import UserError

LONGEST_NAME = 1024
"""The longest name, in bytes of UTF-8; git's own limits are below it."""

LARGEST_ID = 2**63 - 1
_FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_UNNAMEABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_UNKEEPABLE = re.compile(r"[\x00\ud800-\udfff]")


class Malformed(UserError):
    """What was received is not what GitHub sends."""


@dataclass(frozen=True)
class Part:
    """A value of a payload, and where it stands in it."""

    value: object
    path: str

    def maybe(self, key: str) -> Part | None:
        """Return the value of a key; None when it is missing or null."""
        if not isinstance(self.value, dict):
            self.refuse("is no object")
        found = self.value.get(key)
        return None if found is None else Part(found, f"{self.path}.{key}".removeprefix("."))

    def at(self, *keys: str) -> Part:
        """Return the value that is reached by these keys."""
        part = self
        for key in keys:
            if (found := part.maybe(key)) is None:
                Part(None, f"{part.path}.{key}".removeprefix(".")).refuse("is missing")
            part = found
        return part

    def items(self) -> Iterator[Part]:
        """Go through a list."""
        if not isinstance(self.value, list):
            self.refuse("is no list")
        for number, value in enumerate(self.value):
            yield Part(value, f"{self.path}[{number}]")

    def number(self) -> int:
        """Take a positive number that a database can keep."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not 0 < self.value <= LARGEST_ID:
            self.refuse("is no positive number")
        return self.value

    def flag(self) -> bool:
        """Take true or false."""
        if not isinstance(self.value, bool):
            self.refuse("is neither true nor false")
        return self.value

    def text(self) -> str:
        """Take text of any length; characters that are none are replaced."""
        if not isinstance(self.value, str):
            self.refuse("is no text")
        return _UNKEEPABLE.sub("\N{REPLACEMENT CHARACTER}", self.value)

    def name(self) -> str:
        """Take a short text in one line."""
        if not isinstance(self.value, str) or not self.value or _UNNAMEABLE.search(self.value):
            self.refuse("is no name")
        if len(self.value.encode()) > LONGEST_NAME:
            self.refuse(f"is longer than {LONGEST_NAME} bytes")
        return self.value

    def full_name(self) -> str:
        """Take the name of a repository with its owner."""
        if not _FULL_NAME.fullmatch(name := self.name()):
            self.refuse("is no OWNER/NAME")
        return name

    def sha(self) -> str:
        """Take the id of a commit."""
        if not _SHA.fullmatch(name := self.name()):
            self.refuse("is no commit")
        return name

    def moment(self) -> datetime:
        """Take a moment with its offset, as UTC."""
        try:
            moment = datetime.fromisoformat(self.name())
            aware = moment.astimezone(UTC) if moment.tzinfo else None
        except (ValueError, OverflowError):
            aware = None
        if aware is None:
            self.refuse("is no moment")
        return aware

    def refuse(self, why: str) -> NoReturn:
        """Say what is wrong with this value, without repeating it."""
        raise Malformed(f"{self.path[:200]} {why}".strip())


def payload(body: bytes) -> Part:
    """Read the bytes of a payload: JSON in UTF-8, whose outermost value is an object."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is no JSON in UTF-8 ({type(error).__name__})") from error
    if not isinstance(value, dict):
        raise Malformed("it is no JSON object")
    return Part(value, "")


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
