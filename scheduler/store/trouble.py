"""Incidents, missed ticks and the outbox of alerts.

An alert is recorded together with what it tells, and sent later: a Slack that is down delays nothing and loses
nothing. A sender takes alerts on a lease; when it dies, another one takes them after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from scheduler.incidents import Incident, Missed, NewAlert, StoredAlert
from scheduler.store.database import Database
from scheduler.store.mapping import Row, alert_of, alert_row, incident_of, missed_of
from scheduler.store.tables import incidents, missed_ticks, outbox

LEASE = timedelta(seconds=60)
"""How long a sender may take over the alerts that it took."""

_WAITING = (outbox.c.sent_at.is_(None), outbox.c.gave_up_at.is_(None))


class Trouble(Database):
    """What went wrong, and who is still to be told."""

    def open_incident(self, project: str, job: str, environment: str) -> Incident | None:
        """Find the open incident of a job in an environment."""
        mine = (incidents.c.project == project, incidents.c.job == job, incidents.c.environment == environment)
        with self.reading() as connection:
            row = connection.execute(select(incidents).where(*mine, incidents.c.closed_at.is_(None))).mappings().first()
            return incident_of(row) if row else None

    def latest_incident(self, project: str, job: str, environment: str) -> Incident | None:
        """Find the open incident of a job in an environment, or else the one that was closed last."""
        mine = (incidents.c.project == project, incidents.c.job == job, incidents.c.environment == environment)
        order = (incidents.c.closed_at.is_not(None), incidents.c.closed_at.desc(), incidents.c.id.desc())
        with self.reading() as connection:
            row = connection.execute(select(incidents).where(*mine).order_by(*order).limit(1)).mappings().first()
            return incident_of(row) if row else None

    def incidents(self, *, open_only: bool = True, limit: int = 100) -> list[Incident]:
        """List incidents, the newest first."""
        query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
        if open_only:
            query = query.where(incidents.c.closed_at.is_(None))
        with self.reading() as connection:
            return [incident_of(row) for row in connection.execute(query).mappings()]

    def queue_alerts(self, alerts: Sequence[NewAlert], now: datetime) -> None:
        """Put alerts that come of no ended run into the outbox; those that were ever there are left as they are."""
        if alerts:
            with self.writing() as connection:
                connection.execute(self.insert_new(outbox), [alert_row(alert, now) for alert in alerts])

    def take_alerts(self, now: datetime, limit: int = 10, lease: timedelta = LEASE) -> list[StoredAlert]:
        """Hand out alerts to one sender, who must say `mark_sent`, `postpone` or `give_up` within the lease.

        Of one incident only the oldest waiting alert is handed out, so that its thread begins with its beginning.
        """
        other = outbox.alias()
        waiting = (other.c.sent_at.is_(None), other.c.gave_up_at.is_(None))
        earlier = select(other.c.id).where(other.c.incident_id == outbox.c.incident_id, other.c.id < outbox.c.id)
        query = select(outbox).where(*_WAITING, outbox.c.not_before <= now, ~earlier.where(*waiting).exists())
        query = query.order_by(outbox.c.id).limit(limit).with_for_update(skip_locked=True)
        with self.writing() as connection:
            rows = connection.execute(query).mappings().all()
            taken = {"not_before": now + lease, "attempts": outbox.c.attempts + 1}
            connection.execute(update(outbox).where(outbox.c.id.in_([row["id"] for row in rows])).values(taken))
            return [_alert(connection, {**row, "attempts": row["attempts"] + 1}) for row in rows]

    def mark_sent(self, alert_id: int, now: datetime, channel: str | None = None, thread_ts: str | None = None) -> None:
        """Record that an alert was told; the first of an incident also says where its thread is."""
        with self.writing() as connection:
            connection.execute(_this(alert_id).values(sent_at=now, last_error=None))
            if thread_ts is not None:
                of_alert = select(outbox.c.incident_id).where(outbox.c.id == alert_id).scalar_subquery()
                unthreaded = update(incidents).where(incidents.c.id == of_alert, incidents.c.thread_ts.is_(None))
                connection.execute(unthreaded.values(channel=channel, thread_ts=thread_ts))

    def postpone_alert(self, alert_id: int, until: datetime, error: str) -> None:
        """Record that an alert could not be told, and when to try again."""
        with self.writing() as connection:
            connection.execute(_this(alert_id).values(not_before=until, last_error=error))

    def give_up_alert(self, alert_id: int, error: str, now: datetime) -> None:
        """Record that an alert will never be told, and why; later ones of its incident go on."""
        with self.writing() as connection:
            connection.execute(_this(alert_id).values(gave_up_at=now, last_error=error))

    def alerts(self, *, unsent_only: bool = True, limit: int = 100) -> list[StoredAlert]:
        """List the outbox, the newest first."""
        query = select(outbox).order_by(outbox.c.id.desc()).limit(limit)
        if unsent_only:
            query = query.where(outbox.c.sent_at.is_(None))
        with self.reading() as connection:
            return [_alert(connection, row) for row in connection.execute(query).mappings().all()]

    def untold_missed(self, limit: int = 100) -> list[Missed]:
        """List missed ticks that nobody has decided about, the oldest first."""
        query = select(missed_ticks).where(missed_ticks.c.told_at.is_(None)).order_by(missed_ticks.c.id).limit(limit)
        with self.reading() as connection:
            return [missed_of(row) for row in connection.execute(query).mappings()]

    def tell_missed(self, missed: Sequence[int], alerts: Sequence[NewAlert], now: datetime) -> None:
        """Record that missed ticks were dealt with, and the alerts that came of it, in one transaction."""
        with self.writing() as connection:
            connection.execute(update(missed_ticks).where(missed_ticks.c.id.in_(missed)).values(told_at=now))
            rows = [alert_row(alert, now) for alert in alerts]
            if rows:
                connection.execute(self.insert_new(outbox), rows)


def _this(alert_id: int) -> Any:  # noqa: ANN401 (an Update, whose type says no more)
    return update(outbox).where(outbox.c.id == alert_id)


def _alert(connection: Connection, row: Row) -> StoredAlert:
    if row["incident_id"] is None:
        return alert_of(row, None)
    query = select(incidents).where(incidents.c.id == row["incident_id"])
    return alert_of(row, incident_of(connection.execute(query).mappings().one()))
