"""The state of a project, fenced: an interval is recorded only while this run holds the model's claim.

The claim's row is locked in the transaction that records the interval, so that between "still mine" and "recorded"
nobody can take over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmesh.core.snapshot import Snapshot
from sqlmesh.core.state_sync import StateSync
from sqlmesh.core.state_sync.base import DelegatingStateSync

from .claims import ClaimTable
from .dialects import Adapter, retried, transaction
from .tenure import Claim, ClaimLostError


class FencedStateSync(DelegatingStateSync):
    """Delegates everything; `claims` maps a snapshot's name to the claim under which it is evaluated here."""

    def __init__(self, state_sync: StateSync, table: ClaimTable) -> None:
        super().__init__(state_sync)
        self.claims: dict[str, Claim] = {}
        self.unfenced = _innermost(state_sync)
        self.after_restatements: Callable[[], None] | None = None
        self._table = table

    def add_interval(self, snapshot: Snapshot, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - delegated
        """Record an interval under the snapshot's claim; raises `ClaimLostError` if it is not held any more."""
        claim = self.claims.get(snapshot.name)
        if claim is None:
            raise ClaimLostError(f"recording an interval of {snapshot.name}: this run never held its claim")
        adapter: Adapter = self.unfenced.engine_adapter

        def record() -> None:
            with transaction(adapter):
                self._table.fence(adapter, claim)
                self.state_sync.add_interval(snapshot, *args, **kwargs)

        retried(record, adapter)

    def update_auto_restatements(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - delegated
        """Record when models restate themselves next, and let the next run look at it."""
        self.state_sync.update_auto_restatements(*args, **kwargs)
        if self.after_restatements is not None:
            self.after_restatements()


def open_state(state_sync: StateSync) -> tuple[Adapter, str | None]:
    """Find the engine adapter through which the state is really written, and the schema of its tables."""
    innermost = _innermost(state_sync)
    return innermost.engine_adapter, innermost.schema


def _innermost(state_sync: Any) -> Any:  # noqa: ANN401 - wrappers have no common type
    while not hasattr(state_sync, "engine_adapter"):
        state_sync = state_sync.state_sync
    return state_sync
