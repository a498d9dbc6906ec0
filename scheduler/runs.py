"""A run and its life, as values.

A run is one tick of one job: `(project, job, scheduled_for, attempt)`. Its id is derived from that, and is a lock: a
second "create" of the same run finds the first. A final state is never left; `advance` says every other step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from scheduler.jobfile import Job
from scheduler.observations import Absent, Exited, Observation, Pending, Running

LAUNCH_GRACE = timedelta(seconds=30)
"""A run that is `starting` this long and that its place does not know goes back to the queue."""

_ID_LIMIT = 63  # a DNS label: pods and processes carry the run's name


class RunState(StrEnum):
    """Where a run stands. The last eight are final, and only the reconciler writes them."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    NOOP = "noop"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to the run any more."""
        return self not in ACTIVE


ACTIVE = frozenset({RunState.QUEUED, RunState.STARTING, RunState.RUNNING})
"""The states in which something will still happen to a run."""

RETRIED = frozenset({RunState.FAILED, RunState.PARTIAL, RunState.TIMED_OUT, RunState.LOST})
"""The ends after which a job's `retries` apply. A plan (`interrupted`) and a person (`cancelled`) meant it."""


_STOPPED = 5  # meshrun was asked to end (SIGTERM) and did
_TROUBLE = frozenset({RunState.PARTIAL, RunState.FAILED, RunState.INTERRUPTED})
_BY_CODE = {
    1: RunState.FAILED,
    3: RunState.PARTIAL,
    4: RunState.INTERRUPTED,
    _STOPPED: RunState.LOST,  # nobody cancelled it: a drained node, a stray kill
    None: RunState.LOST,
}


class Trigger(StrEnum):
    """Why a run exists."""

    CRON = "cron"
    MANUAL = "manual"
    RETRY = "retry"
    CATCH_UP = "catch_up"


class ModelStatus(StrEnum):
    """What became of one model in one run."""

    EVALUATED = "evaluated"
    UP_TO_DATE = "up_to_date"
    CLAIMED_ELSEWHERE = "claimed_elsewhere"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True)
class ModelResult:
    """What a run reported of one model (a `model` line of meshrun's report)."""

    model: str
    status: ModelStatus
    seconds: float = 0.0
    rows: int | None = None
    intervals: tuple[tuple[str, str], ...] = ()
    audits_passed: int = 0
    audits_failed: int = 0
    error: str | None = None
    blocked_by: tuple[str, ...] = ()
    held_by: str | None = None


@dataclass(frozen=True)
class Report:
    """All that meshrun said of one run: its model results and its last line, if that came.

    `promoted` maps each model that the environment has to the hash of its data; None when it was not said.
    """

    models: tuple[ModelResult, ...] = ()
    outcome: RunState | None = None
    next_due: datetime | None = None
    error: str | None = None
    promoted: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Run:
    """One run of one job, as the ledger keeps it.

    `spec` is the job as it was when the run was made, so that a later push changes no run that exists. `since` is when
    it came into its present state. `start` and `end` bound a manual run, as meshrun takes them. `not_before` holds a
    retry back. `scheduled_for` is the tick; of a manual run, the moment it was asked for. `place` is where it started;
    only who watches that place can tell how it stands.
    """

    id: str
    project: str
    job: str
    spec: Job
    repository: str
    path: str
    sha: str
    scheduled_for: datetime
    trigger: Trigger
    created_at: datetime
    since: datetime
    state: RunState = RunState.QUEUED
    attempt: int = 1
    retry_of: str | None = None
    requested_by: str | None = None
    start: str | None = None
    end: str | None = None
    not_before: datetime | None = None
    cancel_requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    message: str | None = None
    place: str | None = None


def run_id(project: str, job: str, scheduled_for: datetime, attempt: int = 1) -> str:
    """Name a run: a lower-case DNS label of at most 63 characters, the same for the same run, everywhere.

    `analytics-hourly-20260101t0200`; `-r2` on the second attempt; `-m<seconds and microseconds>` on a run that stands
    on no whole minute, which is every manual one. Two jobs never share a name: a project with a hyphen in it is set
    off by two (`data-platform--hourly-...`), and what is too long or has two hyphens itself carries a hash.
    """
    at = scheduled_for.astimezone(UTC)
    tick = f"{at:%Y%m%dt%H%M}"
    if at.second or at.microsecond:
        tick += f"-m{at:%S%f}"
    if attempt > 1:
        tick += f"-r{attempt}"
    return f"{_job_label(project, job, _ID_LIMIT - len(tick) - 1)}-{tick}"


def _job_label(project: str, job: str, limit: int) -> str:
    label = f"{project}--{job}" if "-" in project else f"{project}-{job}"
    if len(label) <= limit and "--" not in project and "--" not in job:
        return label
    digest = hashlib.sha256(f"{project}/{job}".encode()).hexdigest()[:10]
    return f"{label[: limit - len(digest) - 3].rstrip('-')}--x{digest}"


