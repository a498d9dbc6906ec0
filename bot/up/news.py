"""What `meshbot up` has to tell, as sentences: pushes, runs that begin and end, alerts, crashes.

The rule: each thing is told once, and what a person should do about it is told with it. The wording is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bot import answers
from bot.layouts import faults
from bot.pages import STATES, Cell, Clock, Line, Tone, duration
from bot.sync import Merged, Synced
from bot.up.follower import NoBranch
from bot.up.household import Crash

if TYPE_CHECKING:
    from scheduler.runs import ModelResult, Run
    from scheduler.store import JobRow, Store

WATCHED = 20
ACTIVE = frozenset({"queued", "starting", "running"})
SAID = {
    "noop": "had nothing to do",
    "partial": "did a part",
    "interrupted": "was interrupted by a plan",
    "cancelled": "was cancelled",
    "timed_out": "took too long",
    "lost": "was lost",
}
ORDER = ("evaluated", "up_to_date", "claimed_elsewhere", "blocked", "failed")
MARKS = {"succeeded": "✔", "noop": "✔", "partial": "◐", "interrupted": "◐", "cancelled": "◼"}


class Newsroom:
    """Sees what has changed since it last looked. `store` is read only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: dict[str, str] = {run.id: run.state.value for run in self._latest()}
        self._alerts = max((alert.id for alert in store.alerts(unsent_only=False, limit=1)), default=0)

    def lines(self, clock: Clock) -> list[Line]:
        """Tell what has happened since the last call."""
        told = [line for run in self._latest() for line in self._of_run(run, clock)]
        return told + self._of_alerts(clock)

    def _latest(self) -> list[Run]:
        found = {run.id: run for run in (*self._store.under_way(), *reversed(self._store.runs(limit=WATCHED)))}
        gone = [name for name, state in getattr(self, "_states", {}).items() if state in ACTIVE and name not in found]
        return [*(run for name in gone if (run := self._store.run(name))), *found.values()]

    def _of_run(self, run: Run, clock: Clock) -> list[Line]:
        before, now = self._states.get(run.id), run.state.value
        if before == now:
            return []
        self._states[run.id] = now
        if run.state.is_final:
            return [ended(run, self._store.results(run.id), clock)]
        return [started(run, clock)] if now == "running" else []

    def _of_alerts(self, clock: Clock) -> list[Line]:
        latest = self._store.alerts(unsent_only=False, limit=WATCHED)
        fresh = [alert for alert in latest if alert.id > self._alerts]
        self._alerts = max((alert.id for alert in fresh), default=self._alerts)
        return [
            alerted(str(alert.payload.get("text", alert.key)), clock) for alert in sorted(fresh, key=lambda a: a.id)
        ]


def started(run: Run, clock: Clock) -> Line:
    """Tell that a run has begun."""
    return told(clock, Cell("▶ ", Tone.BUSY), *_name(run), Cell(" began", Tone.PLAIN), Cell(f"  {run.id}", Tone.FAINT))


def ended(run: Run, results: Sequence[ModelResult], clock: Clock) -> Line:
    """Tell how a run has ended, with the count of its models, and where to look when it is not well."""
    state = run.state.value
    tone = STATES.get(state, Tone.BAD)
    cells = [Cell(f"{MARKS.get(state, '✖')} ", tone), *_name(run), Cell(f" {_said(state)}", tone)]
    if run.started_at and run.ended_at:
        cells.append(Cell(f" after {duration((run.ended_at - run.started_at).total_seconds())}"))
    if counts := counted(results):
        cells.append(Cell(f": {counts}"))
    if state not in {"succeeded", "noop"}:
        reason = (run.message or "").strip().split("\n")[0]
        cells.append(Cell(f" ({reason})" if reason else "", Tone.FAINT))
        cells.append(Cell(f"  meshbot logs {run.id}", Tone.STRONG))
    return told(clock, *cells)


