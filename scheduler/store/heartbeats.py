"""Signs of life: which processes of Meshbot are there, and where.

A process says every few seconds that it lives, and at its end that it leaves. One that is silent for `SILENT` is gone,
or cannot reach the database, which comes to the same.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update

from scheduler.store.database import Database
from scheduler.store.rows import Heartbeat
from scheduler.store.tables import heartbeats

BEAT_EVERY = timedelta(seconds=10)
SILENT = timedelta(seconds=45)
"""A process that has said nothing for this long is gone."""

FORGOTTEN = timedelta(days=7)
"""How long the last word of a process is kept, so that one can say since when it is gone."""


class Heartbeats(Database):
    """What processes say of themselves."""

    def beat(self, beating: Heartbeat) -> None:
        """Record that a process lives."""
        mine = (heartbeats.c.process == beating.process, heartbeats.c.instance == beating.instance)
        with self.writing() as connection:
            known = update(heartbeats).where(*mine).values(at=beating.at, place=beating.place)
            if connection.execute(known).rowcount == 0:
                connection.execute(self.insert_new(heartbeats).values(vars(beating)))
                connection.execute(delete(heartbeats).where(heartbeats.c.at < beating.at - FORGOTTEN))

    def fall_silent(self, process: str, instance: str) -> None:
        """Record that a process ends, as it was told to."""
        mine = (heartbeats.c.process == process, heartbeats.c.instance == instance)
        with self.writing() as connection:
            connection.execute(delete(heartbeats).where(*mine))

    def heartbeats(self) -> list[Heartbeat]:
        """List the processes that have not said that they end, those heard of last first."""
        query = select(heartbeats).order_by(heartbeats.c.at.desc(), heartbeats.c.instance)
        with self.reading() as connection:
            return [Heartbeat(**row) for row in connection.execute(query).mappings()]
