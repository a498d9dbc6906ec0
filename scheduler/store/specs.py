"""Jobs as they are stored: written with every value, and read also where a later version would not take them.

What stands in the ledger was approved when it was written. A rule that has become stricter since, or a key that this
version does not know, must not keep anybody from listing, ending or retrying a run.
"""

from __future__ import annotations

import json
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from scheduler.jobfile import Alerts, CatchUp, Job, Paused, durations

_HOUR = timedelta(hours=1)
_ANY = Job(
    name="any",
    schedule="@daily",
    catch_up=CatchUp(deadline=_HOUR),
    alerts=Alerts(slack_channel="#any", longer_than=_HOUR),
    paused=Paused(reason="any"),
)
"""A job with a value of the right type in each place."""


def spec_text(job: Job) -> str:
    """Write a job as it is stored: the same text for the same job."""
    return json.dumps(job.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=4096)
def job_of(spec: str) -> Job:
    """Read a stored job. A job's text rarely changes, so it is read once (jobs are frozen, and shared)."""
    try:
        return Job.model_validate_json(spec)
    except ValidationError:
        return _as_it_was(json.loads(spec))


def _as_it_was(fields: dict[str, Any]) -> Job:
    job: Job = _taken(_ANY, fields)
    return job


def _taken(example: BaseModel, fields: dict[str, Any]) -> Any:  # noqa: ANN401 (of the example's type)
    """Take each value by the rules of today where they allow it, and else as it stands."""
    known = type(example).model_fields.keys() & fields.keys()
    taken: dict[str, Any] = {name: _field(example, name, fields[name]) for name in known}
    return type(example).model_construct(**taken)


def _field(example: BaseModel, name: str, value: object) -> object:
    alone = {**example.model_dump(mode="json"), name: value}
    try:
        return getattr(type(example).model_validate(alone), name)
    except ValidationError:
        return _like(getattr(example, name), value)


def _like(model: object, value: object) -> object:
    """Give a plain value the type of `model`; what has no such form at all becomes `model` itself."""
    match model:
        case timedelta():
            return durations.read(value) or model if isinstance(value, str) else model
        case Enum():
            return next((member for member in type(model) if member.value == value), model)
        case BaseModel():
            return _taken(model, value) if isinstance(value, dict) else model
        case tuple() | frozenset():
            return type(model)(value) if isinstance(value, list) else model
        case _:
            return value
