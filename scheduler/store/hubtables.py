"""The tables of what GitHub says and of what it was told, beside those of `tables`.

The migrations make exactly these tables; a test compares the two. Ids that GitHub gives are numbers of 64 bits. Nothing
here refers to a run by a foreign key: a run may be forgotten first.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, text

from scheduler.store.tables import UtcDateTime, metadata

deliveries = Table(
    "deliveries",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # the order of arrival
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("subject", Text, unique=True),  # what must be handled once under any delivery id
    Column("installation", BigInteger),
    Column("repository", BigInteger),
    Column("payload", Text, nullable=False),  # emptied when it was handled
    Column("received_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("handled_at", UtcDateTime, index=True),  # handled or given up; NULL: pending
    Column("outcome", Text),
    Column("error", Text),
    Index(
        "ix_deliveries_pending",
        "inbox",
        "position",
        sqlite_where=text("handled_at IS NULL"),
        postgresql_where=text("handled_at IS NULL"),
    ),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

installations = Table(
    "installations",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("state", Text, nullable=False),  # active, suspended, removed
    Column("limited_until", UtcDateTime),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("installation", BigInteger, nullable=False, index=True),
    Column("full_name", Text, nullable=False, index=True),
    Column("default_branch", Text, nullable=False),
    Column("state", Text, nullable=False),  # active, archived, removed
    Column("handled_sha", Text),
    Column("handled_at", UtcDateTime),
)

syncs = Table(
    "syncs",
    metadata,
    Column("repository", BigInteger, primary_key=True, autoincrement=False),
    Column("sha", Text, primary_key=True),
    Column("words", Text, nullable=False),  # what it does to the schedule, as its reader wrote it
    Column("planned_at", UtcDateTime, nullable=False),
    Column("merged_at", UtcDateTime),  # NULL: perhaps not merged yet
)

pulls = Table(
    "pulls",
    metadata,
    Column("repository", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("head", Text, nullable=False),
    Column("state", Text, nullable=False),  # open, closed
    Column("author", Text, nullable=False),
    Column("handled_head", Text),
    Column("handled_at", UtcDateTime),
)

trusts = Table(
    "trusts",
    metadata,
    Column("repository", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

followups = Table(
    "followups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, nullable=False, index=True),
    Column("installation", BigInteger, nullable=False),
    Column("repository", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("reply_kind", Text, nullable=False),  # issue, review_comment
    Column("reply_id", BigInteger, nullable=False),
    Column("words", Text),
    Column("told_state", Text),
    Index("uq_followups_reply", "reply_kind", "reply_id", "run_id", unique=True),
)

posted_failures = Table(
    "posted_failures",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

graphs = Table(
    "graphs",
    metadata,
    Column("key", Text, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
    Column("kept_at", UtcDateTime, nullable=False, index=True),
)
