"""What the claim table holds and who takes claims: values only. Pure.

All times are whole milliseconds since 1970 by the database's clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .errors import ProjectError

LEASE_SECONDS = 60.0
_KEY_LENGTH = 400


class ClaimLostError(Exception):
    """The claim was taken over or released by somebody else; nothing may be recorded under it any more."""


class UnsupportedStateError(ProjectError):
    """The state database can hold no claims; the message says which can."""


@dataclass(frozen=True)
class Runner:
    """Who takes claims: a run, its job if it has one, and when the run started (milliseconds, database time)."""

    run_id: str
    job: str | None
    started: int


@dataclass(frozen=True)
class Claim:
    """The right to evaluate what `key` names, until it is lost; `owner` is unique to this taking."""

    key: str
    owner: str


@dataclass(frozen=True)
class Row:
    """What the table says about one key at one moment; all times are milliseconds of the database's clock."""

    key: str
    model: str
    owner: str | None
    run_id: str | None
    job: str | None
    run_started: int | None
    taken_at: int | None
    expires_at: int | None
    last_outcome: str | None
    last_run_id: str | None
    ended_at: int | None
    error: str | None
    now: int

    @property
    def held(self) -> bool:
        """Whether somebody holds a claim that has not expired."""
        return self.owner is not None and self.expires_at is not None and self.expires_at >= self.now

    def failed_for(self, runner: Runner) -> bool:
        """Whether the last evaluation failed in this very run, or in another one since this run started."""
        if self.last_outcome != "failed":
            return False
        return self.last_run_id == runner.run_id or (self.ended_at or 0) >= runner.started


@dataclass(frozen=True)
class Taking:
    """What became of an attempt: the claim, or None and the row that says why not."""

    claim: Claim | None
    row: Row


def claim_key(name: str) -> str:
    """Make a key of at most 512 characters out of any name; long names keep their head and get a hash."""
    if len(name) <= _KEY_LENGTH:
        return name
    return f"{name[:_KEY_LENGTH]}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"