def manual_tick(now: datetime) -> datetime:
    """Say what a manual run made at `now` is scheduled for: never a whole minute, so that it is never a tick's run."""
    on_the_minute = not (now.second or now.microsecond)
    return now + timedelta(microseconds=1) if on_the_minute else now


def asked_tick(at: datetime, cause: str) -> datetime:
    """Say what a manual run is scheduled for that a `cause` (a line of a comment) asked for in the second `at`.

    The same for the same cause, and another one for another: `at` is known to the second only.
    """
    digest = int.from_bytes(hashlib.sha256(cause.encode()).digest()[:8])
    return at.replace(microsecond=1 + digest % 999_999)


def advance(run: Run, observation: Observation, report: Report, now: datetime) -> Run:
    """Say where a run stands after its place was looked at: the whole transition table.

    Returns `run` itself when nothing changed. A final run is never changed.
    """
    if run.state.is_final:
        return run
    match observation:
        case Absent():
            return _absent(run, report, now)
        case Pending():
            return _enter(run, RunState.STARTING, now) if run.state is RunState.QUEUED else run
        case Running(started_at=started_at):
            return run if run.state is RunState.RUNNING else _enter(run, RunState.RUNNING, now, started_at)
        case Exited():
            return _exited(run, observation, report)
        case _:
            assert_never(observation)


def _absent(run: Run, report: Report, now: datetime) -> Run:
    """Judge a run that its place does not know: not launched yet, or gone without a word."""
    if run.state is RunState.RUNNING:
        if report.outcome is not None:
            return _end(run, report.outcome, now, message=report.error)
        return _end(run, RunState.LOST, now, message="the place it ran in does not know it any more")
    if run.cancel_requested_at is not None:
        return _end(run, RunState.CANCELLED, now, message="cancelled before it began")
    if run.state is RunState.STARTING and abs(now - run.since) >= LAUNCH_GRACE:  # a clock that was ahead is mended
        return replace(_enter(run, RunState.QUEUED, now), place=None)
    return run


def _exited(run: Run, end: Exited, report: Report) -> Run:
    state, message = _verdict(run, end, report)
    return replace(_end(run, state, end.ended_at, message), exit_code=end.code)


def _verdict(run: Run, end: Exited, report: Report) -> tuple[RunState, str | None]:
    """Weigh the place's reason, the exit code and the report. Nothing but exit code 0 makes a success."""
    said = report.error or end.detail
    match end.reason:
        case "timed_out":
            return RunState.TIMED_OUT, said or f"not done within {run.spec.timeout}"
        case "cancelled":
            return RunState.CANCELLED, said
        case "lost":
            return RunState.LOST, said or _words(None)
        case "setup_failed":
            return RunState.FAILED, said or "it could not be set up"
        case _:
            state = _by_code(run, end.code, report)
            return state, said or (_words(end.code) if state in {RunState.FAILED, RunState.LOST} else None)


def _by_code(run: Run, code: int | None, report: Report) -> RunState:
    if code == 0:
        return report.outcome or RunState.SUCCEEDED
    if code in {1, 3, 4} and report.outcome in _TROUBLE:
        return report.outcome
    if run.cancel_requested_at is not None and code not in {1, 2, 3, 4}:
        return RunState.CANCELLED
    return _BY_CODE.get(code, RunState.FAILED)


def _words(code: int | None) -> str:
    """Word an end that nobody has explained."""
    if code is None:
        return "it ended and nobody saw how"
    if code == _STOPPED:
        return "stopped from outside before it was done"
    signal = -code if code < 0 else code - 128
    return f"killed by signal {signal}" if signal > 0 else f"exit code {code}"


def _enter(run: Run, state: RunState, now: datetime, started_at: datetime | None = None) -> Run:
    return replace(run, state=state, since=now, started_at=started_at or run.started_at)


def _end(run: Run, state: RunState, at: datetime, message: str | None) -> Run:
    return replace(run, state=state, since=at, ended_at=at, message=message)


def next_attempt(run: Run, now: datetime) -> Run | None:
    """Make the retry that follows an ended run, held back by the job's backoff; None when there shall be none."""
    if run.state not in RETRIED or run.cancel_requested_at or run.attempt > run.spec.retries.limit:
        return None
    attempt = run.attempt + 1
    return Run(
        id=run_id(run.project, run.job, run.scheduled_for, attempt),
        project=run.project,
        job=run.job,
        spec=run.spec,
        repository=run.repository,
        path=run.path,
        sha=run.sha,
        scheduled_for=run.scheduled_for,
        trigger=Trigger.RETRY,
        created_at=now,
        since=now,
        attempt=attempt,
        retry_of=run.id,
        requested_by=run.requested_by,
        start=run.start,
        end=run.end,
        not_before=now + run.spec.retries.delay(run.attempt),
    )
