"""Takes secret values out of what a run prints, line by line, before anything reaches a disk.

The rule: a value is found in every form in which programs usually print it (as it is, each of its lines, URL-encoded,
inside base64, escaped as in JSON). A value shorter than four characters is found in report lines only: elsewhere it
would hide every second word. The surprise: a line of meshrun's report is redacted inside its strings, so that no
secret, whatever it looks like, can break what the line says. Standard library only.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = b"***"
SHORTEST = 4
LONGEST_LINE = 1024 * 1024
CUT = b" ... [the rest of this line is cut]\n"
REPORT = b'{"meshrun"'
WORDS_OF_OURS = frozenset({"meshrun", "event", "status", "outcome", "at", "intervals", "counts"})


class Redactor:
    """Hides the given secret values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {value for value in secrets if value.strip()}
        found = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        self.longest = max(map(len, found), default=0)
        self._short = [value for value in values if len(value.encode(errors="surrogateescape")) < SHORTEST]
        # Longest first: a value that contains another one is hidden whole.
        ordered = sorted(found, key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(map(re.escape, ordered))) if ordered else None

    def line(self, line: bytes) -> bytes:
        """Return the line with every secret hidden."""
        if line.startswith(REPORT) and (self._pattern or self._short):
            return self._report(line)
        return self._hide(line)

    def _hide(self, text: bytes) -> bytes:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def _report(self, line: bytes) -> bytes:
        try:
            fields = json.loads(line)
        except ValueError:
            return self._hide(line)
        # What is ours in it is put back as it was: it decides what the line means, and holds nothing of the project.
        hidden = {key: value if key in WORDS_OF_OURS else self._inside(value) for key, value in fields.items()}
        return json.dumps(hidden, ensure_ascii=False).encode(errors="replace") + b"\n"

    def _inside(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, str):
            for short in self._short:
                value = value.replace(short, HIDDEN.decode())
            return self._hide(value.encode(errors="surrogateescape")).decode(errors="replace")
        if isinstance(value, list):
            return [self._inside(item) for item in value]
        if isinstance(value, dict):
            return {key: self._inside(item) for key, item in value.items()}
        return value


class Lines:
    """One stream on its way through a redactor: bytes in, whole redacted lines out."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._rest = b""
        self._cutting = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take what was read; yield the lines that are complete by now."""
        *complete, self._rest = (self._rest + chunk).split(b"\n")
        for line in complete:
            yield from self._complete(line + b"\n")
        bound = LONGEST_LINE + self._redactor.longest
        if self._cutting:
            self._rest = b""
        elif len(self._rest) > bound:
            yield self._cut(self._rest[:bound])
            self._rest, self._cutting = b"", True

    def close(self) -> Iterator[bytes]:
        """Yield the last line, if the stream ended within one."""
        if self._rest and not self._cutting:
            yield from self._complete(self._rest + b"\n")
        self._rest = b""

    def _complete(self, line: bytes) -> Iterator[bytes]:
        if self._cutting:
            self._cutting = False
        elif len(line) > LONGEST_LINE + self._redactor.longest:
            yield self._cut(line[: LONGEST_LINE + self._redactor.longest])
        else:
            yield self._redactor.line(line)

    def _cut(self, head: bytes) -> bytes:
        """Cut a line; what may be the beginning of a secret at the end of the head goes as well."""
        shown = self._redactor.line(head)
        return shown[: max(len(shown) - self._redactor.longest, 0)] + CUT


def _forms(value: str) -> Iterator[bytes]:
    parts = {value, value.strip(), *(line.strip() for line in value.splitlines())}
    for part in filter(None, parts):
        raw = part.encode(errors="surrogateescape")
        yield raw
        if len(raw) < SHORTEST:
            continue
        for encoded in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
            yield encoded.encode()
            yield re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), encoded).encode()
        yield json.dumps(part)[1:-1].encode()
        yield json.dumps(part, ensure_ascii=False)[1:-1].encode(errors="surrogateescape")
        yield repr(part)[1:-1].encode(errors="surrogateescape")
        yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield what of the base64 form stands still whatever stands before and after the value (`user:password`)."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        inner = encoded[first:last]
        if len(inner) >= 2 * SHORTEST:
            yield inner
            yield inner.translate(bytes.maketrans(b"+/", b"-_"))
