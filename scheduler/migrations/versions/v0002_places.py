"""Where a run was started, and which processes are alive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add both; runs that are under way keep no place, and whoever watches looks at them."""
    op.add_column("runs", sa.Column("place", sa.Text()))
    op.create_table(
        "heartbeats",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("place", sa.Text()),
        sa.Column("since", AT, nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("process", "instance", name="pk_heartbeats"),
    )
