"""What merging makes of one text that both sides have changed.

The rule: the same as git does with it, which is what GitHub does; nothing is written but files that are gone at once,
and no repository has a say. The surprise: for git, conflicts are a failure; so any failure is told as a conflict.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bot.checkout.calling import Git
from scheduler.errors import UserError


def merged(parted: str, ours: str, theirs: str) -> str | None:
    """Return a text with the changes of both sides since they `parted`; None when they conflict."""
    with tempfile.TemporaryDirectory(prefix="meshbot-merge-") as folder:
        paths = [Path(folder) / name for name in ("ours", "parted", "theirs")]
        for path, text in zip(paths, (ours, parted, theirs), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        try:
            said = Git(frozenset()).run("merge-file", "-p", "-q", *map(str, paths), doing="merging a job file")
        except UserError:
            return None
    return said.decode("utf-8")
