"""From what the store hands out to the shapes that `--json` prints.

The rule: pure, and the one place where a row becomes a shape; moments become ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot import shapes, topologyshapes
from scheduler import cron
from scheduler.incidents import Incident
from scheduler.jobfile import JobFile
from scheduler.jobfile.faults import Fault
from scheduler.lint import Finding
from scheduler.runs import ModelResult, Run
from scheduler.store import JobRow


def iso(moment: datetime | None) -> str | None:
    """Write a moment for a program."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def job(row: JobRow, now: datetime) -> shapes.Job:
    """Shape a job of the schedule as it stands at `now`."""
    pause = row.paused(now)
    return {
        "project": row.project,
        "job": row.name,
        "type": row.job.type.value,
        "environment": row.job.environment,
        "schedule": row.job.schedule,
        "timezone": row.job.timezone,
        "words": cron.words(row.job.schedule, row.job.timezone),
        "select": list(row.job.select),
        "next_tick": iso(row.next_tick) if pause is None else None,
        "last_tick": iso(row.last_tick),
        "paused": {"reason": pause.reason, "until": iso(pause.until), "in_file": pause.by == "file"} if pause else None,
        "sha": row.sha,
    }


def run(row: Run) -> shapes.Run:
    """Shape a run."""
    return {
        "id": row.id,
        "project": row.project,
        "job": row.job,
        "state": row.state.value,
        "trigger": row.trigger.value,
        "attempt": row.attempt,
        "scheduled_for": iso(row.scheduled_for) or "",
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "exit_code": row.exit_code,
        "message": row.message,
        "sha": row.sha,
    }


def model(result: ModelResult) -> shapes.Model:
    """Shape what became of a model."""
    return {
        "model": result.model,
        "status": result.status.value,
        "seconds": result.seconds,
        "rows": result.rows,
        "error": result.error,
        "blocked_by": list(result.blocked_by),
        "held_by": result.held_by,
    }


def fault(found: Fault) -> shapes.Fault:
    """Shape a fault of a job file."""
    return {
        "line": found.line,
        "column": found.column,
        "path": found.path,
        "problem": found.problem,
        "remedy": found.remedy,
    }


def file(path: str, parsed: JobFile | None, faults: tuple[Fault, ...], findings: Sequence[Finding] = ()) -> shapes.File:
    """Shape a job file that was read, and what the linter found."""
    return {
        "path": path,
        "project": parsed.project if parsed else None,
        "jobs": [one.name for one in parsed.jobs] if parsed else [],
        "faults": [fault(one) for one in faults],
        "findings": [finding(one) for one in findings],
    }


def finding(found: Finding) -> topologyshapes.Finding:
    """Shape what the linter found."""
    return {
        "line": found.line,
        "level": found.level.value,
        "code": found.code,
        "job": found.job,
        "sentence": found.sentence,
        "remedy": found.remedy,
        "models": list(found.models),
    }


def incident(row: Incident) -> shapes.Incident:
    """Shape an open incident."""
    return {"project": row.project, "job": row.job, "since": iso(row.opened_at), "run": row.id}
