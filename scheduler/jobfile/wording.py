"""What is said about a value that does not fit its key: pydantic's findings in the words of the product.

The value itself is repeated only where a wrong word helps to see the right one, and never when it may be a secret.
"""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from scheduler.jobfile import durations
from scheduler.jobfile.parts import Alerts, CatchUp, Paused, Retries
from scheduler.jobfile.rules import show

PARTS: dict[str, type[BaseModel]] = {"retries": Retries, "catch_up": CatchUp, "alerts": Alerts, "paused": Paused}
# What other programs call it.
OTHER_NAMES = {
    "cron": "schedule",
    "crontab": "schedule",
    "interval": "schedule",
    "every": "schedule",
    "tz": "timezone",
    "time_zone": "timezone",
    "models": "select",
    "selector": "select",
    "select_models": "select",
    "environment_variables": "env",
    "envs": "env",
    "vars": "env",
    "secret": "secrets",
    "retry": "retries",
    "attempts": "retries",
    "catchup": "catch_up",
    "backfill": "catch_up",
    "replicas": "parallelism",
    "workers": "parallelism",
    "pods": "parallelism",
    "concurrent_tasks": "max_concurrent_models",
    "concurrency_policy": "concurrency",
    "kind": "type",
    "docker_image": "image",
    "slack": "alerts",
    "notifications": "alerts",
    "suspend": "paused",
    "pause": "paused",
    "enabled": "paused",
    "disabled": "paused",
    "env_name": "environment",
    "name": "project",
    "job": "jobs",
}
COMMANDS = {"command", "commands", "cmd", "args", "run", "script"}
NAMES = "write small letters, digits and `-`, at most 40, with a letter or digit at both ends"
PATTERNS = {
    "project": NAMES,
    "name": NAMES,
    "environment": "write letters, digits, `_` and `-`, and begin with no `-`",
    "slack_channel": 'write "#channel" in small letters, in quotes, or a channel id such as C0123456789',
}
# pydantic's type of error -> what should have been there.
KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "dict_type": "a mapping (`key: value`)",
    "model_type": "a mapping (`key: value`)",
    "list_type": "a list",
    "tuple_type": "a list",
    "frozen_set_type": "a list",
}


def word(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """Return problem and remedy of one of pydantic's errors about `model`."""
    loc = error["loc"]
    key = next((str(part) for part in reversed(loc) if isinstance(part, str) and part != "[key]"), "")
    match error["type"]:
        case "wrong":
            return error["ctx"]["problem"], error["ctx"]["remedy"]
        case "missing":
            return f"`{key}` is missing", _example(model, loc)
        case "extra_forbidden":
            return f"unknown key {show(key)}", unknown(key, keys_at(model, loc))
        case kind if kind in KINDS:
            return _wrong_kind(key, loc, KINDS[kind], error["input"]), _example(model, loc)
        case _:
            return _wrong_value(key, error, _example(model, loc))


def _wrong_value(key: str, error: ErrorDetails, example: str) -> tuple[str, str]:
    context, value = error.get("ctx", {}), error["input"]
    cannot = f"{key} cannot be {show(value)}"
    match error["type"]:
        case "enum" | "literal_error":
            return cannot, _choice(str(value), context["expected"])
        case "greater_than_equal":
            return cannot, f"write at least {context['ge']}"
        case "less_than_equal":
            return cannot, f"write at most {context['le']}"
        case "string_too_long":
            return f"{key} is too long", f"write at most {context['max_length']} characters"
        case _:
            return cannot, PATTERNS.get(key, example)


def unknown(key: str, known: list[str]) -> str:
    """Return what to write instead of an unknown key."""
    lower = key.lower().replace("-", "_")
    near = lower if lower in known else OTHER_NAMES.get(lower)
    if near in known:
        return f"did you mean {near}?"
    if lower in COMMANDS and "schedule" in known:
        return "a job runs no command of your own: write `type: run` or `type: janitor`, and `select`"
    inside = next((part for part, model in PARTS.items() if part in known and lower in model.model_fields), None)
    if inside:
        return f"write it under {inside}: `{inside}: {{{lower}: ...}}`"
    guessed = get_close_matches(lower, known, n=1, cutoff=0.6)
    return f"did you mean {guessed[0]}?" if guessed else "remove it; known here are " + ", ".join(known)


def keys_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys that may stand beside the last key of `loc`."""
    if len(loc) > 1:
        return list(PARTS[str(loc[0])].model_fields)
    return [key for key in model.model_fields if key != "name"]


def _wrong_kind(key: str, loc: tuple[str | int, ...], wanted: str, value: object) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a mapping",
    }
    found = "nothing" if value is None else kinds.get(type(value), "something else")
    return f"{f'an item of {key}' if isinstance(loc[-1], int) else key} is {found}, not {wanted}"


def _choice(text: str, expected: str) -> str:
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    near = get_close_matches(text.lower(), words, n=1, cutoff=0.6)
    return (f"did you mean {near[0]}? " if near else "") + f"write {expected.replace(chr(39), '')}"


def _example(model: type[BaseModel], loc: tuple[str | int, ...]) -> str:
    """Return a remedy that shows the key as it may be written."""
    field = _field(model, loc)
    key = str(next(part for part in loc if isinstance(part, str)))
    if len(loc) > 1 and key in PARTS and isinstance(loc[1], str):
        key = loc[1]
    return f"write for example `{key}: {example(field)}`" if field else "write another value"


def _field(model: type[BaseModel], loc: tuple[str | int, ...]) -> FieldInfo | None:
    first = str(loc[0])
    if len(loc) > 1 and first in PARTS:
        return PARTS[first].model_fields.get(str(loc[1]))
    return model.model_fields.get(first)


def example(field: FieldInfo) -> str:
    """Return one good value of a field, as YAML on one line."""
    if field.examples:
        return as_yaml(field.examples[0])
    return as_yaml(field.get_default(call_default_factory=True))


def as_yaml(value: object) -> str:
    """Return a value as it is written on one line."""
    match value:
        case BaseModel():
            return as_yaml(value.model_dump(mode="json", exclude_none=True))
        case dict():
            return "{" + ", ".join(f"{key}: {as_yaml(one)}" for key, one in value.items()) + "}"
        case list() | tuple() | frozenset():
            return "[" + ", ".join(as_yaml(one) for one in value) + "]"
        case timedelta():
            return durations.say(value)
        case str() if value[:1] in "*#&!@%" or value.isdecimal():
            return f'"{value}"'
        case _:
            return str(value)
