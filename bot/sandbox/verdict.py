"""What the end of a load means, wherever it was done: a graph, a refusal in meshrun's words, or a limit.

The rule: a person on a pull request has no command line, so advice to use another option of meshrun is taken out, and
paths of the sandbox are shown as those of the repository.
"""

from __future__ import annotations

import re

from bot.errors import Refused
from bot.sandbox.limits import Limits
from bot.sandbox.watching import Ended

ADVICE = re.compile(r"; allow more with --[a-z-]+")
FULL = "[Errno 28] No space left on device"
LONGEST = 4000


class Broken(Refused):
    """A load that was stopped by a limit: it might go well another time, when the machine has less to do."""


class NoSandbox(Refused):
    """There is none on this machine."""


def graph_of(ended: Ended, path: str, repository: str, limits: Limits) -> str:
    """Return the graph, as meshrun wrote it; `repository` is where the tree was. Raises `Refused` and `Broken`."""
    doing = f"describing {path}"
    if ended.broken:
        raise Broken(f"{doing}: stopped by the limit on {ended.broken}")
    said = _plain(ended.said, path, repository)
    if ended.code == 0:
        return ended.answer.decode(errors="replace")
    if "stopped by the limit on" in said:
        raise Broken(said)
    if FULL in said:
        raise Broken(f"{doing}: stopped by the limit on disk: it wrote more than {limits.disk_mb} MB")
    if not said:
        raise Refused(f"{doing}: what watches over it was ended from inside (with {ended.code}), so there is no graph")
    raise Refused(said if said.startswith(doing) else f"{doing}: {said}")


def _plain(said: str, path: str, repository: str) -> str:
    """Word what was said inside as a person outside sees it."""
    shown = said[-LONGEST:].replace(f"{repository}/{path}".removesuffix("/."), path)
    return ADVICE.sub("", shown.replace(f"{repository}/", "")).strip()
