"""Between rows of the database and values: one pair of functions for each kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from sqlalchemy import RowMapping

from scheduler.incidents import Incident, Missed, NewAlert, StoredAlert
from scheduler.jobfile import CatchUp, Paused
from scheduler.runs import ModelResult, ModelStatus, Run, RunState, Trigger
from scheduler.store.rows import DueJob, JobRow, Pause, ProjectRow, pauses_of
from scheduler.store.specs import job_of, spec_text

Row = RowMapping | Mapping[str, Any]


def run_of(row: Row) -> Run:
    """Read a run."""
    fields = dict(row)
    fields["spec"] = job_of(fields["spec"])
    fields["state"] = RunState(fields["state"])
    fields["trigger"] = Trigger(fields["trigger"])
    return Run(**fields)


def run_row(run: Run) -> dict[str, Any]:
    """Write a run."""
    fields = dict(vars(run))
    fields["spec"] = spec_text(run.spec)
    fields["state"] = run.state.value
    fields["trigger"] = run.trigger.value
    return fields


def project_of(row: Row) -> ProjectRow:
    """Read a project."""
    return ProjectRow(**row)


def job_row_of(row: Row) -> JobRow:
    """Read a job of the schedule (with its project's `sha`)."""
    return JobRow(
        project=row["project"],
        job=job_of(row["spec"]),
        sha=row["sha"],
        next_tick=row["next_tick"],
        last_tick=row["last_tick"],
        operator_pause=operator_pause(row),
        updated_at=row["updated_at"],
        removed_at=row["removed_at"],
    )


def operator_pause(row: Row) -> Pause | None:
    """Read the operator's pause of a job, if there is one."""
    if row["pause_reason"] is None:
        return None
    return Pause(row["pause_reason"], row["pause_until"], "operator", row["paused_at"])


def due_of(row: Row) -> DueJob:
    """Read what the clock needs of a job, and no more: a thousand may be due at once."""
    paused, catch_up = _due_spec(row["spec"])
    return DueJob(
        project=row["project"],
        name=row["name"],
        schedule=row["schedule"],
        timezone=row["timezone"],
        next_tick=row["next_tick"],
        catch_up=catch_up,
        pauses=pauses_of(operator_pause(row), paused),
    )


def _due_spec(text: str) -> tuple[Paused | None, CatchUp]:
    spec = json.loads(text)
    try:
        paused = Paused.model_validate(spec["paused"]) if spec["paused"] else None
        return paused, _catch_up(json.dumps(spec["catch_up"]))
    except (ValidationError, KeyError):
        job = job_of(text)
        return job.paused, job.catch_up


@lru_cache(maxsize=256)
def _catch_up(spec: str) -> CatchUp:
    return CatchUp.model_validate_json(spec)


def result_of(row: Row) -> ModelResult:
    """Read what a run reported of one model."""
    fields = {name: value for name, value in row.items() if name not in {"run_id", "position"}}
    fields["status"] = ModelStatus(fields["status"])
    fields["intervals"] = tuple((start, end) for start, end in json.loads(fields["intervals"]))
    fields["blocked_by"] = tuple(json.loads(fields["blocked_by"]))
    return ModelResult(**fields)


def result_row(run_id: str, position: int, result: ModelResult) -> dict[str, Any]:
    """Write what a run reported of one model."""
    return {
        **vars(result),
        "run_id": run_id,
        "position": position,
        "status": result.status.value,
        "intervals": json.dumps(result.intervals),
        "blocked_by": json.dumps(result.blocked_by),
    }


def incident_of(row: Row) -> Incident:
    """Read an incident."""
    return Incident(**{**row, "details": json.loads(row["details"])})


def incident_row(incident: Incident) -> dict[str, Any]:
    """Write an incident."""
    return {**vars(incident), "details": json.dumps(dict(incident.details))}


def alert_of(row: Row, incident: Incident | None) -> StoredAlert:
    """Read an alert of the outbox."""
    fields = {name: value for name, value in row.items() if name not in {"incident_id", "not_before"}}
    return StoredAlert(**{**fields, "payload": json.loads(fields["payload"])}, incident=incident)


def alert_row(alert: NewAlert, now: datetime) -> dict[str, Any]:
    """Write an alert into the outbox."""
    return {
        "key": alert.key,
        "incident_id": alert.incident_id,
        "payload": json.dumps(dict(alert.payload)),
        "created_at": now,
        "not_before": alert.not_before or now,
        "attempts": 0,
    }


def missed_of(row: Row) -> Missed:
    """Read missed ticks."""
    return Missed(**{name: value for name, value in row.items() if name != "told_at"})
