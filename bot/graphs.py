"""The graph of a project at a commit: from what was kept, or described anew in the sandbox.

The rule: what is kept is found by exactly what the sandbox could read (the files that are exported, and everything
installed that reads them), so that an answer is never older than its question. Nothing that a load wrote is ever given
to another load.
"""

from __future__ import annotations

from pathlib import Path

from bot.checkout import Mirror
from bot.errors import Refused
from scheduler.dag import Graph
from scheduler.store import Store


class Graphs:
    """Graphs of projects in mirrors, kept in the store; what is under way lies below `data_dir`."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store, self._data_dir = store, data_dir

    def of(self, mirror: Mirror, sha: str, path: str) -> Graph:
        """Return the graph of the project in the folder `path` (`.` is the top) at a commit.

        Raises `Refused` in meshrun's words when it does not load or breaks a limit, and when no sandbox can be had;
        `UserError` when there is no such commit or folder; `Retryable` when it may work in a moment.
        """
        raise Refused(f"describing {path} at {sha[:12]} of {mirror.source}: not yet")
