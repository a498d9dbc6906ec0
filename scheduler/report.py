"""Reads what meshrun said in a run's log, and makes one report of it.

The rule: a run may have several processes, and their lines come mixed with anything that a project prints. Of a model
the line counts that says most about it; the run's outcome is there only when every process that began said its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scheduler.runs import ModelResult, ModelStatus, Report, RunState

PREFIX = b'{"meshrun"'
LONGEST_ERROR = 8000
WEIGHT = {
    ModelStatus.CLAIMED_ELSEWHERE: 0,
    ModelStatus.UP_TO_DATE: 1,
    ModelStatus.BLOCKED: 2,
    ModelStatus.EVALUATED: 3,
    ModelStatus.FAILED: 4,
}
BAD = frozenset({ModelStatus.FAILED, ModelStatus.BLOCKED})
GOOD = frozenset({ModelStatus.EVALUATED, ModelStatus.UP_TO_DATE})
ENDED_EARLY = (RunState.INTERRUPTED, RunState.CANCELLED)


def parse(chunks: Iterable[bytes]) -> Report:
    """Read a log, in pieces of any size. A line that cannot be read is left out."""
    models: dict[str, ModelResult] = {}
    begun, ends = 0, []
    promoted = _Promoted()
    for fields in map(_fields, _lines(chunks)):
        match fields.get("event"):
            case "start":
                begun += 1
            case "promoted":
                promoted.note(fields)
            case "model":
                _note(models, fields)
            case "end":
                ends.append(fields)
    results = tuple(models.values())
    outcome = _outcome(results, ends) if len(ends) >= max(begun, 1) else None
    return Report(results, outcome, _next_due(ends), _error(ends), promoted.whole())


@dataclass
class _Promoted:
    """What the `promoted` lines said so far."""

    models: dict[str, str] = field(default_factory=dict)
    total: int = -1

    def note(self, fields: dict[str, Any]) -> None:
        """Add a line; one that lacks something is left out."""
        try:
            total, found = int(fields["total"]), {str(name): str(of) for name, of in fields["models"].items()}
        except (KeyError, ValueError, TypeError, AttributeError):
            return
        if total != self.total:  # another plan's
            self.models, self.total = {}, total
        self.models |= found

    def whole(self) -> dict[str, str] | None:
        """Return it when it is complete: a process may have been killed between two lines."""
        return self.models if len(self.models) == self.total else None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (line for line in complete if line.startswith(PREFIX))
    if rest.startswith(PREFIX):
        yield rest


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) and fields.get("meshrun") == 1 else {}


def _note(models: dict[str, ModelResult], fields: dict[str, Any]) -> None:
    result = _model(fields)
    if result is None:
        return
    before = models.get(result.model)
    if before is None or WEIGHT[result.status] >= WEIGHT[before.status]:
        models[result.model] = result


def _model(fields: dict[str, Any]) -> ModelResult | None:
    """Read a `model` line; None when it lacks what makes one, as when a project prints something alike."""
    audits = fields.get("audits") or {}
    try:
        return ModelResult(
            model=str(fields["model"]),
            status=ModelStatus(fields["status"]),
            seconds=float(fields.get("seconds") or 0),
            rows=None if fields.get("rows") is None else int(fields["rows"]),
            intervals=tuple((str(low), str(high)) for low, high in fields.get("intervals") or ()),
            audits_passed=int(audits.get("passed") or 0),
            audits_failed=int(audits.get("failed") or 0),
            error=_short(fields.get("error")),
            blocked_by=tuple(map(str, fields.get("blocked_by") or ())),
            held_by=fields.get("held_by"),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _outcome(results: tuple[ModelResult, ...], ends: list[dict[str, Any]]) -> RunState | None:
    """Say how the run as a whole ended. One process knows that itself; of several, the models tell it together."""
    said = [state for end in ends if (state := _state(end)) is not None]
    if len(said) <= 1:
        return said[0] if said else None
    early = next((state for state in ENDED_EARLY if state in said), None)
    if early:
        return early
    statuses = {result.status for result in results}
    if statuses & BAD or RunState.FAILED in said or RunState.PARTIAL in said:
        return RunState.PARTIAL if statuses & GOOD else RunState.FAILED
    return RunState.SUCCEEDED if RunState.SUCCEEDED in said else RunState.NOOP


def _state(end: dict[str, Any]) -> RunState | None:
    try:
        state = RunState(str(end.get("outcome")))
    except ValueError:
        return None
    return state if state.is_final else None


def _next_due(ends: list[dict[str, Any]]) -> datetime | None:
    found = []
    for end in ends:
        try:
            at = datetime.fromisoformat(str(end.get("next_due")))
        except ValueError:
            continue
        found.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    return min(found, default=None)


def _error(ends: list[dict[str, Any]]) -> str | None:
    said = dict.fromkeys(short for end in ends if (short := _short(end.get("error"))))
    return "\n".join(said)[:LONGEST_ERROR] or None


def _short(text: object) -> str | None:
    return None if text is None else str(text)[:LONGEST_ERROR].replace("\0", "")
