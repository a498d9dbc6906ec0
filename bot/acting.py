"""What is done for each action: it is carried out, and what there is to say comes back.

The rule: it decides nothing that a command could have decided. What two people do at once is settled by the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot import claims, durations, files, proposing, shapes, steering
from bot.chatops import actions as do
from bot.chatops.manual import help_answer
from bot.errors import Refused, UsageFault
from bot.services import Services
from bot.steering import HERE, OPERATOR, Asked, Watcher

if TYPE_CHECKING:
    from scheduler import draw

LAST, SOON = 5, 5
Offline = do.CheckFiles | do.ShowHelp | do.DrawGraph | do.Generate | do.CompareFiles
Living = do.PauseJob | do.ResumeJob | do.ListClaims | do.ReleaseClaim | do.ListJobs | do.ListRuns | do.ShowStatus


@dataclass(frozen=True)
class Outcome:
    """What an action brought: the answer, whether it went well, what to say beside it, and the graph as lines."""

    answer: shapes.Answer
    ok: bool = True
    notes: tuple[str, ...] = ()
    drawing: tuple[draw.Line, ...] | None = None


def perform(action: do.Action | do.PullAction, services: Services, watcher: Watcher, asked: Asked = HERE) -> Outcome:
    """Carry out an action. `watcher` is shown a run that is waited for, each time it was looked at."""
    match action:
        case do.CheckFiles() | do.ShowHelp() | do.DrawGraph() | do.Generate() | do.CompareFiles():
            return _offline(action, services)
        case do.StartRun() | do.RetryRun() | do.CancelRun():
            return Outcome(*steering.perform(action, services, watcher, asked))
        case do.ShowLogs():
            raise NotImplementedError("a log is a stream: `bot.tail` shows it")
        case (
            do.PauseJob()
            | do.ResumeJob()
            | do.ListClaims()
            | do.ReleaseClaim()
            | do.ListJobs()
            | do.ListRuns()
            | do.ShowStatus()
        ):
            return Outcome(_living(action, services, asked))
        case _:
            raise Refused(f"doing {type(action).__name__}: that is about a pull request; comment there")


def _offline(action: Offline, services: Services) -> Outcome:
    match action:
        case do.ShowHelp(command):
            return Outcome(help_answer(command))
        case do.DrawGraph():
            drawn, lines = proposing.drawing(action)
            return Outcome(drawn, drawing=lines)
        case do.Generate() | do.CompareFiles():
            return Outcome(proposing.perform(action, durations.measured(services)))
        case do.CheckFiles(path, models):
            answer = files.check(Path(path), durations.measured(services) if models else None)
            return Outcome(answer, ok=answer["ok"])
        case _:
            assert_never(action)


def _living(action: Living, services: Services, asked: Asked) -> shapes.Answer:
    match action:
        case do.PauseJob() | do.ResumeJob():
            return _pause_or_resume(action, services, asked)
        case do.ListClaims() | do.ReleaseClaim():
            return claims.perform(action, services)
        case _:
            return read(action, services, asked)


def read(
    action: do.ListJobs | do.ListRuns | do.ShowStatus, services: Services, asked: Asked = HERE
) -> shapes.JobsAnswer | shapes.RunsAnswer | shapes.StatusAnswer:
    """Read what was asked for from the database; nothing is changed."""
    from bot import answers
    from scheduler.store import RunFilter

    now = datetime.now(UTC)
    match action:
        case do.ListJobs(project):
            rows = [row for row in services.store.jobs(project) if asked.sees(row.project)]
            return {"jobs": [answers.job(row, now) for row in rows]}
        case do.ListRuns(project, job, limit):
            wanted = RunFilter(project=project, job=job, projects=asked.projects)
            return {"runs": [answers.run(run) for run in services.store.runs(wanted, limit=limit)]}
        case do.ShowStatus():
            return _status(action, services, asked, now)
        case _:
            assert_never(action)


def _status(action: do.ShowStatus, services: Services, asked: Asked, now: datetime) -> shapes.StatusAnswer:
    from bot import answers
    from scheduler.store import RunFilter

    def here(row_project: str, row_job: str) -> bool:
        is_named = action.project is None or (row_project, row_job) == (action.project, action.job)
        return is_named and asked.sees(row_project)

    store = services.store
    jobs = [answers.job(row, now) for row in store.jobs(action.project) if here(row.project, row.name)]
    due = sorted((one for one in jobs if one["next_tick"]), key=lambda one: one["next_tick"] or "")
    wanted = RunFilter(project=action.project, job=action.job, projects=asked.projects)
    recent = store.runs(wanted, limit=LAST + 20)
    return {
        "jobs": len(jobs),
        "paused": [one for one in jobs if one["paused"]],
        "next": due[:SOON],
        "active": [answers.run(run) for run in store.active() if here(run.project, run.job)],
        "ended": [answers.run(run) for run in recent if run.state.is_final][:LAST],
        "incidents": [answers.incident(one) for one in store.incidents() if here(one.project, one.job)],
    }


def _pause_or_resume(action: do.PauseJob | do.ResumeJob, services: Services, asked: Asked) -> shapes.JobAnswer:
    from bot import answers
    from scheduler.store import Pause

    now = datetime.now(UTC)
    if isinstance(action, do.PauseJob):
        reason = action.reason if asked.by == OPERATOR else f"{action.reason} ({asked.by})"
        done = services.store.pause(action.project, action.job, Pause(reason, action.until, "operator", since=now))
    else:
        done = services.store.resume(action.project, action.job, now)
    row = services.store.job(action.project, action.job)
    if not done or row is None:
        raise UsageFault(f"{action.project}/{action.job} was just removed; `meshbot jobs` lists what is there")
    return {"job": answers.job(row, now)}
