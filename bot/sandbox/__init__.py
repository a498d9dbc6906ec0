"""Describes a project that nobody has read, where it can do no harm: `meshrun describe` inside bubblewrap, or a pod.

The rule: no credential, no network, nothing of this machine but Python and what is installed for it, room of a fixed
size to write in, and limits that are kept from outside too. Where no such sandbox can be had it is refused and said;
it is never done without. The surprise: a graph is what a project says of itself. Its code runs in the process that
draws the graph and may draw a false one, so a graph counts for nobody but the very tree that it came from.
"""

from __future__ import annotations

from pathlib import Path

from bot.sandbox import walls, watching
from bot.sandbox.chosen import chosen, why_not
from bot.sandbox.limits import Limits
from bot.sandbox.readiness import ready
from bot.sandbox.verdict import Broken, NoSandbox, graph_of

__all__ = ["Broken", "Limits", "NoSandbox", "chosen", "describe", "ready", "why_not"]


def describe(tree: Path, path: str, limits: Limits | None = None) -> str:
    """Return the graph, as meshrun writes it, of the project in the folder `path` of an exported tree.

    Raises `Refused` in meshrun's words when it does not load, `Broken` when a limit stopped it, and
    `NoSandbox`.
    """
    limits = limits or Limits()
    if reason := ready():
        raise NoSandbox(f"describing {path}: it is not done without a sandbox, and there is none: {reason}")
    return graph_of(watching.run(walls.command(tree, path, limits), limits), path, walls.REPOSITORY, limits)
