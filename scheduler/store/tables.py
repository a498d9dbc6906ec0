"""The tables of Meshbot's own database.

The migrations make exactly these tables; a test compares the two. Times are UTC and know it; a naive one is refused.
Jobs are never deleted: a run keeps its job, and a job that comes back keeps its history.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time. SQLite keeps no zone, so there it is written in UTC and read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write a time; raises `ValueError` for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"storing {value}: it has no time zone; use an aware datetime in UTC")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Read a time, aware and in UTC."""
        if value is None:
            return None
        at: datetime = value
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

projects = Table(
    "projects",
    metadata,
    Column("name", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("merged_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
)

jobs = Table(
    "jobs",
    metadata,
    Column("project", Text, ForeignKey("projects.name"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("spec", Text, nullable=False),  # the Job, as JSON
    Column("schedule", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("next_tick", UtcDateTime, index=True),  # NULL: removed
    Column("last_tick", UtcDateTime),
    Column("pause_reason", Text),  # the operator's pause; NULL: none
    Column("pause_until", UtcDateTime),
    Column("paused_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("scheduled_for", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("retry_of", Text),
    Column("requested_by", Text),
    Column("start", Text),
    Column("end", Text),
    Column("state", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime),
    Column("cancel_requested_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("exit_code", Integer),
    Column("message", Text),
    Column("place", Text),  # where it was started; NULL: nowhere yet
    ForeignKeyConstraint(["project", "job"], ["jobs.project", "jobs.name"]),
    UniqueConstraint("project", "job", "scheduled_for", "attempt"),
    Index(None, "state", "created_at"),
    Index(None, "created_at"),
)

model_results = Table(
    "model_results",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("rows", BigInteger),
    Column("intervals", Text, nullable=False),  # JSON
    Column("audits_passed", Integer, nullable=False),
    Column("audits_failed", Integer, nullable=False),
    Column("error", Text),
    Column("blocked_by", Text, nullable=False),  # JSON
    Column("held_by", Text),
)

missed_ticks = Table(
    "missed_ticks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("first", UtcDateTime, nullable=False),
    Column("last", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime),
    ForeignKeyConstraint(["project", "job"], ["jobs.project", "jobs.name"]),
    Index(None, "told_at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", Text, primary_key=True),  # clock, worker, watch
    Column("instance", Text, primary_key=True),
    Column("place", Text),
    Column("since", UtcDateTime, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by_run", Text),
    Column("channel", Text),
    Column("thread_ts", Text),
    Column("last_alert_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Column("version", Integer, nullable=False),
    Index("ix_incidents_latest", "project", "job", "environment", "closed_at"),
    Index(
        "uq_incidents_open",
        "project",
        "job",
        "environment",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), index=True),
    Column("payload", Text, nullable=False),  # JSON
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("gave_up_at", UtcDateTime),
    Column("last_error", Text),
    Index("ix_outbox_waiting", "sent_at", "gave_up_at", "not_before"),
)
