"""The live schedule: what Git says should run, and what an operator holds back.

A push is merged in one transaction. What did not change keeps its next tick, its history and its pause; what got
another schedule goes on from now and fires nothing of the past; what is gone stays as a row, for its history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from scheduler import cron
from scheduler.errors import UserError
from scheduler.jobfile import Job, JobFile
from scheduler.runs import RunState
from scheduler.store.database import Database
from scheduler.store.mapping import Row, job_row_of, project_of
from scheduler.store.rows import JobRow, Origin, Pause, ProjectRow, ScheduleChange
from scheduler.store.specs import job_of, spec_text
from scheduler.store.tables import jobs, missed_ticks, projects, runs

_JOBS = select(jobs, projects.c.sha).join(projects, projects.c.name == jobs.c.project)


class Schedule(Database):
    """Projects and their jobs."""

    def merge_schedule(self, jobfile: JobFile, origin: Origin, now: datetime) -> ScheduleChange:
        """Take an approved job file into the live schedule, in one transaction.

        Raises `UserError` when another repository keeps a project of this name.
        """
        with self.writing() as connection:
            self._merge_project(connection, jobfile, origin, now)
            merge = _Merge({job.name: job for job in jobfile.jobs}, _stored(connection, jobfile.project), now)
            _write(connection, merge, jobfile.project)
            return merge.change

    def foresee_merge(self, jobfile: JobFile, origin: Origin, now: datetime) -> ScheduleChange:
        """Say what `merge_schedule` would do now. Raises `UserError` as it does."""
        with self.reading() as connection:
            query = select(projects).where(projects.c.name == jobfile.project)
            if (row := connection.execute(query).mappings().first()) is not None:
                _check_keeper(row, origin)
            stored = select(jobs).where(jobs.c.project == jobfile.project).order_by(jobs.c.name)
            rows: dict[str, Row] = {row["name"]: row for row in connection.execute(stored).mappings()}
            return _Merge({job.name: job for job in jobfile.jobs}, rows, now).change

    def remove_project(self, project: str, now: datetime) -> bool:
        """Stop scheduling a project whose job file is gone; its history stays. False when it is not scheduled."""
        with self.writing() as connection:
            gone = update(projects).where(projects.c.name == project, projects.c.removed_at.is_(None))
            if connection.execute(gone.values(removed_at=now)).rowcount == 0:
                return False
            live = update(jobs).where(jobs.c.project == project, jobs.c.removed_at.is_(None))
            connection.execute(live.values(removed_at=now, next_tick=None, updated_at=now))
            return True

    def move_repository(self, old: str, new: str) -> list[str]:
        """Say that a repository is found at another place now; return its projects. Queued runs are fetched there."""
        with self.writing() as connection:
            mine = select(projects.c.name).where(projects.c.repository == old, projects.c.removed_at.is_(None))
            names = list(connection.execute(mine.order_by(projects.c.name)).scalars())
            connection.execute(update(projects).where(projects.c.name.in_(names)).values(repository=new))
            waiting = (runs.c.repository == old, runs.c.state == RunState.QUEUED.value)
            connection.execute(update(runs).where(*waiting).values(repository=new))
            return names

    def projects(self, *, removed: bool = False) -> list[ProjectRow]:
        """List the projects that are scheduled, by name; with `removed`, also those that were."""
        query = select(projects).order_by(projects.c.name)
        if not removed:
            query = query.where(projects.c.removed_at.is_(None))
        with self.reading() as connection:
            return [project_of(row) for row in connection.execute(query).mappings()]

    def project(self, name: str) -> ProjectRow | None:
        """Find a project, also a removed one."""
        with self.reading() as connection:
            row = connection.execute(select(projects).where(projects.c.name == name)).mappings().first()
            return project_of(row) if row else None

    def jobs(self, project: str | None = None, *, removed: bool = False) -> list[JobRow]:
        """List jobs by project and name; with `removed`, also those that are no longer in a job file."""
        query = _JOBS.order_by(jobs.c.project, jobs.c.name)
        if project is not None:
            query = query.where(jobs.c.project == project)
        if not removed:
            query = query.where(jobs.c.removed_at.is_(None))
        with self.reading() as connection:
            return [job_row_of(row) for row in connection.execute(query).mappings()]

    def job(self, project: str, name: str) -> JobRow | None:
        """Find a job, also a removed one."""
        with self.reading() as connection:
            row = connection.execute(_JOBS.where(jobs.c.project == project, jobs.c.name == name)).mappings().first()
            return job_row_of(row) if row else None

    def pause(self, project: str, job: str, pause: Pause) -> bool:
        """Keep a job from starting runs, on an operator's word; pushes do not end it. False: no such job."""
        values = {"pause_reason": pause.reason, "pause_until": pause.until, "paused_at": pause.since}
        with self.writing() as connection:
            return connection.execute(_one(project, job).values(values)).rowcount == 1

    def resume(self, project: str, job: str, now: datetime) -> bool:
        """End the operator's pause: the job goes on from now, without what it left out. False: no such job.

        A pause that is written in the job file stays; only a push ends it.
        """
        with self.writing() as connection:
            query = select(jobs).where(jobs.c.project == project, jobs.c.name == job, jobs.c.removed_at.is_(None))
            row = connection.execute(query.with_for_update(key_share=True)).mappings().first()
            if row is None:
                return False
            values: dict[str, Any] = {"pause_reason": None, "pause_until": None, "paused_at": None}
            if row["pause_reason"] is not None and row["next_tick"] <= now:
                values["next_tick"] = _next(row["schedule"], row["timezone"], now)
            connection.execute(_one(project, job).values(values))
            return True

    def _merge_project(self, connection: Connection, jobfile: JobFile, origin: Origin, now: datetime) -> None:
        values: dict[str, Any] = {
            "environment": jobfile.environment,
            "timezone": jobfile.timezone,
            "merged_at": now,
            "removed_at": None,
            **vars(origin),
        }
        connection.execute(self.insert_new(projects).values(name=jobfile.project, **values))
        mine = projects.c.name == jobfile.project
        row = connection.execute(select(projects).where(mine).with_for_update(key_share=True)).mappings().one()
        _check_keeper(row, origin)
        connection.execute(update(projects).where(mine).values(values))


