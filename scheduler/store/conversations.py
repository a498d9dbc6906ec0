"""What people on GitHub still have to be told of runs, and the graphs that were read for them.

A reply follows its run until the run's last state was told. A failure is posted once. A graph is kept under a key that
says all it depends on, so that it is never wrong, only old.
"""

from __future__ import annotations

import zlib
from dataclasses import fields
from datetime import datetime

from sqlalchemy import exists, select, update

from scheduler.runs import RETRIED, Run
from scheduler.store.database import Database
from scheduler.store.hubrows import Followup
from scheduler.store.hubtables import followups, graphs, posted_failures
from scheduler.store.mapping import run_of
from scheduler.store.tables import runs

_FAILED = [state.value for state in RETRIED]
_NAMES = [field.name for field in fields(Followup)]


class Conversations(Database):
    """Replies that follow runs, failures that were posted, graphs."""

    def follow(self, followup: Followup) -> bool:
        """Let a reply report on a run. False when it does already, which is as good."""
        with self.writing() as connection:
            return connection.execute(self.insert_new(followups).values(vars(followup))).rowcount == 1

    def followup(self, id: str) -> Followup | None:  # noqa: A002 (the name of the column)
        """Find a follow-up."""
        with self.reading() as connection:
            row = connection.execute(select(followups).where(followups.c.id == id)).mappings().first()
            return Followup(**row) if row else None

    def changed_followups(self, limit: int) -> list[tuple[Followup, Run]]:
        """List the replies that do not say the present state of their run, with the run; the last change first."""
        columns = [column.label(f"followup_{column.name}") for column in followups.c]
        query = select(*columns, runs).join(runs, runs.c.id == followups.c.run_id)
        query = query.where(followups.c.told_state.is_distinct_from(runs.c.state))
        with self.reading() as connection:
            rows = connection.execute(query.order_by(runs.c.since.desc(), followups.c.id).limit(limit)).mappings().all()
        return [
            (
                Followup(**{name: row[f"followup_{name}"] for name in _NAMES}),
                run_of({name: value for name, value in row.items() if not name.startswith("followup_")}),
            )
            for row in rows
        ]

    def told(self, followup_id: str, state: str) -> None:
        """Record which state of its run a reply says."""
        with self.writing() as connection:
            mine = update(followups).where(followups.c.id == followup_id)
            connection.execute(mine.values(told_state=state))

    def unposted_failures(self, since: datetime, limit: int) -> list[Run]:
        """List the runs that failed since a time and of which no pull request was told; the last failure first.

        So none that cannot be told is in the way of others.
        """
        posted = exists().where(posted_failures.c.run_id == runs.c.id)
        query = select(runs).where(runs.c.state.in_(_FAILED), runs.c.ended_at >= since, ~posted)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(runs.c.ended_at.desc(), runs.c.id).limit(limit)).mappings()
            return [run_of(row) for row in rows]

    def failure_posted(self, run_id: str, now: datetime) -> None:
        """Record that the failure of a run was posted, or that there is nobody to tell."""
        with self.writing() as connection:
            connection.execute(self.insert_new(posted_failures).values(run_id=run_id, at=now))

    def graph_kept(self, key: str) -> str | None:
        """Find what was kept under a key."""
        with self.reading() as connection:
            packed = connection.execute(select(graphs.c.packed).where(graphs.c.key == key)).scalar()
            return zlib.decompress(packed).decode() if packed is not None else None

    def keep_graph(self, key: str, text: str, now: datetime) -> None:
        """Keep a graph under a key that says all it depends on; the first one stays, and is young again."""
        with self.writing() as connection:
            fresh = {"key": key, "packed": zlib.compress(text.encode()), "kept_at": now}
            if connection.execute(self.insert_new(graphs).values(fresh)).rowcount == 0:
                connection.execute(update(graphs).where(graphs.c.key == key).values(kept_at=now))
