"""Meshbot's memory: the only door to SQLAlchemy, on SQLite and on Postgres alike.

Git says what should run; the database says what happened. Every method is one transaction. Nothing that depends on a
name is made twice: a run, an incident, an alert that is there already is left alone.
"""

from __future__ import annotations

from scheduler.store.conversations import Conversations
from scheduler.store.deliveries import Deliveries
from scheduler.store.heartbeats import BEAT_EVERY, SILENT, Heartbeats
from scheduler.store.history import History
from scheduler.store.hubrows import Delivery, Followup, InstallationRow, PullRow, RepositoryRow
from scheduler.store.pruning import Pruning
from scheduler.store.repositories import Repositories
from scheduler.store.rows import (
    DueJob,
    Ending,
    Heartbeat,
    JobRow,
    MissedTicks,
    Origin,
    Pause,
    ProjectRow,
    RunFilter,
    ScheduleChange,
    Tick,
    TickBatch,
    TickPlan,
)
from scheduler.store.schedule import Schedule
from scheduler.store.ticks import Ticks
from scheduler.store.trouble import Trouble

__all__ = [
    "BEAT_EVERY",
    "SILENT",
    "Delivery",
    "DueJob",
    "Ending",
    "Followup",
    "Heartbeat",
    "InstallationRow",
    "JobRow",
    "MissedTicks",
    "Origin",
    "Pause",
    "ProjectRow",
    "PullRow",
    "RepositoryRow",
    "RunFilter",
    "ScheduleChange",
    "Store",
    "Tick",
    "TickBatch",
    "TickPlan",
]


class Store(Schedule, Ticks, History, Trouble, Heartbeats, Deliveries, Repositories, Conversations, Pruning):
    """All that Meshbot remembers, in the database at a SQLAlchemy URL; `migrate` it before the first use."""
