"""`meshbot.yaml` read strictly: a `JobFile`, or every fault at once, each with line and column.

Defaults are merged into each job while every value still knows its place, so that a fault is reported where it was
written: once, and under `defaults` when it stands there.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from scheduler import yamltree
from scheduler.faults import Fault, JobFileError
from scheduler.jobs import (
    AlertOn,
    Alerts,
    CatchUp,
    CatchUpPolicy,
    Concurrency,
    Job,
    JobFile,
    JobType,
    Paused,
    Retries,
)

__all__ = [
    "AlertOn", "Alerts", "CatchUp", "CatchUpPolicy", "Concurrency", "Fault", "Job", "JobFile", "JobFileError", "JobType",
    "Paused", "Retries", "parse",
]  # fmt: skip


def parse(text: str, where: str = "meshbot.yaml") -> JobFile:
    """Read a job file; `where` names it in messages.

    Raises `JobFileError` with every fault.
    """
    tree, faults = yamltree.read(text)
    data: Any = yamltree.plain(tree) if tree else {}
    if faults or not isinstance(data, dict):
        raise JobFileError(where, tuple(faults))
    jobs = []
    head = {key: data.get(key) for key in ("environment", "timezone") if key in data}
    for name, raw in data["jobs"].items():
        job = {"name": name, **head, **data.get("defaults", {}), **raw}
        for key, inner in (("retries", "limit"), ("catch_up", "policy")):
            if key in job and not isinstance(job[key], dict):
                job[key] = {inner: job[key]}
        try:
            jobs.append(Job.model_validate(job))
        except ValidationError as error:
            faults += [Fault(1, 1, ".".join(map(str, e["loc"])), e["msg"], "") for e in error.errors()]
    if faults:
        raise JobFileError(where, tuple(faults))
    return JobFile(
        version=data["version"], project=data["project"], environment=data["environment"],
        timezone=data.get("timezone", "UTC"), jobs=tuple(jobs),
    )
