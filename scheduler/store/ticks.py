"""The tick ledger: which ticks are due, and the runs that they became.

A job's next tick moves and the runs of the ticks before it are made in one transaction, so a tick is either still due
or has its run. Several clocks share the work: each locks the jobs that it takes (Postgres) or waits for the other
(SQLite), and a run that exists already is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from scheduler.runs import RunState, run_id
from scheduler.store.database import Database
from scheduler.store.mapping import Row, due_of
from scheduler.store.rows import DueJob, MissedTicks, TickBatch, TickPlan
from scheduler.store.tables import jobs, missed_ticks, projects, runs

Decide = Callable[[DueJob], TickPlan]

AHEAD = timedelta(minutes=2)
"""A last tick this far in the future means that the machine's clock was wrong when it was recorded."""

_LEDGER = select(jobs, projects.c.sha, projects.c.repository, projects.c.path).join(
    projects, projects.c.name == jobs.c.project
)
_MOVE = (
    update(jobs)
    .where(jobs.c.project == bindparam("of_project"), jobs.c.name == bindparam("of_name"))
    .values(next_tick=bindparam("to_next"), last_tick=bindparam("to_last"))
)


class Ticks(Database):
    """What the clock reads and writes."""

    def next_due(self) -> datetime | None:
        """Say when the next tick of any job is; None when nothing is scheduled."""
        with self.reading() as connection:
            due: datetime | None = connection.execute(select(func.min(jobs.c.next_tick))).scalar_one()
            return due

    def record_ticks(self, now: datetime, decide: Decide, limit: int = 500) -> TickBatch:
        """Turn due ticks into queued runs, for at most `limit` jobs, in one transaction.

        `decide` is called in the transaction, so that what it sees is what is moved. Fewer than `limit` jobs may be
        taken although more are due: another clock has them.
        """
        due = _LEDGER.where(jobs.c.next_tick <= now).order_by(jobs.c.next_tick).limit(limit)
        with self.writing() as connection:
            taken = connection.execute(due.with_for_update(of=jobs, skip_locked=True, key_share=True)).mappings().all()
            plans = [(row, decide(due_of(row))) for row in taken]
            return TickBatch(len(plans), self._record(connection, plans, now))

    def unqueued(self, now: datetime, older_than: timedelta = timedelta()) -> list[str]:
        """List the runs that should be in the queue: `queued`, at least `older_than` old, held back by nothing.

        One that seems to come from the future was made while the machine's clock was ahead: it is old enough.
        """
        ready = (runs.c.not_before.is_(None)) | (runs.c.not_before <= now)
        query = select(runs.c.id).where(runs.c.state == RunState.QUEUED.value, ready)
        is_old = (runs.c.since <= now - older_than) | (runs.c.since > now + AHEAD)
        query = query.where(is_old).order_by(runs.c.created_at)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def repair_ticks(self, now: datetime, next_tick: Callable[[str, str], datetime]) -> int:
        """Mend jobs whose last tick lies in the future, because the machine's clock was ahead; return how many.

        `next_tick` takes schedule and time zone. Ticks that have their run do not get a second one.
        """
        ahead = select(jobs).where(jobs.c.last_tick > now + AHEAD, jobs.c.next_tick.is_not(None))
        with self.writing() as connection:
            rows = connection.execute(ahead.with_for_update(key_share=True)).mappings().all()
            moves = [_move(row, next_tick(row["schedule"], row["timezone"]), None) for row in rows]
            if moves:
                connection.execute(_MOVE, moves)
            return len(moves)

    def _record(self, connection: Connection, plans: Sequence[tuple[Row, TickPlan]], now: datetime) -> list[str]:
        made = [_run(row, plan, index, now) for row, plan in plans for index in range(len(plan.ticks))]
        missed = [_missed(row, plan.missed, now) for row, plan in plans if plan.missed is not None]
        if plans:
            moves = [_move(row, plan.next_tick, plan.last_tick or row["last_tick"]) for row, plan in plans]
            connection.execute(_MOVE, moves)
        if made:
            connection.execute(self.insert_new(runs), made)
        if missed:
            connection.execute(insert(missed_ticks), missed)
        return [run["id"] for run in made]


def _move(row: Row, next_tick: datetime, last_tick: datetime | None) -> dict[str, Any]:
    return {"of_project": row["project"], "of_name": row["name"], "to_next": next_tick, "to_last": last_tick}


def _run(row: Row, plan: TickPlan, index: int, now: datetime) -> dict[str, Any]:
    """Build the row of a tick's run straight from the job's row: its spec stays the text that it is."""
    tick = plan.ticks[index]
    return {
        "id": run_id(row["project"], row["name"], tick.at),
        "project": row["project"],
        "job": row["name"],
        "spec": row["spec"],
        "repository": row["repository"],
        "path": row["path"],
        "sha": row["sha"],
        "scheduled_for": tick.at,
        "attempt": 1,
        "trigger": tick.trigger.value,
        "state": RunState.QUEUED.value,
        "since": now,
        "created_at": now,
    }


def _missed(row: Row, missed: MissedTicks, now: datetime) -> dict[str, Any]:
    return {"project": row["project"], "job": row["name"], "recorded_at": now, **vars(missed)}