def counted(results: Sequence[ModelResult]) -> str:
    """Count the models by what became of them: `12 evaluated, 1 failed`."""
    counts = Counter(result.status.value for result in results)
    return ", ".join(f"{counts[status]} {status.replace('_', ' ')}" for status in ORDER if counts[status])


def alerted(text: str, clock: Clock) -> Line:
    """Tell of an alert: its first line; Slack has the rest."""
    return told(clock, Cell("! ", Tone.WARNING), Cell(text.strip().split("\n")[0], Tone.WARNING))


def crashed(crash: Crash, clock: Clock) -> Line:
    """Tell that a process of the household crashed, and when it is started again."""
    how = f"ended with {crash.code}" if crash.code >= 0 else f"was killed by signal {-crash.code}"
    again = f"started again in {duration(crash.pause)}"
    return told(
        clock,
        Cell("✖ ", Tone.BAD),
        Cell(f"the {crash.name} {how}, and is {again}: {crash.last_words}", Tone.WARNING),
        Cell(f"  {crash.log}", Tone.FAINT),
    )


def pushed(synced: Synced | NoBranch, jobs: Sequence[JobRow], clock: Clock) -> list[Line]:
    """Tell what a commit did to the schedule."""
    if isinstance(synced, NoBranch):
        words = f"there is no branch {synced.branch} (yet); the schedule stays as it is until there is one"
        return [told(clock, Cell("! ", Tone.WARNING), Cell(words, Tone.WARNING))]
    what = f"{synced.branch} is at {synced.sha[:10]}"
    lines = [told(clock, Cell("● ", Tone.BUSY), Cell(what, Tone.STRONG), Cell(_verdict(synced)))]
    for merged in synced.merged:
        lines += _of_project(merged, jobs, clock)
    lines += [Line((Cell(f"    {name}: removed, its meshbot.yaml is gone", Tone.WARNING),)) for name in synced.removed]
    for file in synced.faulty:
        lines += faults(file.path, [answers.fault(one) for one in file.faults])
    return lines


def told(clock: Clock, *cells: Cell) -> Line:
    """Put the time before what is told."""
    return Line((Cell(f"{clock.now.astimezone(clock.zone):%H:%M:%S} ", Tone.FAINT), *cells))


def _verdict(synced: Synced) -> str:
    if synced.faulty:
        return ", and what is faulty changes nothing:"
    if not synced.merged and not synced.removed:
        return ", and has no meshbot.yaml: nothing is scheduled"
    quiet = not synced.removed and not any(_changes(merged) for merged in synced.merged)
    return ": the schedule stays as it is" if quiet else ""


def _of_project(merged: Merged, jobs: Sequence[JobRow], clock: Clock) -> list[Line]:
    changes = _changes(merged)
    mine = sorted((row for row in jobs if row.project == merged.project and row.next_tick), key=_due)
    total = sum(row.project == merged.project for row in jobs)
    words = "; ".join(f"{how} {', '.join(names)}" for how, names in changes) or f"{total} jobs as before"
    cells = [Cell(f"    {merged.project}: ", Tone.STRONG), Cell(words)]
    if mine:
        soonest = clock.until(_due(mine[0]).isoformat())
        cells.append(Cell(f"; next is {mine[0].name} at {soonest}", Tone.FAINT))
    return [Line(tuple(cells))]


def _changes(merged: Merged) -> list[tuple[str, tuple[str, ...]]]:
    change = merged.change
    pairs = (
        ("added", change.added),
        ("retimed", change.retimed),
        ("changed", change.changed),
        ("removed", change.removed),
    )
    return [(how, names) for how, names in pairs if names]


def _due(row: JobRow) -> datetime:
    assert row.next_tick is not None  # noqa: S101 - those without were left out
    return row.next_tick


def _name(run: Run) -> tuple[Cell, ...]:
    attempt = f" (attempt {run.attempt})" if run.attempt > 1 else ""
    return Cell(f"{run.project}/{run.job}", Tone.STRONG), Cell(attempt)


def _said(state: str) -> str:
    return SAID.get(state, state)
