"""Describes a project that nobody has read, where it can do no harm: `meshrun describe` inside bubblewrap.

The rule: no credential, no network, nothing of this machine but Python and what is installed for it, room of a fixed
size to write in, and limits that are kept from outside too. Where no such sandbox can be had it is refused and said;
it is never done without. The surprise: a graph is what a project says of itself. Its code runs in the process that
draws the graph and may draw a false one, so a graph counts for nobody but the very tree that it came from.
"""

from __future__ import annotations

import re
from pathlib import Path

from bot.errors import Refused
from bot.sandbox import walls, watching
from bot.sandbox.limits import Limits
from bot.sandbox.readiness import ready

__all__ = ["Broken", "Limits", "NoSandbox", "describe", "ready"]

ADVICE = re.compile(r"; allow more with --[a-z-]+")
FULL = "[Errno 28] No space left on device"
LONGEST = 4000


class Broken(Refused):
    """A load that was stopped by a limit: it might go well another time, when the machine has less to do."""


class NoSandbox(Refused):
    """There is none on this machine."""


def describe(tree: Path, path: str, limits: Limits | None = None) -> str:
    """Return the graph, as meshrun writes it, of the project in the folder `path` of an exported tree.

    Raises `Refused` in meshrun's words when it does not load, `Broken` when a limit stopped it, and
    `NoSandbox`.
    """
    doing, limits = f"describing {path}", limits or Limits()
    if reason := ready():
        raise NoSandbox(f"{doing}: it is not done without a sandbox, and there is none: {reason}")
    ended = watching.run(walls.command(tree, path, limits), limits)
    if ended.broken:
        raise Broken(f"{doing}: stopped by the limit on {ended.broken}")
    said = _plain(ended.said, path)
    if ended.code == 0:
        return ended.answer.decode(errors="replace")
    if "stopped by the limit on" in said:
        raise Broken(said)
    if FULL in said:
        raise Broken(f"{doing}: stopped by the limit on disk: it wrote more than {limits.disk_mb} MB")
    if not said:
        raise Refused(f"{doing}: what watches over it was ended from inside (with {ended.code}), so there is no graph")
    raise Refused(said if said.startswith(doing) else f"{doing}: {said}")


def _plain(said: str, path: str) -> str:
    """Word what was said inside as a person outside sees it."""
    shown = said[-LONGEST:].replace(f"{walls.REPOSITORY}/{path}".removesuffix("/."), path)
    return ADVICE.sub("", shown.replace(f"{walls.REPOSITORY}/", "")).strip()
