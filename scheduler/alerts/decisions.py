"""What is told when a run ends, runs long, or never runs: from values to alerts, with time as a value.

A decision is made inside the transaction that ends the run. Its alerts go into the outbox with it, so that an alert is
kept exactly when its cause is; an alert's key is derived from its cause, so deciding twice is harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from scheduler.alerts import wording
from scheduler.alerts.blockkit import blocks
from scheduler.alerts.message import Message, plain, span
from scheduler.alerts.outbreaks import Ending, Kind, Outbreak, follow
from scheduler.alerts.wording import Scene
from scheduler.incidents import Incident, Missed, NewAlert
from scheduler.jobfile import AlertOn, Job
from scheduler.runs import ModelResult, Run, RunState

BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(minutes=15)
REFUSED_BACKOFF = timedelta(minutes=1)
LONGEST_REFUSED_BACKOFF = timedelta(hours=1)

_SENTENCES = {
    Kind.OPENED: wording.opened,
    Kind.CHANGED: wording.changed,
    Kind.REMINDER: wording.reminder,
    Kind.REOPENED: wording.reopened,
    Kind.RECOVERED: wording.recovered,
}
_SHOWN_IN_CHANNEL = frozenset({Kind.REMINDER, Kind.RECOVERED})


@dataclass(frozen=True)
class ThreadRef:
    """Where an incident's thread is: Slack's channel id, and the timestamp of the thread's first message."""

    channel: str
    ts: str


@dataclass(frozen=True)
class Alert:
    """One thing to tell, ready to be sent.

    `key` is the same whenever the same thing is decided. Alerts with the same `incident` belong into one thread, in the
    order in which they were decided. `title` is one line, `text` is everything in plain text, `blocks` the same for
    Slack. A `thread_only` alert is the last line of a thread and is told nowhere else; a `broadcast` one is a reply
    that the channel shows too.
    """

    key: str
    kind: Kind
    project: str
    job: str
    channel: str | None
    at: datetime
    title: str
    text: str
    blocks: tuple[dict[str, Any], ...]
    incident: str | None = None
    thread_only: bool = False
    broadcast: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, for the outbox."""
        return dict(_ADAPTER.dump_python(self, mode="json"))

    @staticmethod
    def from_json(value: object) -> Alert:
        """Return what `to_json` gave."""
        return _ADAPTER.validate_python(value)


@dataclass(frozen=True)
class Decision:
    """The job's incident as it shall be stored (None: nothing to store), and what goes into the outbox."""

    incident: Incident | None = None
    alerts: tuple[NewAlert, ...] = ()


def decide(
    run: Run, results: Sequence[ModelResult], incident: Incident | None, *, will_retry: bool, now: datetime
) -> Decision:
    """Say what a run's end tells.

    `incident` is the latest of the job in its environment, open or closed: a failure soon after a recovery opens it
    again. `will_retry` is true when another attempt follows: only the last one is told. A cancelled run changes nothing
    and tells nothing, because a person meant it.
    """
    if will_retry or run.state is RunState.CANCELLED:
        return Decision()
    before = None if incident is None else Outbreak.from_json(incident.details)
    step = follow(before, _ending(run, tuple(results), now), now)
    alerts = _of_run(run, results, now)
    if step.kind is not None and step.outbreak is not None:
        alerts = _with_incident(step.kind, Scene(run, tuple(results), step.outbreak, before), alerts, now)
    changed = step.outbreak if step.outbreak != before else None
    stored = tuple(_new_alert(alert) for alert in alerts)
    return Decision(None if changed is None else _stored(run, changed, incident), stored)


def overdue(run: Run, now: datetime) -> NewAlert | None:
    """Say that a run takes longer than its job should; None when it does not, or nobody asked.

    The key is that of the run, so it may be decided at every look at the run and is told once.
    """
    late = _late(run, now)
    return None if late is None else _new_alert(late)


def missed(job: Job, gaps: Sequence[Missed], now: datetime) -> NewAlert | None:
    """Say that ticks of `job` will never run; None when there are none, or the job does not want to hear of it.

    All `gaps` are of this job.
    """
    if not gaps or AlertOn.MISSED not in job.alerts.on:
        return None
    key = f"{gaps[0].project}/{job.name}:{max(gap.id for gap in gaps)}:{Kind.MISSED}"
    return _new_alert(_written(key, Kind.MISSED, (gaps[0].project, job), wording.missed(job, gaps), now))


