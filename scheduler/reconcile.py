"""The one place that ends a run: look at its place, advance it, and record what follows, together or not at all.

Whoever is killed anywhere in here leaves a run that the next look ends in the same way: its log is kept first (twice is
harmless), then one transaction writes the end, the results, the next attempt and the alerts, and only then the place
may forget the run. Any number of reconcilers may look at once; the database lets one of them end a run.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from scheduler import alerts
from scheduler.errors import Retryable
from scheduler.launchers import Launcher
from scheduler.logs import Logs
from scheduler.observations import Absent, Exited
from scheduler.report import parse
from scheduler.runs import ModelResult, Report, Run, RunState, advance, next_attempt
from scheduler.store import Ending, Store

MOST_LOSSES = 3
"""So many attempts of one run may be lost to its surroundings without counting as one of its job's `retries`."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciler:
    """Brings what the database says of a run in line with what its place says."""

    store: Store
    launcher: Launcher
    logs: Logs
    _told: set[str] = field(default_factory=set)

    def look(self, run: Run, now: datetime) -> None:
        """Look at an active run once. Raises `Retryable` when the place or the database does not answer."""
        if run.cancel_requested_at is not None:
            self.launcher.cancel(run.id)  # also before it began: a launch that is on its way then does nothing
        observation = self.launcher.observe(run.id)
        over = isinstance(observation, Exited) or (isinstance(observation, Absent) and run.state is RunState.RUNNING)
        report = parse(self.launcher.logs(run.id)) if over else Report()
        seen = advance(run, observation, report, now)
        if seen.state.is_final:
            self._keep_promoted(seen, report)
            self._end(seen, run.state, report.models, now)
        elif seen is not run:
            self.store.move(seen, run.state)
        elif run.state is RunState.RUNNING:
            self._tell_if_overdue(run, now)

    def end_unbegun(self, run: Run, state: RunState, message: str, now: datetime) -> bool:
        """End a run that was not launched and never shall be; False when it does not stand where it was read."""
        return self._end(replace(run, state=state, since=now, ended_at=now, message=message), run.state, (), now)

    def clear(self, run_id: str) -> None:
        """Clear away what the place still keeps of a run that has ended, its log kept."""
        self.logs.keep(run_id, self.launcher.logs(run_id))
        self.launcher.forget(run_id)

    def _end(self, run: Run, was: RunState, results: Sequence[ModelResult], now: datetime) -> bool:
        is_kept = self._keep_log(run)
        retry = follow_up(run, self._losses_before(run), now)
        incident = self.store.latest_incident(run.project, run.job, run.spec.environment)
        decision = alerts.decide(run, results, incident, will_retry=retry is not None, now=now)
        ending = Ending(run, was, tuple(results), retry, decision.incident, decision.alerts)
        if not self.store.finish(ending):
            return False
        _log.info("run %s: %s%s", run.id, run.state, f", {run.message}" if run.message else "")
        if is_kept:
            self.launcher.forget(run.id)
        return True

    def _keep_log(self, run: Run) -> bool:
        """Keep the log; where that fails, the run ends nevertheless and its place keeps the log for a later `clear`."""
        try:
            self.logs.keep(run.id, self.launcher.logs(run.id))
        except Retryable as error:
            _log.warning("ending run %s: %s; its log stays where it ran for now", run.id, error)
            return False
        return True

    def _keep_promoted(self, run: Run, report: Report) -> None:
        """Keep what the run found promoted, for who checks a job file; no run ends otherwise where that fails."""
        if report.promoted is None:
            return
        try:
            place = (run.project, run.spec.environment)
            self.logs.keep_promoted(place, run.started_at or run.created_at, report.promoted)
        except Retryable as error:
            _log.warning("ending run %s: %s", run.id, error)

    def _losses_before(self, run: Run) -> int:
        """Count the earlier attempts that were lost."""
        losses, before = 0, run.retry_of
        while before is not None and (earlier := self.store.run(before)) is not None:
            losses += earlier.state is RunState.LOST
            before = earlier.retry_of
        return losses

    def _tell_if_overdue(self, run: Run, now: datetime) -> None:
        alert = alerts.overdue(run, now)
        if alert is not None and alert.key not in self._told:
            self.store.queue_alerts([alert], now)
            self._told.add(alert.key)


def follow_up(run: Run, losses: int, now: datetime) -> Run | None:
    """Make the next attempt of an ended run; None when there shall be none.

    `losses` earlier attempts were lost to their surroundings. The first `MOST_LOSSES` of them do not count as one of
    the job's retries.
    """
    free = min(losses + (run.state is RunState.LOST), MOST_LOSSES)
    retries = run.spec.retries.model_copy(update={"limit": run.spec.retries.limit + free})
    retry = next_attempt(replace(run, spec=run.spec.model_copy(update={"retries": retries})), now)
    return None if retry is None else replace(retry, spec=run.spec)
