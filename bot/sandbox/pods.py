"""The sandbox of a bot in a cluster: a pod of its own for each project, behind the port `scheduler.describing`.

The rule: the same graph, the same limits and the same words as from bubblewrap. The surprise: the SQLMesh that reads
the project is that of the operator's image, so a graph counts for that image alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.sandbox.limits import Limits
from bot.sandbox.verdict import NoSandbox, graph_of
from bot.sandbox.watching import Ended

if TYPE_CHECKING:
    from scheduler.describing import Describe

REPOSITORY = "/meshbot/repository"


def describing(ask: Describe, limits: Limits | None = None) -> Callable[[Path, str], str]:
    """Return what `sandbox.describe` is, done in pods by `ask`."""
    from scheduler.describing import Allowed, Impossible

    limits = limits or Limits()
    allowed = Allowed(limits.seconds, limits.memory_mb, limits.output_mb, limits.processes, limits.disk_mb)

    def describe(tree: Path, path: str) -> str:
        try:
            told = ask(tree, path, allowed)
        except Impossible as error:
            raise NoSandbox(
                f"describing {path}: it is not done without a sandbox, and there is no pod for it: {error}"
            ) from error
        ended = Ended(told.code, told.answer.encode(errors="replace"), told.said, told.broken)
        return graph_of(ended, path, REPOSITORY, limits)

    return describe
