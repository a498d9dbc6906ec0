"""Five cron fields checked one by one, so that a fault names its field and what to write instead.

The grammar is the standard one: `*`, numbers, names (`mon`, `jan`), ranges, lists, steps and the aliases `@hourly`,
`@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`. Extensions (`L`, `W`, `#`, `?`, `H`, `R`, seconds,
years) mean different things in different programs and are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from scheduler.errors import UserError

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS_WRITTEN = 5
SECONDS_WRITTEN = 6
LONGEST = 200


class CronError(UserError):
    """A schedule that cannot be: what is wrong, and in `remedy` what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Field:
    """One place in a schedule: what it is called, and what may stand in it."""

    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    def check(self, text: str) -> None:
        """Raise `CronError` unless `text` may stand in this field."""
        for part in text.lower().split(","):
            if not part:
                raise CronError(
                    f"the {self.name} field {text!r} has an empty item", "remove the comma that is too many"
                )
            self._check_part(part)

    def _check_part(self, part: str) -> None:
        span, slash, step = part.partition("/")
        if slash:
            self._check_step(part, step)
        if span == "*":
            return
        first, dash, last = span.partition("-")
        low = self._number(first, part)
        if dash and self._number(last, part) < low:
            raise CronError(
                f"the range {span!r} in the {self.name} field goes backwards",
                f"write {first}-{self.high},{self.low}-{last}",
            )

    def _check_step(self, part: str, step: str) -> None:
        if not step.isdecimal() or not step.isascii() or int(step) == 0:
            raise CronError(
                f"the step in {part!r} ({self.name} field) is no positive number", f"write for example */{self.low + 5}"
            )
        if int(step) > self.high:
            raise CronError(
                f"the step in {part!r} is longer than the {self.name} field, so it never steps",
                f"a step of this field is at most {self.high}; a longer pause belongs into the next field",
            )

    def _number(self, text: str, part: str) -> int:
        if text in self.words:
            return self.words.index(text) + self.low
        if not (text.isdecimal() and text.isascii()):
            raise CronError(f"{part!r} cannot stand in the {self.name} field", self._instead(text))
        if not self.low <= int(text) <= self.high:
            raise CronError(f"{text} is no {self.name}", f"a {self.name} goes from {self.low} to {self.high}")
        return int(text)

    def _instead(self, text: str) -> str:
        if text == "?":
            return "write *"
        near = get_close_matches(text[:3], self.words, n=1, cutoff=0.6)
        if near:
            return f"did you mean {near[0]}?"
        names = f", names ({self.words[0]} to {self.words[-1]})" if self.words else ""
        return f"write * or numbers from {self.low} to {self.high}{names}, ranges 1-5, lists 1,3 and steps */5"


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("weekday", 0, 7, WEEKDAYS),
)


def canonical(schedule: str) -> str:
    """Return the five fields with single spaces, an alias written out.

    Raises `CronError` for the first fault, from left to right.
    """
    text = " ".join(schedule.split())
    if len(text) > LONGEST:
        raise CronError(f"the schedule is {len(text)} characters long", f"write at most {LONGEST}")
    if text.startswith("@"):
        return _alias(text.lower())
    parts = text.split(" ") if text else []
    if len(parts) != FIELDS_WRITTEN:
        raise _miscounted(text, parts)
    for field, part in zip(FIELDS, parts, strict=True):
        field.check(part)
    return text.lower()


def _alias(text: str) -> str:
    if text in ALIASES:
        return ALIASES[text]
    if text == "@reboot":
        raise CronError("@reboot is no time: nothing boots here", "write a schedule such as @hourly")
    near = get_close_matches(text, ALIASES, n=1)
    remedy = f"did you mean {near[0]}?" if near else "write one of " + ", ".join(ALIASES)
    raise CronError(f"{text!r} is no alias", remedy)


def _miscounted(text: str, parts: list[str]) -> CronError:
    meaning = "minute, hour, day of the month, month, weekday"
    if len(parts) == SECONDS_WRITTEN and all(re.fullmatch(r"[\d*/,?-]+", part) for part in parts[:3]):
        return CronError(
            f"{text!r} has six fields: seconds are not supported",
            f'leave out the seconds: "{" ".join(parts[1:]).replace("?", "*")}"',
        )
    counted = f"has {len(parts)} field{'s' * (len(parts) != 1)}" if parts else "is empty"
    return CronError(f"{text!r} {counted}", f'write five ({meaning}), for example "*/15 * * * *"')
