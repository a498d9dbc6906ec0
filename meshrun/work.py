"""What a conductor and its workers tell each other about one owed model. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .report import Ending
from .tenure import Claim, Row, Runner
from .walk import Batches, Unit


class InterruptedRunError(Exception):
    """The environment was changed by a plan; the run ends without starting anything else."""


class Work(Protocol):
    """One owed model, as the conductor sees it; `prepare` and `perform` are called in worker threads."""

    key: str
    label: str

    def prepare(self, claim: Claim, row: Row) -> Batches:
        """Read again what is missing, now that the claim is held; empty when others have done it all."""

    def perform(self, unit: Unit) -> None:
        """Do one unit and record it, or raise."""

    def ending(self) -> Ending:
        """Tell what was done so far."""


@dataclass(frozen=True)
class Policy:
    """How a run treats others: its own identity, the run it repeats, its width, and whether it ends after everybody."""

    runner: Runner
    retry_of: str | None
    width: int
    stays: bool = False


@dataclass
class Active:
    """A model whose claim is held here, and how far it has come."""

    claim: Claim
    row: Row
    batches: Batches | None = None
    error: Exception | None = None
    lost: bool = False
    told: bool = False


@dataclass(frozen=True)
class Event:
    """What a worker, the lease keeper or a signal tells the conductor."""

    name: str
    unit: Unit | None = None
    batches: Batches | None = None
    error: Exception | None = None
    lost: Claim | None = None


@dataclass
class Failures:
    """What went wrong in a run so far."""

    errors: dict[str, Exception] = field(default_factory=dict)
    interrupted: bool = False
