"""A line of a run's log as a person reads it: what meshrun reports becomes a sentence, the rest stays as it is.

The rule: a line that is not understood is shown as it was printed; nothing is ever left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.pages import MODELS, STATES, Cell, Clock, Line, Tone, duration

START = '{"meshrun": 1,'
Fields = Mapping[str, Any]


def line(printed: str, clock: Clock) -> Line:
    """Lay out a line of a log."""
    fields = _fields(printed)
    words = WORDINGS.get(str(fields.get("event"))) if fields else None
    if fields is None or words is None:
        return Line((Cell(printed),))
    try:
        when = Cell(f"{clock.at(fields['at'])}  ", Tone.FAINT)
        return Line((when, *words(fields)))
    except (KeyError, TypeError, ValueError):
        return Line((Cell(printed),))


def _fields(printed: str) -> Fields | None:
    if not printed.startswith(START):
        return None
    try:
        found = json.loads(printed)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _start(fields: Fields) -> tuple[Cell, ...]:
    count = int(fields["models"])
    owed = f"{count} {'model is' if count == 1 else 'models are'} due" if count else "nothing is due"
    return (Cell(f"{fields['environment']}: {owed}", Tone.STRONG), Cell(f"  SQLMesh {fields['sqlmesh']}", Tone.FAINT))


def _promoted(fields: Fields) -> tuple[Cell, ...]:
    part, total = len(fields["models"]), int(fields["total"])
    of = f"{part:,} of {total:,} models" if part < total else f"{total:,} {'model' if total == 1 else 'models'}"
    return (Cell(f"{fields['environment']} has {of} promoted", Tone.FAINT),)


def _evaluating(fields: Fields) -> tuple[Cell, ...]:
    return (Cell("▶ ", Tone.BUSY), Cell(str(fields["model"])))


def _model(fields: Fields) -> tuple[Cell, ...]:
    status = str(fields["status"])
    tone = MODELS.get(status, Tone.WARNING)
    mark = {"evaluated": "✔ ", "failed": "✖ ", "up_to_date": "· "}.get(status, "◐ ")
    facts = [duration(float(fields["seconds"]))] if fields["seconds"] else []
    facts += [f"{fields['rows']:,} rows"] if fields["rows"] is not None else []
    facts += [f"{_moment(start)} to {_moment(end)}" for start, end in fields["intervals"]]
    if (audits := fields["audits"])["passed"] or audits["failed"]:
        facts.append(f"audits: {audits['passed']} passed, {audits['failed']} failed")
    facts += [f"behind {', '.join(fields['blocked_by'])}"] if fields["blocked_by"] else []
    facts += [f"held by {fields['held_by']}"] if fields["held_by"] else []
    cells = [Cell(mark, tone), Cell(f"{fields['model']} ", Tone.STRONG), Cell(status.replace("_", " "), tone)]
    cells += [Cell(f"  {', '.join(facts)}", Tone.FAINT)] if facts else []
    cells += [Cell(f"\n    {fields['error']}", Tone.BAD)] if fields["error"] else []
    return tuple(cells)


def _moment(written: str) -> str:
    """Shorten a moment of an interval, which is UTC and mostly midnight."""
    return written.removesuffix("T00:00:00Z").removesuffix(":00Z").replace("T", " ")


def _end(fields: Fields) -> tuple[Cell, ...]:
    outcome = str(fields["outcome"])
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in fields["counts"].items())
    due = f"; next due {_moment(fields['next_due'])} UTC" if fields["next_due"] else ""
    words = f" after {duration(float(fields['seconds']))}{f': {counts}' if counts else ''}{due}"
    error = (Cell(f"\n    {fields['error']}", Tone.BAD),) if fields["error"] else ()
    return (Cell(outcome, STATES.get(outcome, Tone.BAD)), Cell(words), *error)


WORDINGS: dict[str, Callable[[Fields], tuple[Cell, ...]]] = {
    "start": _start,
    "promoted": _promoted,
    "evaluating": _evaluating,
    "model": _model,
    "end": _end,
}