def backoff(attempts: int, *, refused: bool = False) -> timedelta:
    """Say how long to wait after `attempts` (1 or more) sendings that failed. It grows to a bound and never gives up.

    `refused` is a fault that a person must mend (a wrong token, an unknown channel), for which there is less hurry.
    """
    first, longest = (REFUSED_BACKOFF, LONGEST_REFUSED_BACKOFF) if refused else (BACKOFF, LONGEST_BACKOFF)
    return min(first * (1 << min(max(attempts, 1) - 1, 16)), longest)


def _ending(run: Run, results: tuple[ModelResult, ...], now: datetime) -> Ending:
    return Ending(
        run_id=run.id,
        state=run.state,
        results=results,
        at=run.ended_at or now,
        tells=AlertOn.FAILURE in run.spec.alerts.on,
        bounded=run.start is not None or run.end is not None,
        repeats=run.retry_of is not None,
    )


def _stored(run: Run, outbreak: Outbreak, before: Incident | None) -> Incident:
    """Write an outbreak as the incident that the store keeps; the thread and the version stay as they were read.

    One that is not serious is stored closed: nothing is wrong that anybody should see.
    """
    blank = Incident(outbreak.id, run.project, run.job, run.spec.environment, outbreak.opened_at)
    closed_at = outbreak.closed_at if outbreak.serious else outbreak.closed_at or outbreak.opened_at
    return replace(
        before if before is not None and before.id == outbreak.id else blank,
        opened_at=outbreak.opened_at,
        closed_at=closed_at,
        closed_by_run=run.id if outbreak.closed_at is not None else None,
        last_alert_at=outbreak.told_at,
        failures=outbreak.failures,
        details=outbreak.to_json(),
    )


def _with_incident(kind: Kind, scene: Scene, others: tuple[Alert, ...], now: datetime) -> tuple[Alert, ...]:
    """Put what an incident tells before what the run tells by itself, and leave out what would be said twice.

    A recovery that the job did not choose only closes the thread, if there is one.
    """
    chosen = kind is not Kind.RECOVERED or AlertOn.RECOVERY in scene.run.spec.alerts.on
    if not chosen and scene.outbreak.told_at is None:
        return others
    alert = replace(
        _alert(scene.run, kind, _SENTENCES[kind](scene), now),
        incident=scene.outbreak.id,
        thread_only=not chosen,
        broadcast=chosen and kind in _SHOWN_IN_CHANNEL,
    )
    said = {Kind.SUCCEEDED} if kind is Kind.RECOVERED else {Kind.SUCCEEDED, Kind.LONGER_THAN}
    return (alert, *(other for other in others if not chosen or other.kind not in said))


def _of_run(run: Run, results: Sequence[ModelResult], now: datetime) -> tuple[Alert, ...]:
    """Write what a run tells by itself."""
    good = run.state is RunState.SUCCEEDED and AlertOn.SUCCESS in run.spec.alerts.on
    told = _alert(run, Kind.SUCCEEDED, wording.succeeded(run, results), now) if good else None
    return tuple(alert for alert in (told, _late(run, now)) if alert is not None)


def _late(run: Run, now: datetime) -> Alert | None:
    limit = run.spec.alerts.longer_than
    if limit is None or run.started_at is None:
        return None
    took = (run.ended_at or now) - run.started_at
    if took <= limit:
        return None
    return _alert(run, Kind.LONGER_THAN, wording.longer_than(run, span(took), span(limit)), now)


def _alert(run: Run, kind: Kind, message: Message, now: datetime) -> Alert:
    return _written(f"{run.id}:{kind}", kind, (run.project, run.spec), message, now)


def _written(key: str, kind: Kind, job: tuple[str, Job], message: Message, now: datetime) -> Alert:
    project, spec = job
    return Alert(
        key=key,
        kind=kind,
        project=project,
        job=spec.name,
        channel=spec.alerts.slack_channel,
        at=now,
        title=f"{message.mark} {message.title}",
        text=plain(message),
        blocks=blocks(message),
    )


def _new_alert(alert: Alert) -> NewAlert:
    return NewAlert(key=alert.key, payload=alert.to_json(), incident_id=alert.incident)


_ADAPTER = TypeAdapter(Alert)
