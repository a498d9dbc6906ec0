"""The files of a commit written into an empty folder: plain files, and links that stay inside.

The rule: what is written is what git says, byte for byte, through no filter; no path leads outside, no file can be
executed. What is left out, or is not what it seems (an LFS pointer), is said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bot.checkout.entries import SUBMODULE, SYMLINK, Item
from scheduler.errors import UserError

MEGABYTE = 1024 * 1024
LFS = b"version https://git-lfs.github.com/spec/"
LONGEST_TARGET = 4096
LONGEST_PATH = 2048
"""Bytes: half of what Linux takes, since it lies below other folders."""


@dataclass(frozen=True)
class Room:
    """How much an export may hold: files, as many folders, bytes of all, bytes of one (a larger one is left out)."""

    files: int = 50_000
    bytes: int = 512 * MEGABYTE
    file: int = 64 * MEGABYTE


@dataclass(frozen=True)
class LeftOut:
    """A path that was not written, or not as what it stands for; the reason is for a person."""

    path: str
    why: str


@dataclass
class Exported:
    """What was written."""

    files: int = 0
    bytes: int = 0
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, path: str, why: str) -> None:
        """Say that something is missing."""
        shown = path.encode(errors="replace").decode()
        self.left_out.append(LeftOut("".join(letter if letter.isprintable() else "?" for letter in shown), why))


Blobs = Callable[[Iterable[str]], Iterator[bytes]]


def write(items: Sequence[Item], blobs: Blobs, into: Path, room: Room) -> Exported:
    """Write the items into the folder, which is made. Raises `UserError` when they are more than `room`."""
    done = Exported()
    fit = [item for item in items if _fits(item, room, done)]
    size = sum(item.size or 0 for item in fit)
    if len(fit) > room.files or size > room.bytes:
        raise UserError(
            f"exporting a commit: {len(fit)} files of {size // MEGABYTE} MB are too many; "
            f"at most {room.files} of {room.bytes // MEGABYTE} MB are read"
        )
    _count_folders(fit, room)
    into.mkdir(parents=True, exist_ok=True)
    files, links = [item for item in fit if item.mode != SYMLINK], [item for item in fit if item.mode == SYMLINK]
    for item, content in zip(files, blobs(item.object for item in files), strict=True):
        _write(item, content, into, done)
    made = [
        item
        for item, target in zip(links, blobs(item.object for item in links), strict=True)
        if _link(item, target, into, done)
    ]
    for folder, _, _ in os.walk(into):
        Path(folder).chmod(0o755)
    for item in made:  # all are there now, so that what leads out by way of another link is seen too
        _check(item, into, done)
    return done


def _count_folders(items: Sequence[Item], room: Room) -> None:
    """See that the folders are not too many: to a tree they cost nothing, since each may lie in it many times."""
    seen: set[str] = set()
    for item in items:
        folder = item.path.rpartition("/")[0]
        while folder and folder not in seen:
            seen.add(folder)
            folder = folder.rpartition("/")[0]
        if len(seen) > room.files:
            raise UserError(f"exporting a commit: it has too many folders; at most {room.files} are read")


def _fits(item: Item, room: Room, done: Exported) -> bool:
    why = None
    if item.mode == SUBMODULE:
        why = "it is a submodule, and submodules are not entered; commit the files themselves"
    elif not item.is_text_path:
        why = "its name is no text; rename it"
    elif any(_is_odd(part) for part in item.path.split("/")):
        why = "its name means something to git or to the file system; rename it"
    elif len(os.fsencode(item.path)) > LONGEST_PATH:
        why = f"its path has more than {LONGEST_PATH} bytes; shorten it"
    elif (item.size or 0) > (LONGEST_TARGET if item.mode == SYMLINK else room.file):
        why = f"it has {item.size} bytes; a file has at most {room.file}"
    if why:
        done.leave_out(item.path, why)
    return why is None


def _is_odd(part: str) -> bool:
    folded = "".join(letter for letter in part.casefold() if letter.isprintable()).rstrip(". ")
    return part in {"", ".", ".."} or folded in {".git", "git~1"} or len(os.fsencode(part)) > 255  # noqa: PLR2004


def _write(item: Item, content: bytes, into: Path, done: Exported) -> None:
    path = into / item.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    except (FileExistsError, NotADirectoryError):
        done.leave_out(item.path, "another path of the commit has the same name on this machine; rename one")
        return
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)  # whatever our umask is: who reads it is another user
        file.write(content)
    done.files, done.bytes = done.files + 1, done.bytes + len(content)
    if content.startswith(LFS) and len(content) < 1024:  # noqa: PLR2004 - a pointer is a few lines
        done.leave_out(item.path, "it is an LFS pointer; the content that it stands for is not fetched")


def _link(item: Item, target: bytes, into: Path, done: Exported) -> bool:
    to = os.fsdecode(target)
    inside = os.path.normpath(str(PurePosixPath(item.path).parent / to))
    if not to or "\0" in to or to.startswith("/") or inside.split("/")[0] == "..":
        done.leave_out(item.path, "it is a link out of the repository; commit the file itself")
        return False
    try:
        (into / item.path).parent.mkdir(parents=True, exist_ok=True)
        (into / item.path).symlink_to(to)
    except OSError:
        done.leave_out(item.path, "another path of the commit has the same name on this machine; rename one")
        return False
    return True


def _check(item: Item, into: Path, done: Exported) -> None:
    path = into / item.path
    with suppress(OSError, RuntimeError):
        if path.resolve(strict=True).is_relative_to(into.resolve()):
            return
    with suppress(OSError):
        path.unlink()
    done.leave_out(item.path, "it is a link that leads nowhere, or out of the repository; commit the file itself")
