"""What is done to runs: made, made again, cancelled, waited for.

The rule: whoever asks the same thing twice, at the same moment and under the same name, gets the run of the first time;
so a comment that is handled again starts nothing a second time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from bot import shapes
from bot.chatops import actions as do
from bot.errors import LeftAlone, Refused, UsageFault
from scheduler.errors import Retryable

if TYPE_CHECKING:
    from bot.services import Services
    from scheduler.jobfile import Job
    from scheduler.runs import Run

POLL = 0.3
OPERATOR = "command line"
GOOD_ENDS = frozenset({"succeeded", "noop"})
MOST_SELECTED = 500
"""So many failed models are named one by one; more of them are run with all the others."""

Watcher = Callable[["Run"], None]
Steered = tuple[shapes.RunAnswer, bool, tuple[str, ...]]
"""The answer, whether it went well, and what to say beside it."""


@dataclass(frozen=True)
class Asked:
    """Who asks, and from where: `projects` are those that they may see and steer; None: every one.

    `at` is the moment that stands for the asking, the same when it is repeated; None: each asking is another one.
    """

    by: str = OPERATOR
    at: datetime | None = None
    projects: frozenset[str] | None = None

    def sees(self, project: str) -> bool:
        """Say whether a project is one that they may see."""
        return self.projects is None or project in self.projects


HERE = Asked()
"""Somebody on the command line."""


def perform(
    action: do.StartRun | do.RetryRun | do.CancelRun, services: Services, watcher: Watcher, asked: Asked
) -> Steered:
    """Carry out an action about a run. `watcher` is shown a run that is waited for, each time it was looked at."""
    match action:
        case do.StartRun():
            return _start(action, services, watcher, asked)
        case do.RetryRun():
            return _retry(action, services, watcher if action.wait else None, asked)
        case do.CancelRun(run_id):
            return _cancel(run_id, services)
        case _:
            assert_never(action)


def _start(action: do.StartRun, services: Services, watcher: Watcher, asked: Asked) -> Steered:
    bounds = tuple(moment.isoformat() if moment else None for moment in (action.start, action.end))
    run = services.store.manual_run(
        action.project,
        action.job,
        datetime.now(UTC),
        bounds=(bounds[0], bounds[1]),
        requested_by=asked.by,
        at=asked.at,
    )
    if run is None:
        raise UsageFault(
            f"running {action.project}/{action.job}: it was just removed; `meshbot jobs` lists what is there"
        )
    return _queued(run, services, watcher if action.wait else None)


def _retry(action: do.RetryRun, services: Services, watcher: Watcher | None, asked: Asked) -> Steered:
    """Make the next attempt; one that is there and has not ended, or was made by this asking, is what was asked for."""
    old = services.store.run(action.run_id)
    if old is None:
        raise UsageFault(f"retrying {action.run_id}: it is not there any more; `meshbot runs` lists what is")
    if action.failed:
        old = replace(old, spec=_failed_only(old, services))
    attempt = old.attempt
    while True:
        attempt += 1
        run = _attempt(old, attempt, asked)
        if services.store.create_run(run):
            return _queued(run, services, watcher)
        found = services.store.run(run.id)
        if found is not None and (not found.state.is_final or _is_same(found, run)):
            return _queued(found, services, watcher)


def _failed_only(run: Run, services: Services) -> Job:
    """Return the job of a run with those models selected that failed or were blocked in it."""
    models = [one.model for one in services.store.results(run.id) if one.status.value in {"failed", "blocked"}]
    if not models:
        raise Refused(f"retrying {run.id}: no model is known to have failed in it; leave out --failed")
    return run.spec.model_copy(update={"select": tuple(models)}) if len(models) <= MOST_SELECTED else run.spec


def _is_same(found: Run, run: Run) -> bool:
    """Say whether a run was made by this very asking; on the command line each asking is another one."""
    return (found.created_at, found.requested_by, found.retry_of) == (run.created_at, run.requested_by, run.retry_of)


def _attempt(old: Run, attempt: int, asked: Asked) -> Run:
    from scheduler import runs

    now = datetime.now(UTC)
    return replace(
        old,
        id=runs.run_id(old.project, old.job, old.scheduled_for, attempt),
        trigger=runs.Trigger.RETRY,
        state=runs.RunState.QUEUED,
        created_at=asked.at or now,
        since=now,
        attempt=attempt,
        retry_of=old.id,
        requested_by=asked.by,
        not_before=None,
        cancel_requested_at=None,
        started_at=None,
        ended_at=None,
        exit_code=None,
        message=None,
        place=None,
    )


def _queued(run: Run, services: Services, watcher: Watcher | None) -> Steered:
    """Hand a run that was made to the queue, and wait for it if there is a `watcher`."""
    try:
        notes = () if run.state.is_final else _offered(run, services)
        return _told(run if watcher is None else ended(run.id, services, watcher), services, notes)
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


def _told(run: Run, services: Services, notes: tuple[str, ...]) -> Steered:
    from bot import answers

    models = [answers.model(result) for result in services.store.results(run.id)]
    ok = not run.state.is_final or run.state.value in GOOD_ENDS
    return {"run": answers.run(run), "models": models}, ok, notes


def _cancel(run_id: str, services: Services) -> Steered:
    asked = services.store.request_cancel(run_id, datetime.now(UTC))
    run = services.store.run(run_id)
    is_done = run is not None and run.state.value == "cancelled"
    if run is None or not (asked or is_done):
        raise Refused(f"cancelling {run_id}: it has just ended by itself; `meshbot runs` says how")
    told, ok, notes = _told(run, services, ())
    return told, ok or is_done, notes
