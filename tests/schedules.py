"""Jobs and job files for tests, with as little said as possible."""

from __future__ import annotations

from datetime import UTC, datetime

from scheduler.jobfile import Job, JobFile
from scheduler.runs import Run, RunState, Trigger, run_id
from scheduler.store import Origin

NOW = datetime(2026, 1, 5, 6, 0, 30, tzinfo=UTC)
ORIGIN = Origin("https://github.com/acme/analytics", ".", "main", "0a1b2c3")


def job(name: str = "hourly", schedule: str = "0 * * * *", **fields: object) -> Job:
    return Job.model_validate({"name": name, "schedule": schedule, **fields})


def jobfile(*jobs: Job, project: str = "analytics") -> JobFile:
    return JobFile(version=1, project=project, environment="prod", timezone="UTC", jobs=jobs)


def a_run(state: RunState = RunState.QUEUED, spec: Job | None = None, **fields: object) -> Run:
    spec = spec or job()
    at = fields.pop("scheduled_for", NOW.replace(second=0))
    attempt = fields.get("attempt", 1)
    made = {
        "id": run_id("analytics", spec.name, at, attempt),
        "project": "analytics",
        "job": spec.name,
        "spec": spec,
        "repository": ORIGIN.repository,
        "path": ORIGIN.path,
        "sha": ORIGIN.sha,
        "scheduled_for": at,
        "trigger": Trigger.CRON,
        "created_at": NOW,
        "since": NOW,
        "state": state,
    }
    return Run(**{**made, **fields})
