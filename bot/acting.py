"""What the command line does for each action: the action is carried out, and what there is to say comes back.

The rule: it decides nothing that a command could have decided. What two people do at once is settled by the store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot import claims, durations, files, proposing, shapes
from bot.chatops import actions as do
from bot.chatops.manual import help_answer
from bot.errors import LeftAlone, Refused, UsageFault
from bot.services import Services
from scheduler.errors import Retryable

if TYPE_CHECKING:
    from scheduler import draw
    from scheduler.runs import Run

LAST, SOON = 5, 5
POLL = 0.3
OPERATOR = "command line"
GOOD_ENDS = frozenset({"succeeded", "noop"})


@dataclass(frozen=True)
class Outcome:
    """What an action brought: the answer, whether it went well, what to say beside it, and the graph as lines."""

    answer: shapes.Answer
    ok: bool = True
    notes: tuple[str, ...] = ()
    drawing: tuple[draw.Line, ...] | None = None


Watcher = Callable[["Run"], None]


def perform(action: do.Action, services: Services, watcher: Watcher) -> Outcome:
    """Carry out an action. `watcher` is shown a run that is waited for, each time it was looked at."""
    match action:
        case do.CheckFiles() | do.ShowHelp() | do.DrawGraph():
            return _offline(action, services)
        case do.Generate() | do.CompareFiles():
            return Outcome(proposing.perform(action, durations.measured(services)))
        case do.StartRun() | do.RetryRun() | do.CancelRun():
            return _about_run(action, services, watcher)
        case do.PauseJob() | do.ResumeJob():
            return _pause_or_resume(action, services)
        case do.ListClaims() | do.ReleaseClaim():
            return Outcome(claims.perform(action, services))
        case do.ListJobs() | do.ListRuns() | do.ShowStatus():
            return Outcome(read(action, services))
        case do.ShowLogs():
            raise NotImplementedError("a log is a stream: `bot.tail` shows it")
        case _:
            assert_never(action)


def _offline(action: do.CheckFiles | do.ShowHelp | do.DrawGraph, services: Services) -> Outcome:
    if isinstance(action, do.ShowHelp):
        return Outcome(help_answer(action.command))
    if isinstance(action, do.DrawGraph):
        drawn, lines = proposing.drawing(action)
        return Outcome(drawn, drawing=lines)
    answer = files.check(Path(action.path), durations.measured(services) if action.models else None)
    return Outcome(answer, ok=answer["ok"])


def _about_run(action: do.StartRun | do.RetryRun | do.CancelRun, services: Services, watcher: Watcher) -> Outcome:
    match action:
        case do.StartRun():
            return _start(action, services, watcher)
        case do.RetryRun(run_id, wait):
            return _retry(run_id, services, watcher if wait else None)
        case do.CancelRun(run_id):
            return _cancel(run_id, services)
        case _:
            assert_never(action)


def read(action: do.ListJobs | do.ListRuns | do.ShowStatus, services: Services) -> shapes.Answer:
    """Read what was asked for from the database; nothing is changed."""
    from bot import answers
    from scheduler.store import RunFilter

    now = datetime.now(UTC)
    match action:
        case do.ListJobs(project):
            return {"jobs": [answers.job(row, now) for row in services.store.jobs(project)]}
        case do.ListRuns(project, job, limit):
            found = services.store.runs(RunFilter(project=project, job=job), limit=limit)
            return {"runs": [answers.run(run) for run in found]}
        case do.ShowStatus(project, job):
            return _status(project, job, services, now)
        case _:
            assert_never(action)


def _status(project: str | None, job: str | None, services: Services, now: datetime) -> shapes.StatusAnswer:
    from bot import answers
    from scheduler.store import RunFilter

    def here(row_project: str, row_job: str) -> bool:
        return project is None or (row_project, row_job) == (project, job)

    store = services.store
    jobs = [answers.job(row, now) for row in store.jobs(project) if here(row.project, row.name)]
    due = sorted((one for one in jobs if one["next_tick"]), key=lambda one: one["next_tick"] or "")
    recent = store.runs(RunFilter(project=project, job=job), limit=LAST + 20)
    return {
        "jobs": len(jobs),
        "paused": [one for one in jobs if one["paused"]],
        "next": due[:SOON],
        "active": [answers.run(run) for run in store.active() if here(run.project, run.job)],
        "ended": [answers.run(run) for run in recent if run.state.is_final][:LAST],
        "incidents": [answers.incident(one) for one in store.incidents() if here(one.project, one.job)],
    }


def _start(action: do.StartRun, services: Services, watcher: Watcher) -> Outcome:
    bounds = tuple(moment.isoformat() if moment else None for moment in (action.start, action.end))
    run = services.store.manual_run(
        action.project, action.job, datetime.now(UTC), bounds=(bounds[0], bounds[1]), requested_by=OPERATOR
    )
    if run is None:
        raise UsageFault(
            f"running {action.project}/{action.job}: it was just removed; `meshbot jobs` lists what is there"
        )
    return _queued(run, services, watcher if action.wait else None)


def _retry(run_id: str, services: Services, watcher: Watcher | None) -> Outcome:
    """Make the next attempt; one that is there and has not ended is the one that was asked for."""
    old = services.store.run(run_id)
    if old is None:
        raise UsageFault(f"retrying {run_id}: it is not there any more; `meshbot runs` lists what is")
    attempt = old.attempt
    while True:
        attempt += 1
        run = _attempt(old, attempt)
        if services.store.create_run(run):
            return _queued(run, services, watcher)
        found = services.store.run(run.id)
        if found is not None and not found.state.is_final:
            return _queued(found, services, watcher)


def _attempt(old: Run, attempt: int) -> Run:
    from scheduler import runs

    now = datetime.now(UTC)
    return replace(
        old,
        id=runs.run_id(old.project, old.job, old.scheduled_for, attempt),
        trigger=runs.Trigger.RETRY,
        state=runs.RunState.QUEUED,
        created_at=now,
        since=now,
        attempt=attempt,
        retry_of=old.id,
        requested_by=OPERATOR,
        not_before=None,
        cancel_requested_at=None,
        started_at=None,
        ended_at=None,
        exit_code=None,
        message=None,
    )


def _queued(run: Run, services: Services, watcher: Watcher | None) -> Outcome:
    """Hand a run that was made to the queue, and wait for it if there is a `watcher`."""
    try:
        notes = _offered(run, services)
        return _outcome(run if watcher is None else ended(run.id, services, watcher), services, notes)
    except KeyboardInterrupt:
        raise LeftAlone(
            f"waiting for {run.id}: it goes on; `meshbot logs {run.id} --follow` watches it, "
            f"`meshbot cancel {run.id}` ends it"
        ) from None


def _offered(run: Run, services: Services) -> tuple[str, ...]:
    """Put a run into the queue; return what there is to say when that does not work: the run is safe anyhow."""
    if services.queues is None:
        return ("Nobody is here to start it: it waits in the database for `meshbot up`.",)
    try:
        services.queues.enqueue_starts([run.id])
    except Retryable as error:
        return (f"{error}. The run is in the database, and the clock will queue it.",)
    return ()


def ended(run_id: str, services: Services, watcher: Watcher) -> Run:
    """Wait until the run has ended, and return it."""
    pause = threading.Event()
    while not (run := _found(run_id, services)).state.is_final:
        watcher(run)
        pause.wait(POLL)
    return run


def _found(run_id: str, services: Services) -> Run:
    run = services.store.run(run_id)
    if run is None:
        raise Refused(f"waiting for {run_id}: it is not there any more; `meshbot runs` lists what is")
    return run


def _outcome(run: Run, services: Services, notes: tuple[str, ...]) -> Outcome:
    from bot import answers

    models = [answers.model(result) for result in services.store.results(run.id)]
    ok = not run.state.is_final or run.state.value in GOOD_ENDS
    return Outcome({"run": answers.run(run), "models": models}, ok, notes)


def _cancel(run_id: str, services: Services) -> Outcome:
    asked = services.store.request_cancel(run_id, datetime.now(UTC))
    run = services.store.run(run_id)
    if run is None or not asked:
        raise Refused(f"cancelling {run_id}: it has just ended by itself; `meshbot runs` says how")
    return _outcome(run, services, ())


def _pause_or_resume(action: do.PauseJob | do.ResumeJob, services: Services) -> Outcome:
    from bot import answers
    from scheduler.store import Pause

    now = datetime.now(UTC)
    if isinstance(action, do.PauseJob):
        pause = Pause(action.reason, action.until, "operator", since=now)
        done = services.store.pause(action.project, action.job, pause)
    else:
        done = services.store.resume(action.project, action.job, now)
    row = services.store.job(action.project, action.job)
    if not done or row is None:
        raise UsageFault(f"{action.project}/{action.job} was just removed; `meshbot jobs` lists what is there")
    return Outcome({"job": answers.job(row, now)})