def _check_keeper(row: Row, origin: Origin) -> None:
    if row["repository"] != origin.repository and row["removed_at"] is None:
        raise UserError(
            f"merging the schedule of project {row['name']} from {origin.repository}: {row['repository']} keeps"
            " a project of that name; give this one another `project:` name, or remove the other job file first"
        )


def _one(project: str, job: str) -> Any:  # noqa: ANN401 (an Update, whose type says no more)
    return update(jobs).where(jobs.c.project == project, jobs.c.name == job, jobs.c.removed_at.is_(None))


def _stored(connection: Connection, project: str) -> dict[str, Row]:
    query = select(jobs).where(jobs.c.project == project).order_by(jobs.c.name).with_for_update(key_share=True)
    return {row["name"]: row for row in connection.execute(query).mappings()}


def _next(schedule: str, timezone: str, now: datetime) -> datetime:
    return cron.parse(schedule, timezone).next(now)


@dataclass(frozen=True)
class _Merge:
    """The wanted jobs beside the stored ones, and what follows from the two. Pure."""

    wanted: dict[str, Job]
    stored: dict[str, Row]
    now: datetime

    @property
    def change(self) -> ScheduleChange:
        kinds: dict[str, list[str]] = {}
        for name, job in self.wanted.items():
            kinds.setdefault(self.kind(name, job), []).append(name)
        return ScheduleChange(removed=tuple(self.removed), **{kind: tuple(names) for kind, names in kinds.items()})

    @property
    def removed(self) -> list[str]:
        return [name for name, row in self.stored.items() if name not in self.wanted and row["removed_at"] is None]

    def kind(self, name: str, job: Job) -> str:
        row = self.stored.get(name)
        if row is None or row["removed_at"] is not None:
            return "added"
        if (row["schedule"], row["timezone"]) != (job.schedule, job.timezone):
            return "retimed"
        return "unchanged" if row["spec"] == spec_text(job) else "changed"

    def row(self, project: str, name: str, job: Job) -> dict[str, Any]:
        """Build the columns that a push writes; the operator's pause and the last tick are not among them."""
        return {
            "project": project,
            "name": name,
            "spec": spec_text(job),
            "schedule": job.schedule,
            "timezone": job.timezone,
            "next_tick": self.next_tick(name, job),
            "updated_at": self.now,
            "removed_at": None,
        }

    def next_tick(self, name: str, job: Job) -> datetime:
        """Keep the next tick, due or not, unless the job starts afresh: added, retimed, or its pause was lifted."""
        if self.kind(name, job) == "changed":
            row = self.stored[name]
            lifted = job.paused is None and job_of(row["spec"]).paused is not None and row["next_tick"] <= self.now
            if not lifted:
                kept: datetime = row["next_tick"]
                return kept
        return _next(job.schedule, job.timezone, self.now)

    def overtaken(self, project: str) -> list[dict[str, Any]]:
        """List ticks that had come due, and that a new schedule leaves without a run: they are told as missed."""
        rows = [self.stored[name] for name in self.change.retimed]
        due = [row for row in rows if row["next_tick"] <= self.now]
        return [
            {
                "project": project,
                "job": row["name"],
                "first": row["next_tick"],
                "last": row["next_tick"],
                "count": 1,
                "recorded_at": self.now,
            }
            for row in due
        ]


def _write(connection: Connection, merge: _Merge, project: str) -> None:
    rows = [merge.row(project, name, job) for name, job in merge.wanted.items() if merge.kind(name, job) != "unchanged"]
    fresh = [row for row in rows if row["name"] not in merge.stored]
    known = [{f"new_{column}": value for column, value in row.items()} for row in rows if row["name"] in merge.stored]
    if fresh:
        connection.execute(insert(jobs), fresh)
    if known:
        columns: dict[str, Any] = {
            column: bindparam(f"new_{column}") for column in rows[0] if column not in {"project", "name"}
        }
        mine = (jobs.c.project == bindparam("new_project"), jobs.c.name == bindparam("new_name"))
        connection.execute(update(jobs).where(*mine).values(columns), known)
    if overtaken := merge.overtaken(project):
        connection.execute(insert(missed_ticks), overtaken)
    if merge.removed:
        gone = update(jobs).where(jobs.c.project == project, jobs.c.name.in_(merge.removed))
        connection.execute(gone.values(removed_at=merge.now, next_tick=None, updated_at=merge.now))
