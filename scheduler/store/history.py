"""The runs: made, moved and ended by compare-and-set, so that of two who try the same one does it.

Only `finish` writes a final state, together with everything that follows from it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from scheduler.concurrency import Go, Turn
from scheduler.incidents import Incident
from scheduler.jobfile import Concurrency
from scheduler.runs import ACTIVE, ModelResult, Run, RunState, Trigger, manual_tick, run_id
from scheduler.store.database import Database
from scheduler.store.mapping import alert_row, incident_row, result_of, result_row, run_of, run_row
from scheduler.store.rows import Ending, RunFilter
from scheduler.store.specs import job_of
from scheduler.store.tables import incidents, jobs, model_results, outbox, projects, runs

_ACTIVE = [state.value for state in ACTIVE]
_UNDER_WAY = [RunState.STARTING.value, RunState.RUNNING.value]
_MOVED = ("state", "since", "started_at", "ended_at", "exit_code", "message", "not_before", "place")
_DECIDED = ("closed_at", "closed_by_run", "last_alert_at", "failures", "details")


class _OvertakenError(Exception):
    """Somebody else was first; the transaction is given up."""


class History(Database):
    """Runs and what they reported."""

    def create_run(self, run: Run) -> bool:
        """Make a run. False when it was there already, which is as good."""
        with self.writing() as connection:
            return connection.execute(self.insert_new(runs).values(run_row(run))).rowcount == 1

    def manual_run(
        self,
        project: str,
        job: str,
        now: datetime,
        *,
        bounds: tuple[str | None, str | None] = (None, None),
        requested_by: str | None = None,
        at: datetime | None = None,
    ) -> Run | None:
        """Make a queued run of a job as it is now in the schedule; None when the schedule has no such job.

        `at` names the run, so that asking again returns the run that was made first, as it stands. The run is not in
        the queue yet: enqueue it, or leave that to the clock's sweep.
        """
        at = manual_tick(at or now)
        made = select(runs).where(runs.c.id == run_id(project, job, at))
        live = select(jobs.c.spec, projects.c.repository, projects.c.path, projects.c.sha).join(projects)
        live = live.where(jobs.c.project == project, jobs.c.name == job, jobs.c.removed_at.is_(None))
        with self.writing() as connection:
            if (known := connection.execute(made).mappings().first()) is not None:
                return run_of(known)
            row = connection.execute(live).mappings().first()
            if row is None:
                return None
            run = Run(
                **{**row, "spec": job_of(row["spec"])},
                id=run_id(project, job, at),
                project=project,
                job=job,
                scheduled_for=at,
                trigger=Trigger.MANUAL,
                created_at=now,
                since=now,
                requested_by=requested_by,
                start=bounds[0],
                end=bounds[1],
            )
            connection.execute(self.insert_new(runs).values(run_row(run)))
            return run_of(connection.execute(made).mappings().one())  # the first one, if two asked at once

    def run(self, run_id: str) -> Run | None:
        """Find a run by its id."""
        with self.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
            return run_of(row) if row else None

    def runs(self, wanted: RunFilter | None = None, limit: int = 50) -> list[Run]:
        """List runs, the newest first."""
        wanted = wanted or RunFilter()
        query = select(runs).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit)
        if wanted.project is not None:
            query = query.where(runs.c.project == wanted.project)
        if wanted.projects is not None:
            query = query.where(runs.c.project.in_(sorted(wanted.projects)))
        if wanted.job is not None:
            query = query.where(runs.c.job == wanted.job)
        if wanted.states:
            query = query.where(runs.c.state.in_([state.value for state in wanted.states]))
        if wanted.before is not None:
            query = query.where(runs.c.created_at < wanted.before)
        with self.reading() as connection:
            return [run_of(row) for row in connection.execute(query).mappings()]

    def active(self, limit: int | None = None) -> list[Run]:
        """List the runs that have not ended, the oldest first."""
        return self._listed(runs.c.state.in_(_ACTIVE), limit)

    def under_way(self) -> list[Run]:
        """List the runs that are starting or running anywhere, the oldest first. The queue may be much longer."""
        return self._listed(runs.c.state.in_(_UNDER_WAY))

    def observable(self, place: str) -> list[Run]:
        """List the runs that somebody at `place` has to look at, the oldest first.

        Those that are under way there, and those that were cancelled before they began.
        """
        here = runs.c.state.in_(_UNDER_WAY) & ((runs.c.place == place) | runs.c.place.is_(None))
        cancelled = (runs.c.state == RunState.QUEUED.value) & runs.c.cancel_requested_at.is_not(None)
        return self._listed(runs.c.state.in_(_ACTIVE) & (here | cancelled))

    def begin(self, starting: Run, decide: Callable[[list[Run]], Turn]) -> Turn | None:
        """Move a queued run to `starting` if `decide` says `Go` of the other active runs of its job; return its word.

        One asker at a time for each job, so that of two neither misses the other. None: the run is not queued any more.
        """
        mine = (jobs.c.project == starting.project, jobs.c.name == starting.job)
        others = select(runs).where(runs.c.project == starting.project, runs.c.job == starting.job)
        others = others.where(runs.c.state.in_(_ACTIVE), runs.c.id != starting.id)
        with self.writing() as connection:
            is_free = starting.spec.concurrency is Concurrency.ALLOW
            if not is_free:
                connection.execute(select(jobs.c.name).where(*mine).with_for_update(key_share=True))
            rows = [] if is_free else connection.execute(others).mappings().all()
            said = decide([run_of(row) for row in rows])
            if isinstance(said, Go) and not _moved(connection, starting, RunState.QUEUED):
                return None
            return said

    def move(self, run: Run, was: RunState) -> bool:
        """Write where a run stands now, if it still stands where it `was`; False when somebody else was first.

        Raises `ValueError` for a final state: those are written by `finish` only.
        """
        if run.state.is_final:
            raise ValueError(f"moving run {run.id} to {run.state}: a final state is written by finish() only")
        with self.writing() as connection:
            return _moved(connection, run, was)

    def request_cancel(self, run_id: str, now: datetime) -> bool:
        """Ask for the end of a run; the first request counts. False when there is no such run, or it has ended."""
        asked = update(runs).where(runs.c.id == run_id, runs.c.state.in_(_ACTIVE))
        first = asked.where(runs.c.cancel_requested_at.is_(None)).values(cancel_requested_at=now)
        query = select(runs.c.id).where(runs.c.id == run_id, runs.c.state.in_(_ACTIVE))
        with self.writing() as connection:
            connection.execute(first)
            return connection.execute(query).first() is not None

    def finish(self, ending: Ending) -> bool:
        """Record the end of a run, its results, the next attempt, the incident and the alerts: all or nothing.

        False, and nothing is recorded, when the run no longer stands where it `was`, when somebody has cancelled it
        since it was read (it then gets no next attempt), or when the incident is not what was read (another one was
        opened meanwhile, or this one changed): look again and decide anew.
        """
        if not ending.run.state.is_final:
            raise ValueError(f"finishing run {ending.run.id} as {ending.run.state}: that is no final state")
        try:
            with self.writing() as connection:
                self._finish(connection, ending)
        except _OvertakenError:
            return False
        return True

    def results(self, run_id: str) -> list[ModelResult]:
        """List what a run reported, in the order of its report."""
        query = select(model_results).where(model_results.c.run_id == run_id).order_by(model_results.c.position)
        with self.reading() as connection:
            return [result_of(row) for row in connection.execute(query).mappings()]

    def _listed(self, condition: ColumnElement[bool], limit: int | None = None) -> list[Run]:
        query = select(runs).where(condition).order_by(runs.c.created_at, runs.c.id).limit(limit)
        with self.reading() as connection:
            return [run_of(row) for row in connection.execute(query).mappings()]

    def _finish(self, connection: Connection, ending: Ending) -> None:
        run = ending.run
        asked = runs.c.cancel_requested_at.is_not_distinct_from(run.cancel_requested_at)
        if not _moved(connection, run, ending.was, asked):
            raise _OvertakenError
        results = [result_row(run.id, position, result) for position, result in enumerate(ending.results)]
        if results:
            connection.execute(insert(model_results), results)
        if ending.retry is not None:
            connection.execute(self.insert_new(runs).values(run_row(ending.retry)))
        if ending.incident is not None:
            self._write_incident(connection, ending.incident)
        alerts = [alert_row(alert, run.ended_at or run.since) for alert in ending.alerts]
        if alerts:
            connection.execute(self.insert_new(outbox), alerts)

    def _write_incident(self, connection: Connection, incident: Incident) -> None:
        row = incident_row(incident)
        if incident.version == 0:
            statement: Any = self.insert_new(incidents).values({**row, "version": 1})
        else:
            mine = (incidents.c.id == incident.id, incidents.c.version == incident.version)
            values = {name: row[name] for name in _DECIDED} | {"version": incident.version + 1}
            statement = update(incidents).where(*mine).values(values)
        if connection.execute(statement).rowcount != 1:
            raise _OvertakenError


def _moved(connection: Connection, run: Run, was: RunState, *conditions: ColumnElement[bool]) -> bool:
    row = run_row(run)
    mine = (runs.c.id == run.id, runs.c.state == was.value, *conditions)
    return connection.execute(update(runs).where(*mine).values({name: row[name] for name in _MOVED})).rowcount == 1
