"""Jobs and ended runs, made from a few words, for tests of what is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from scheduler.alerts import Alert, Decision, decide
from scheduler.incidents import Incident
from scheduler.jobfile import AlertOn, Alerts, Job, JobType
from scheduler.runs import ModelResult, ModelStatus, Run, RunState, Trigger, run_id

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
STATES = {
    "ok": RunState.SUCCEEDED,
    "noop": RunState.NOOP,
    "fail": RunState.FAILED,
    "partial": RunState.PARTIAL,
    "timeout": RunState.TIMED_OUT,
    "lost": RunState.LOST,
    "interrupted": RunState.INTERRUPTED,
    "cancelled": RunState.CANCELLED,
}
MARKS = {
    "": ModelStatus.FAILED,
    "~": ModelStatus.BLOCKED,
    "?": ModelStatus.CLAIMED_ELSEWHERE,
    "+": ModelStatus.EVALUATED,
}


def a_job(on: Iterable[str] = ("failure", "recovery"), *, janitor: bool = False, **alerts: object) -> Job:
    return Job(
        name="cleanup" if janitor else "hourly",
        type=JobType.JANITOR if janitor else JobType.RUN,
        schedule="*/15 * * * *",
        alerts=Alerts(on=frozenset(map(AlertOn, on)), **alerts),
    )


def a_result(word: str) -> ModelResult:
    """`a` failed, `~b` was blocked behind it, `?c` was claimed elsewhere, `+d` was evaluated."""
    mark = word[0] if word[0] in MARKS else ""
    return ModelResult(model=f"shop.{word.removeprefix(mark)}", status=MARKS[mark], error=None if mark else "boom")


def a_run(state: RunState, at: datetime = NOON, job: Job | None = None) -> Run:
    job = job or a_job()
    return Run(
        id=run_id("analytics", job.name, at),
        project="analytics",
        job=job.name,
        spec=job,
        repository="file:///repository",
        path=".",
        sha="0" * 40,
        scheduled_for=at,
        trigger=Trigger.CRON,
        created_at=at,
        since=at,
        state=state,
        started_at=at,
        ended_at=at + timedelta(minutes=2),
    )


@dataclass
class Told:
    """A job's runs told one after another, as the store and the reconciler would."""

    job: Job = field(default_factory=a_job)
    now: datetime = NOON
    incident: Incident | None = None
    alerts: list[Alert] = field(default_factory=list)

    def ends(self, words: str, after: timedelta = timedelta(minutes=15)) -> str:
        """Let a run end, `after` the one before it; return the kinds of what is told, in order."""
        self.now += after
        state, *models = words.removeprefix("retried ").split()
        run = a_run(STATES[state], self.now, self.job)
        results = tuple(map(a_result, models))
        return self.told(decide(run, results, self.incident, will_retry=words.startswith("retried "), now=self.now))

    def told(self, decision: Decision) -> str:
        if decision.incident is not None:
            self.incident = replace(decision.incident, version=decision.incident.version + 1)
        new = [Alert.from_json(alert.payload) for alert in decision.alerts]
        assert [a.key for a in new] == [a.key for a in decision.alerts]
        assert [a.incident for a in new] == [a.incident_id for a in decision.alerts]
        self.alerts += new
        return " ".join(f"{a.kind}{' (thread only)' if a.thread_only else ''}" for a in new)
