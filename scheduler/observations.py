"""What a place says of one run when it is looked at: a closed set of four.

A place only says what is there; what it means for the run is decided by `scheduler.runs.advance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Pending:
    """Known to the place, not yet running (the tree is being fetched, an image pulled)."""


@dataclass(frozen=True)
class Running:
    """Alive since `started_at` (UTC)."""

    started_at: datetime


@dataclass(frozen=True)
class Exited:
    """Ended. `code` is the worst exit code of its processes; None when nobody could see it (killed, node lost).

    `reason` words an end that is the place's, not the program's: `timed_out`, `cancelled`, `lost`, `setup_failed`.
    `detail` is one sentence for a person.
    """

    code: int | None
    ended_at: datetime
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Absent:
    """The place knows nothing of this run."""


Observation = Absent | Pending | Running | Exited
