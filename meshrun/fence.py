"""The state of a project, fenced: an interval is recorded only while this run holds the model's claim.

The claim's row is locked in the transaction that records the interval, so that between "still mine" and "recorded"
nobody can take over. Automatic restatements are recorded under a claim of their own, in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmesh.core.snapshot import Snapshot
from sqlmesh.core.state_sync import StateSync
from sqlmesh.core.state_sync.base import DelegatingStateSync

from .claims import ClaimTable
from .dialects import Adapter, retried, transaction
from .once import Turn
from .tenure import Claim, ClaimLostError


class FencedStateSync(DelegatingStateSync):
    """Delegates everything; `claims` maps a snapshot's name to the claim under which it is evaluated here."""

    def __init__(self, state_sync: StateSync, table: ClaimTable) -> None:
        super().__init__(state_sync)
        self.claims: dict[str, Claim] = {}
        self.unfenced = _innermost(state_sync)
        self.turn: Turn | None = None
        """The turn in which automatic restatements are applied, while this run has it."""
        self._table = table

    def add_interval(self, snapshot: Snapshot, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - delegated
        """Record an interval under the snapshot's claim; raises `ClaimLostError` if it is not held any more."""
        self._record(self._claim(snapshot), lambda: self.state_sync.add_interval(snapshot, *args, **kwargs))

    def check(self, snapshot: Snapshot) -> None:
        """Raise `ClaimLostError` if the snapshot's claim is not held any more."""
        self._record(self._claim(snapshot), _nothing)

    def add_snapshots_intervals(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - delegated
        """Record what is to be restated; raises `ClaimLostError` if this run's turn is over."""
        claim = self.turn.claim if self.turn else None
        self._record(claim, lambda: self.state_sync.add_snapshots_intervals(*args, **kwargs))

    def update_auto_restatements(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - delegated
        """Record when models restate themselves next, and let the next run look at it."""
        claim = self.turn.claim if self.turn else None
        self._record(claim, lambda: self.state_sync.update_auto_restatements(*args, **kwargs))
        if self.turn is not None:
            self.turn.give_back()

    def _claim(self, snapshot: Snapshot) -> Claim:
        claim = self.claims.get(snapshot.name)
        if claim is None:
            raise ClaimLostError(f"recording an interval of {snapshot.name}: this run never held its claim")
        return claim

    def _record(self, claim: Claim | None, change: Callable[[], None]) -> None:
        adapter: Adapter = self.unfenced.engine_adapter

        def record() -> None:
            with transaction(adapter):
                if claim is not None:
                    self._table.fence(adapter, claim)
                change()

        retried(record, adapter)


def open_state(state_sync: StateSync) -> tuple[Adapter, str | None]:
    """Find the engine adapter through which the state is really written, and the schema of its tables."""
    innermost = _innermost(state_sync)
    return innermost.engine_adapter, innermost.schema


def _innermost(state_sync: Any) -> Any:  # noqa: ANN401 - wrappers have no common type
    while not hasattr(state_sync, "engine_adapter"):
        state_sync = state_sync.state_sync
    return state_sync


def _nothing() -> None:
    pass
