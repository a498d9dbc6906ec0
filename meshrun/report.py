"""One JSON object per line: what happened to each model and to the run.

Each line begins with `{"meshrun": 1,` and is written by one call. The surprise: whatever a project prints goes to
standard error, so that standard output is nothing but these lines; and a reader that went away never breaks a run.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .walk import Interval

_MODELS_PER_LINE = 300
_PASSWORD = re.compile(
    r"(?P<head>://[^:/@\s]+:)[^@\s]+(?=@)|(?P<key>\b(?:password|passwd|pwd|token)\s*=\s*)\S+", re.IGNORECASE
)


@dataclass
class Ending:
    """How one owed model ended; every field is as the report line has it."""

    model: str
    status: str
    intervals: list[Interval] = field(default_factory=list)
    seconds: float = 0.0
    rows: int | None = None
    passed: int = 0
    failed: int = 0
    error: str | None = None
    blocked_by: Sequence[str] = ()
    held_by: str | None = None


class Report:
    """The lines of one run, on one file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._started = False
        self.counts: Counter[str] = Counter()
        self.failed_elsewhere = 0

    def start(self, *, run_id: str, job: str | None, environment: str, sqlmesh: str, models: int) -> None:
        """Say once that the run starts and how many models it owes."""
        if not self._started:
            self._started = True
            names = {"run_id": run_id, "job": job, "environment": environment, "sqlmesh": sqlmesh}
            self._write("start", **names, at=stamp(), models=models)

    def promoted(self, environment: str, models: Mapping[str, str]) -> None:
        """Say what the environment has promoted, in lines of a bounded length, each with the number of all models."""
        rows = sorted(models.items())
        for start in range(0, max(len(rows), 1), _MODELS_PER_LINE):
            part = dict(rows[start : start + _MODELS_PER_LINE])
            self._write("promoted", environment=environment, models=part, total=len(rows), at=stamp())

    def evaluating(self, model: str) -> None:
        """Say that a model is being worked on."""
        self._write("evaluating", model=model, at=stamp())

    def model(self, ending: Ending) -> None:
        """Say how a model ended."""
        self.counts[ending.status] += 1
        self.failed_elsewhere += ending.status == "claimed_elsewhere" and ending.error is not None
        self._write(
            "model",
            model=ending.model,
            status=ending.status,
            intervals=[[stamp(low), stamp(high)] for low, high in merged(ending.intervals)],
            seconds=round(ending.seconds, 3),
            rows=ending.rows,
            audits={"passed": ending.passed, "failed": ending.failed},
            error=redacted(ending.error),
            blocked_by=list(ending.blocked_by),
            held_by=ending.held_by,
            at=stamp(),
        )

    def end(self, outcome: str, *, seconds: float, next_due: datetime | None = None, error: str | None = None) -> None:
        """Say how the run ended."""
        due = next_due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if next_due else None
        self._write(
            "end",
            outcome=outcome,
            counts=dict(sorted(self.counts.items())),
            next_due=due,
            error=redacted(error),
            seconds=round(seconds, 3),
            at=stamp(),
        )

    def claim(self, **fields: Any) -> None:  # noqa: ANN401 - a line is JSON
        """Say who holds a claim."""
        self._write("claim", **fields)

    def outcome(self) -> str:
        """Sum up the models' ends: succeeded, partial, failed or noop."""
        bad = self.counts["failed"] + self.counts["blocked"] + self.failed_elsewhere
        good = self.counts["evaluated"]
        if bad:
            return "partial" if good + self.counts["up_to_date"] else "failed"
        return "succeeded" if good else "noop"

    def _write(self, event: str, **fields: Any) -> None:  # noqa: ANN401 - a line is JSON
        line = json.dumps({"meshrun": 1, "event": event, **fields}, ensure_ascii=False) + "\n"
        data = line.encode(errors="replace")
        try:
            with self._lock:
                while data:
                    data = data[os.write(self._descriptor, data) :]
        except OSError:
            return


def stamp(milliseconds: int | None = None) -> str:
    """Write a moment (milliseconds since 1970; now if None) as ISO 8601 in UTC, to the second."""
    moment = datetime.now(UTC) if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def redacted(text: str | None) -> str | None:
    """Take passwords out of connection URLs and `password=` pairs."""
    if text is None:
        return None
    return _PASSWORD.sub(lambda match: f"{match['head'] or match['key']}***", text)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Join intervals that touch or overlap."""
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
