"""The folder of a mirror: made whole, cleared of what killed processes left, packed now and then.

The rule: only who holds the mirror's lock comes here.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from bot.checkout.calling import Git
from scheduler.errors import Retryable, UserError

DAMAGED = "meshbot-damaged"
"""The file by which a reader tells the next fetch that something is missing."""
LOOSE, PACKS = 27, 50
"""So many loose objects in one of 256 folders, or packs, and the mirror is packed anew."""


def make(folder: Path, allow: frozenset[str], doing: str) -> None:
    """Make an empty repository; it is there whole or not at all."""
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    Git(allow).run("init", "--quiet", "--bare", "--template=", "--", str(half), doing=doing)
    half.rename(folder)


def clear(folder: Path) -> None:
    """Remove what whoever was killed left behind."""
    for name in (".new", ".old", ".half"):
        shutil.rmtree(folder.with_suffix(name), ignore_errors=True)
    leftovers = [*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock"), *folder.glob("objects/**/tmp_*")]
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def tidy(git: Git, folder: Path, lock: int) -> None:
    """Pack what many fetches have left in pieces; nothing is thrown away, since a run may ask for it."""
    loose, packs = len(list(folder.glob("objects/17/*"))), len(list(folder.glob("objects/pack/*.pack")))
    if loose > LOOSE or packs > PACKS:
        with suppress(UserError, Retryable):
            git.run("repack", "-a", "-d", "-k", "-q", doing="packing a mirror", hold=(lock,))
