"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make all tables."""
    _projects()
    _jobs()
    _runs()
    _model_results()
    _missed_ticks()
    _incidents()
    _outbox()


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("merged_at", AT, nullable=False),
        sa.Column("removed_at", AT),
        sa.PrimaryKeyConstraint("name", name="pk_projects"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("next_tick", AT),
        sa.Column("last_tick", AT),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("pause_until", AT),
        sa.Column("paused_at", AT),
        sa.Column("updated_at", AT, nullable=False),
        sa.Column("removed_at", AT),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_jobs_projects"),
        sa.PrimaryKeyConstraint("project", "name", name="pk_jobs"),
    )
    op.create_index("ix_jobs_next_tick", "jobs", ["next_tick"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("scheduled_for", AT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("retry_of", sa.Text()),
        sa.Column("requested_by", sa.Text()),
        sa.Column("start", sa.Text()),
        sa.Column("end", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", AT, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("not_before", AT),
        sa.Column("cancel_requested_at", AT),
        sa.Column("started_at", AT),
        sa.Column("ended_at", AT),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("message", sa.Text()),
        sa.ForeignKeyConstraint(["project", "job"], ["jobs.project", "jobs.name"], name="fk_runs_jobs"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint(
            "project", "job", "scheduled_for", "attempt", name="uq_runs_project_job_scheduled_for_attempt"
        ),
    )
    op.create_index("ix_runs_created_at", "runs", ["created_at"], unique=False)
    op.create_index("ix_runs_state_created_at", "runs", ["state", "created_at"], unique=False)


def _model_results() -> None:
    op.create_table(
        "model_results",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("intervals", sa.Text(), nullable=False),
        sa.Column("audits_passed", sa.Integer(), nullable=False),
        sa.Column("audits_failed", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("blocked_by", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Text()),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_model_results_runs"),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_model_results"),
    )


def _missed_ticks() -> None:
    op.create_table(
        "missed_ticks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("first", AT, nullable=False),
        sa.Column("last", AT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("recorded_at", AT, nullable=False),
        sa.Column("told_at", AT),
        sa.ForeignKeyConstraint(["project", "job"], ["jobs.project", "jobs.name"], name="fk_missed_ticks_jobs"),
        sa.PrimaryKeyConstraint("id", name="pk_missed_ticks"),
    )
    op.create_index("ix_missed_ticks_told_at", "missed_ticks", ["told_at"], unique=False)


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("opened_at", AT, nullable=False),
        sa.Column("closed_at", AT),
        sa.Column("closed_by_run", sa.Text()),
        sa.Column("channel", sa.Text()),
        sa.Column("thread_ts", sa.Text()),
        sa.Column("last_alert_at", AT),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_latest", "incidents", ["project", "job", "environment", "closed_at"], unique=False)
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["project", "job", "environment"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text()),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("not_before", AT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", AT),
        sa.Column("gave_up_at", AT),
        sa.Column("last_error", sa.Text()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_outbox_incidents"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_incident_id", "outbox", ["incident_id"], unique=False)
    op.create_index("ix_outbox_waiting", "outbox", ["sent_at", "gave_up_at", "not_before"], unique=False)
