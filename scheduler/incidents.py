"""What goes wrong with a job, as values: incidents, missed ticks, and alerts on their way out.

An incident is one stretch of trouble of one job in one environment; at most one is open at a time. Its id is the id of
the run that opened it. An alert has a key: the same key is never told twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Incident:
    """One stretch of trouble. `channel` and `thread_ts` are where its first alert was posted, once it was.

    `details` is what the wording of later alerts needs (plain JSON). `version` is 0 for one that is not stored yet, and
    else what was read: a change made on an older version is refused.
    """

    id: str
    project: str
    job: str
    environment: str
    opened_at: datetime
    closed_at: datetime | None = None
    closed_by_run: str | None = None
    channel: str | None = None
    thread_ts: str | None = None
    last_alert_at: datetime | None = None
    failures: int = 1
    details: Mapping[str, object] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True)
class NewAlert:
    """An alert to be sent: `key` makes it unique for ever, `payload` is plain JSON for the sender."""

    key: str
    payload: Mapping[str, object]
    incident_id: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True)
class StoredAlert:
    """An alert in the outbox, handed to one sender: `attempts` counts this one. `incident` is as it stands now."""

    id: int
    key: str
    payload: Mapping[str, object]
    created_at: datetime
    attempts: int
    incident: Incident | None = None
    sent_at: datetime | None = None
    gave_up_at: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True)
class Missed:
    """Ticks of a job that became no run: from `first` to `last`, both among them; `count` is exact below 50."""

    id: int
    project: str
    job: str
    first: datetime
    last: datetime
    count: int
    recorded_at: datetime
