"""Deliveries in their inboxes, and the leases of those who handle them.

A delivery is received once, under any number of simultaneous attempts. An inbox is handled in the order of arrival:
while its oldest pending delivery waits, none of the later ones is handed out. A lease has one holder at a time; when it
runs out, anybody may take it. What was received survives a power cut; who was at it, and how far, may be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update

from scheduler.store.database import Database
from scheduler.store.hubrows import Delivery
from scheduler.store.hubtables import deliveries, installations, leases

GIVEN_UP = "given up"
_CHUNK = 500  # so many names at most are asked for in one statement
_PENDING = deliveries.c.handled_at.is_(None)
_COLUMNS = [column for column in deliveries.c if column.name != "position"]


class Deliveries(Database):
    """What came from GitHub, and what of it is still to be done."""

    def receive(self, delivery: Delivery) -> bool:
        """Store a delivery. False when its id or its subject was received before, which is as good."""
        return self.receive_all([delivery])[0]

    def receive_all(self, arrived: Sequence[Delivery]) -> list[bool]:
        """Store deliveries in one transaction; say of each what `receive` says."""
        insert = self.insert_new(deliveries).returning(deliveries.c.id)
        with self.writing() as connection:
            fresh = set(connection.execute(insert, [vars(one) for one in arrived]).scalars())
        said = []
        for one in arrived:
            said.append(one.id in fresh)
            fresh.discard(one.id)  # of two alike, the first is new
        return said

    def inboxes(self, now: datetime, limit: int) -> list[str]:
        """List the inboxes in which something can be done now, and that nobody has a lease on; the longest wait first.

        Not those of an installation that is limited or suspended (but whether it is, is heard of in its own inbox).
        """
        oldest = select(func.min(deliveries.c.position)).where(_PENDING).group_by(deliveries.c.inbox)
        leased = exists().where(leases.c.name == deliveries.c.inbox, leases.c.until > now)
        query = select(deliveries.c.inbox).where(deliveries.c.position.in_(oldest), ~leased, *_ready(now))
        with self.reading() as connection:
            return list(connection.execute(query.order_by(deliveries.c.position).limit(limit)).scalars())

    def next_delivery(self, inbox: str, now: datetime) -> Delivery | None:
        """Find the oldest pending delivery of an inbox. None when there is none, or when that one must wait."""
        oldest = select(func.min(deliveries.c.position)).where(_PENDING, deliveries.c.inbox == inbox)
        query = select(*_COLUMNS).where(deliveries.c.position == oldest.scalar_subquery(), *_ready(now))
        with self.reading() as connection:
            row = connection.execute(query).mappings().first()
            return Delivery(**row) if row else None

    def delivery(self, id: str) -> Delivery | None:  # noqa: A002 (the name of the column)
        """Find a delivery, handled or not."""
        with self.reading() as connection:
            row = connection.execute(select(*_COLUMNS).where(deliveries.c.id == id)).mappings().first()
            return Delivery(**row) if row else None

    def handled(self, id: str, outcome: str, now: datetime) -> None:  # noqa: A002 (the same)
        """Record that a delivery was handled, and what became of it. Its payload is not needed any more."""
        self._settle(id, {"handled_at": now, "outcome": outcome, "payload": "", "error": None})

    def postpone(
        self,
        id: str,  # noqa: A002 (the same)
        not_before: datetime,
        error: str,
        attempts: int | None = None,
    ) -> None:
        """Record that an attempt failed, and when the next one is due. The whole inbox waits with it.

        `attempts` is how many there were, for whoever counts them by itself; else there is one more.
        """
        tried = deliveries.c.attempts + 1 if attempts is None else attempts
        self._settle(id, {"not_before": not_before, "attempts": tried, "error": error})

    def give_up(self, id: str, error: str, now: datetime) -> None:  # noqa: A002 (the same)
        """Record that a delivery will not be handled, and why; its inbox goes on without it."""
        self._settle(id, {"handled_at": now, "outcome": GIVEN_UP, "error": error})

    def known(self, ids: Iterable[str]) -> set[str]:
        """Say which of these deliveries were received."""
        asked, found = sorted(set(ids)), set[str]()
        with self.reading() as connection:
            for first in range(0, len(asked), _CHUNK):
                query = select(deliveries.c.id).where(deliveries.c.id.in_(asked[first : first + _CHUNK]))
                found.update(connection.execute(query).scalars())
        return found

    def pending_count(self) -> int:
        """Count the deliveries that are still to be handled."""
        with self.reading() as connection:
            return connection.execute(select(func.count()).where(_PENDING)).scalar_one()

    def given_up(self, since: datetime, limit: int = 100) -> list[Delivery]:
        """List the deliveries that were given up since a time, the last first."""
        lost = (deliveries.c.outcome == GIVEN_UP, deliveries.c.handled_at >= since)
        query = select(*_COLUMNS).where(*lost).order_by(deliveries.c.handled_at.desc()).limit(limit)
        with self.reading() as connection:
            return [Delivery(**row) for row in connection.execute(query).mappings()]

    def take_lease(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take a lease if nobody has it at `now`, not even `holder`. Of several who try at once, one has it."""
        over = (leases.c.name == name, leases.c.until <= now)
        with self.writing(durable=False) as connection:
            fresh = self.insert_new(leases).values(name=name, holder=holder, until=until)
            if connection.execute(fresh).rowcount == 1:
                return True
            return connection.execute(update(leases).where(*over).values(holder=holder, until=until)).rowcount == 1

    def renew_lease(self, name: str, holder: str, until: datetime) -> bool:
        """Keep a lease until a later time. False when somebody else has it, or it was dropped: stop at once."""
        mine = (leases.c.name == name, leases.c.holder == holder)
        with self.writing(durable=False) as connection:
            return connection.execute(update(leases).where(*mine).values(until=until)).rowcount == 1

    def drop_lease(self, name: str, holder: str) -> None:
        """Give a lease back; what somebody else holds stays theirs."""
        with self.writing(durable=False) as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))

    def drop_leases(self, holder: str) -> int:
        """Give back everything that a holder had, which is known to have ended; return how many leases those were."""
        with self.writing(durable=False) as connection:
            return connection.execute(delete(leases).where(leases.c.holder == holder)).rowcount

    def _settle(self, delivery_id: str, values: dict[str, Any]) -> None:
        with self.writing(durable=False) as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery_id, _PENDING).values(values))


def _ready(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Say when a delivery can be handled: its time has come, and so has its installation's."""
    limited = installations.c.limited_until > now
    suspended = (installations.c.state == "suspended") & ~deliveries.c.inbox.startswith("installation:")
    held = exists().where(installations.c.id == deliveries.c.installation, or_(limited, suspended))
    return deliveries.c.not_before <= now, ~held
