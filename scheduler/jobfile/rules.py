"""What makes a value of a job wrong: each rule returns a problem and a remedy, or None.

A rule never repeats a value that may be a secret: not that of a variable, not what stands where the name of a secret
should, not a text that looks like a credential.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from scheduler import cron
from scheduler.cron import zones
from scheduler.jobfile import durations, grants

NO_JANITOR = (
    "a failed janitor must not keep models from being run: write two jobs with schedules of their own, one of "
    "`type: run`, one of `type: janitor`"
)
SECRET_REMEDY = "write names only (`secrets: [WAREHOUSE_PASSWORD]`); the operator grants the values"  # noqa: S105 - a sentence
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[-+][0-9]{2}:[0-9]{2})?)?")
MINUTE = timedelta(minutes=1)
Wrong = tuple[str, str]


def wrong(problem: str, remedy: str) -> PydanticCustomError:
    """Make the error of a value that cannot be; the reader of files gives it its place."""
    return PydanticCustomError("wrong", "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def each(values: Mapping[str, Any] | Sequence[Any], why: Callable[[Any], Wrong | None]) -> None:
    """Raise one error for each item (or key of a mapping) that `why` finds fault with, at its own place."""
    places: list[str | int] = list(values) if isinstance(values, Mapping) else list(range(len(values)))
    found = [(place, why(item)) for place, item in zip(places, values, strict=True)]
    errors = [InitErrorDetails(type=wrong(*fault), loc=(place,), input=None) for place, fault in found if fault]
    if errors:
        raise ValidationError.from_exception_data("Job", errors, hide_input=True)


def show(value: object) -> str:
    """Return a value as it may be repeated in a message."""
    text = repr(value)
    return "this value" if grants.why_credential("", text) else text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _bare(name: str) -> str:
    return show(name).strip("'")


def duration(value: object) -> timedelta:
    """Read a duration; raises what is wrong with it."""
    if isinstance(value, timedelta):
        return value
    found = durations.read(value) if isinstance(value, str) else None
    if found is not None:
        return found
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise wrong(f"the duration {value} has no unit", f"write {value}s, {value}m or {value}h")
    raise wrong(f"{show(value)} is no duration", "write a number with a unit: 30s, 15m, 2h, 1d or 1h30m")


def between(low: timedelta, high: timedelta) -> AfterValidator:
    """Bound a duration."""

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high or value.microseconds:
            bounds = f"from {durations.say(low)} to {durations.say(high)}"
            raise wrong(f"{durations.say(value)} is out of bounds", f"write a duration {bounds}")
        return value

    return AfterValidator(check)


def schedule(value: str) -> str:
    """Return a schedule that can be read and whose ticks are at least five minutes apart."""
    try:
        ticks = cron.parse(value, "UTC")
    except cron.CronError as error:
        raise wrong(error.problem, error.remedy) from None
    if ticks.nominal_gap() < cron.MINIMUM_GAP:
        minutes = ticks.nominal_gap() // MINUTE
        gap = f"{minutes} minute{'s' * (minutes != 1)} apart"
        problem = f"{value!r} fires {gap} ({ticks.closest()}), and 5 minutes are the least"
        raise wrong(problem, "write */5 * * * * or slower, with 60 minutes divided evenly")
    return value


def timezone(value: str) -> str:
    """Return the name of a time zone that exists."""
    try:
        zones.zone(value)
    except zones.UnknownZone as error:
        raise wrong(str(error), error.remedy) from None
    return value


def moment(value: object, place: ZoneInfo | None) -> object:
    """Return a date or a time with its zone: `place`, unless it has an offset."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        return value
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return value
    return read.replace(tzinfo=place) if read.tzinfo is None and place else read


def why_no_variable(name: str, value: object) -> Wrong | None:
    """Judge one entry of `env`."""
    if not isinstance(value, str):
        kind = "a number" if type(value) in {int, float} else "no text"
        return f"the value of {_bare(name)} is {kind}", "write it in quotes: a variable is a text"
    if not re.fullmatch(grants.NAME, name):
        return f"{show(name)} is no name of a variable", "write letters, digits and _, and begin with no digit"
    taken = grants.why_taken(name)
    if taken:
        return f"{name} cannot be set: {taken}", "remove it, or build it into the image"
    credential = grants.why_credential(name, value)
    if credential:
        remedy = f"take it out of Git: let the operator grant it and write `secrets: [{name}]`"
        return f"the value of {name} {credential}", remedy
    return None


def why_no_secret(name: object) -> Wrong | None:
    """Judge one entry of `secrets`, without repeating it: somebody may have written the secret itself."""
    if isinstance(name, dict) or (isinstance(name, str) and re.match(r"[A-Za-z_][A-Za-z0-9_]*\s*[=:]", name)):
        return "a value stands beside the name of a secret", SECRET_REMEDY
    if not isinstance(name, str) or not re.fullmatch(grants.NAME, name) or grants.why_credential("", name):
        return "this is no name of a secret", SECRET_REMEDY
    taken = grants.why_taken(name)
    return (f"{name} cannot be set: {taken}", "give the secret another name") if taken else None


def why_no_quantity(name: str, quantity: object) -> Wrong | None:
    """Judge one entry of `resources`."""
    if not isinstance(quantity, str):
        return f"the amount of {_bare(name)} is no number and no text", 'write for example `cpu: "500m"`'
    return grants.why_no_quantity(name, quantity)


def why_no_selector(text: object) -> Wrong | None:
    """Judge one entry of `select`."""
    if not isinstance(text, str):
        return "a selector is a text", 'write for example "tag:finance+", in quotes'
    if text.startswith("-"):
        return "a selector cannot begin with -", "remove the -; `^` leaves models out"
    if text != text.strip() or not text:
        return "a selector has no spaces around it", "remove them"
    return None
