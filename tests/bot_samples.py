"""Values that the tests of the bot have in common."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.chatops.grammar import Facts, KnownJob
from scheduler import jobfile
from scheduler.runs import ModelResult, ModelStatus, Run, RunState, Trigger, run_id
from scheduler.store import JobRow, Pause

NOW = datetime(2026, 1, 31, 6, 10, tzinfo=UTC)
SHA = "1a2b3c4d5e" * 4
FILE = """\
version: 1
project: analytics
environment: prod
timezone: Europe/Berlin
jobs:
  hourly:
    schedule: "*/15 * * * *"
  daily:
    schedule: "30 6 * * 1-5"
    select: ["tag:finance+"]
  janitor:
    type: janitor
    schedule: "0 3 * * *"
"""
PARSED = jobfile.parse(FILE)
JOBS = {job.name: job for job in PARSED.jobs}
FACTS = Facts(
    jobs=(
        KnownJob("analytics", "daily"),
        KnownJob("analytics", "hourly", paused=True, pause_reason="an upgrade"),
        KnownJob("analytics", "janitor", janitor=True),
        KnownJob("analytics", "held", paused=True, pause_reason="the vendor is late", paused_in_file=True),
        KnownJob("marketing", "daily"),
    ),
    recent_runs=("analytics-hourly-20260131t0600", "analytics-daily-20260130t0530"),
)


def run(state: RunState = RunState.SUCCEEDED, job: str = "hourly", **changes: object) -> Run:
    """Make a run that was due ten minutes ago and, when its state says so, began and ended."""
    tick = NOW - timedelta(minutes=10)
    began = None if state is RunState.QUEUED else tick + timedelta(seconds=2)
    made = Run(
        id=run_id("analytics", job, tick),
        project="analytics",
        job=job,
        spec=JOBS[job],
        repository="https://github.com/example/analytics",
        path=".",
        sha=SHA,
        scheduled_for=tick,
        trigger=Trigger.CRON,
        created_at=tick,
        since=tick,
        state=state,
        started_at=began,
        ended_at=tick + timedelta(seconds=44) if state.is_final else None,
        exit_code=0 if state is RunState.SUCCEEDED else 1 if state.is_final else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def row(name: str, pause: Pause | None = None) -> JobRow:
    """Make a job of the live schedule."""
    job = JOBS[name]
    return JobRow("analytics", job, SHA, job.cron.next(NOW), NOW - timedelta(minutes=10), pause, NOW)


RESULTS = (
    ModelResult("finance.orders", ModelStatus.EVALUATED, 12.34, 12345, audits_passed=2),
    ModelResult("finance.refunds", ModelStatus.FAILED, 0.51, error="division by zero\nin line 3"),
    ModelResult("finance.revenue", ModelStatus.BLOCKED, blocked_by=("finance.refunds",)),
    ModelResult("finance.dates", ModelStatus.UP_TO_DATE),
    ModelResult("web.sessions", ModelStatus.CLAIMED_ELSEWHERE, held_by="analytics-daily-20260131t0530"),
)
