"""What GitHub says, who handles it, and what was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger()


def upgrade() -> None:
    """Add the tables; nothing that is there changes."""
    _deliveries()
    _installations()
    _pulls()
    _conversations()


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("installation", NUMBER),
        sa.Column("repository", NUMBER),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", AT, nullable=False),
        sa.Column("not_before", AT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("handled_at", AT),
        sa.Column("outcome", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("position", name="pk_deliveries"),
        sa.UniqueConstraint("id", name="uq_deliveries_id"),
        sa.UniqueConstraint("subject", name="uq_deliveries_subject"),
    )
    op.create_index("ix_deliveries_handled_at", "deliveries", ["handled_at"], unique=False)
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["inbox", "position"],
        unique=False,
        sqlite_where=sa.text("handled_at IS NULL"),
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", AT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _installations() -> None:
    op.create_table(
        "installations",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("limited_until", AT),
        sa.PrimaryKeyConstraint("id", name="pk_installations"),
    )
    op.create_table(
        "repositories",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("installation", NUMBER, nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("default_branch", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("handled_sha", sa.Text()),
        sa.Column("handled_at", AT),
        sa.PrimaryKeyConstraint("id", name="pk_repositories"),
    )
    op.create_index("ix_repositories_full_name", "repositories", ["full_name"], unique=False)
    op.create_index("ix_repositories_installation", "repositories", ["installation"], unique=False)
    op.create_table(
        "syncs",
        sa.Column("repository", NUMBER, autoincrement=False, nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("planned_at", AT, nullable=False),
        sa.Column("merged_at", AT),
        sa.PrimaryKeyConstraint("repository", "sha", name="pk_syncs"),
    )


def _pulls() -> None:
    op.create_table(
        "pulls",
        sa.Column("repository", NUMBER, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("handled_head", sa.Text()),
        sa.Column("handled_at", AT),
        sa.PrimaryKeyConstraint("repository", "number", name="pk_pulls"),
    )
    op.create_table(
        "trusts",
        sa.Column("repository", NUMBER, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("repository", "number", "sha", name="pk_trusts"),
    )


def _conversations() -> None:
    op.create_table(
        "followups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("installation", NUMBER, nullable=False),
        sa.Column("repository", NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reply_kind", sa.Text(), nullable=False),
        sa.Column("reply_id", NUMBER, nullable=False),
        sa.Column("words", sa.Text()),
        sa.Column("told_state", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_followups"),
    )
    op.create_index("ix_followups_run_id", "followups", ["run_id"], unique=False)
    op.create_index("uq_followups_reply", "followups", ["reply_kind", "reply_id", "run_id"], unique=True)
    op.create_table(
        "posted_failures",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_posted_failures"),
    )
    op.create_table(
        "graphs",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_graphs"),
    )
    op.create_index("ix_graphs_kept_at", "graphs", ["kept_at"], unique=False)
