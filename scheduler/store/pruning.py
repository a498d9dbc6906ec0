"""What has become old is forgotten, a little at a time.

Never an active run, and never a run of the newest tick of its job: that one says how the job stands. What a run
reported goes with it. An alert that nobody was told of yet stays, and its incident with it. A delivery that is not
handled stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, or_, select

from scheduler.runs import ACTIVE
from scheduler.store.database import Database
from scheduler.store.hubtables import deliveries, followups, graphs, leases, posted_failures, pulls, trusts
from scheduler.store.tables import incidents, jobs, missed_ticks, model_results, outbox, runs

_ENDED = runs.c.state.not_in([state.value for state in ACTIVE])


class Pruning(Database):
    """Forgets."""

    def old_runs(self, before: datetime, limit: int) -> list[str]:
        """List the runs that may be forgotten: they ended before a time, and their job has a newer tick."""
        later = runs.alias("later")
        newer = exists().where(
            later.c.project == runs.c.project,
            later.c.job == runs.c.job,
            later.c.scheduled_for > runs.c.scheduled_for,
        )
        query = select(runs.c.id).where(runs.c.created_at < before, runs.c.ended_at < before, _ENDED, newer)
        with self.reading() as connection:
            return list(connection.execute(query.order_by(runs.c.created_at).limit(limit)).scalars())

    def forget_runs(self, run_ids: Sequence[str]) -> None:
        """Forget ended runs and what they reported. Clear away their logs first: nothing names them afterwards."""
        with self.writing() as connection:
            ended = select(runs.c.id).where(runs.c.id.in_(run_ids), _ENDED)
            for told in (model_results, followups, posted_failures):
                connection.execute(delete(told).where(told.c.run_id.in_(ended)))
            connection.execute(delete(runs).where(runs.c.id.in_(run_ids), _ENDED))

    def forget_trouble(self, before: datetime, limit: int) -> int:
        """Forget missed ticks, alerts and incidents that were settled before a time; return how many rows."""
        with self.writing() as connection:
            told = missed_ticks.c.told_at < before
            count = _delete(connection, missed_ticks, told, limit)
            count += _delete(connection, outbox, _settled(before), limit)
            return count + _delete(connection, incidents, _over(before), limit)

    def forget_deliveries(self, before: datetime, limit: int) -> int:
        """Forget what was handled before a time: deliveries, closed pull requests, graphs; return how many rows."""
        closed = and_(pulls.c.state == "closed", pulls.c.handled_at < before)
        is_open = exists().where(
            pulls.c.repository == trusts.c.repository, pulls.c.number == trusts.c.number, pulls.c.state == "open"
        )
        with self.writing() as connection:
            count = _delete(connection, deliveries, deliveries.c.handled_at < before, limit)
            count += _delete(connection, graphs, graphs.c.kept_at < before, limit)
            connection.execute(delete(leases).where(leases.c.until < before))
            connection.execute(delete(trusts).where(trusts.c.at < before, ~is_open))
            return count + connection.execute(delete(pulls).where(closed)).rowcount


def _settled(before: datetime) -> Any:  # noqa: ANN401 (a condition, whose type says no more)
    is_open = exists().where(incidents.c.id == outbox.c.incident_id, ~_over(before, with_alerts=True))
    return and_(or_(outbox.c.sent_at < before, outbox.c.gave_up_at < before), ~is_open)


def _over(before: datetime, *, with_alerts: bool = False) -> Any:  # noqa: ANN401 (the same)
    """Whether an incident is closed for long, or its job is gone for long, and (unless told so) has no alerts left."""
    mine = (jobs.c.project == incidents.c.project, jobs.c.name == incidents.c.job)
    gone = exists().where(*mine, jobs.c.removed_at < before)
    closed = and_(incidents.c.closed_at.is_not(None), incidents.c.closed_at < before)  # NOT of NULL would be NULL
    over = or_(closed, gone)
    return over if with_alerts else and_(over, ~exists().where(outbox.c.incident_id == incidents.c.id))


def _delete(connection: Connection, table: Any, condition: Any, limit: int) -> int:  # noqa: ANN401 (the same)
    [key] = table.primary_key.columns
    chosen = select(key).where(condition).limit(limit)
    return connection.execute(delete(table).where(key.in_(chosen))).rowcount
