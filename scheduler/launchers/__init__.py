"""Where runs run: one protocol, one launcher for each place.

A launcher never decides what a run's end means; it launches, observes, reads logs and cancels. All four are safe to
repeat: a launched run has its name, and "it is there already" is success.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from scheduler.observations import Observation


@dataclass(frozen=True)
class Source:
    """The committed project that a run uses: `repository` (a URL or a local path), commit, and folder in the tree."""

    repository: str
    sha: str
    path: str = "."


@dataclass(frozen=True)
class Order:
    """Everything that a place needs to know to run one run. Nothing in it is a secret.

    `arguments` are the typed arguments of meshrun, ready to be an argument vector (never a shell line). `secrets` are
    names only: the launcher resolves them from what the operator granted to `project`. `tick` is what the run is
    scheduled for.
    """

    run_id: str
    project: str
    job: str
    source: Source
    arguments: tuple[str, ...]
    timeout: timedelta
    parallelism: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    image: str | None = None
    resources: Mapping[str, str] = field(default_factory=dict)
    tick: datetime | None = None


class Launcher(Protocol):
    """A place where runs run."""

    @property
    def place(self) -> str:
        """The name of this place: always the same, and that of no other one."""

    def launch(self, order: Order) -> None:
        """Start the run unless it was started before; return at once, without waiting for it.

        Raises `Retryable` when the place cannot take it now, `UserError` when it never will.
        """

    def observe(self, run_id: str) -> Observation:
        """Say how the run stands."""

    def logs(self, run_id: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield what the run has printed from byte `offset` to now, redacted."""

    def cancel(self, run_id: str) -> None:
        """Ask the run to end (gracefully, then by force); also one that has not begun: it then never begins."""

    def forget(self, run_id: str) -> None:
        """Remove what the place keeps of an ended run."""
