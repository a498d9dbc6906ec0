"""The small file by which other terminals find what `meshbot up` runs in a data folder.

The rule: it is there only while `up` is, and a lock beside it says so beyond doubt; one `up` at a time owns a folder.
"""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from bot.errors import Refused

NAME, LOCK = "up.json", "up.lock"


@dataclass(frozen=True)
class Beacon:
    """What a running `up` tells: its process, its Valkey, and the branch that it follows."""

    pid: int
    redis_url: str
    repository: str
    branch: str


@contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Own the data folder for the time of the block. Raises `Refused` when another `up` owns it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / ".gitignore").write_text("*\n")  # the folder mostly lies in a repository, and never belongs to it
    with (data_dir / LOCK).open("a") as lock:
        if not _lock(lock):
            raise Refused(
                f"starting in {data_dir}: `meshbot up` runs here already{_whose(data_dir)}; "
                "stop that one, or set MESHBOT_DATA_DIR to another folder"
            )
        try:
            yield
        finally:
            (data_dir / NAME).unlink(missing_ok=True)


def light(data_dir: Path, beacon: Beacon) -> None:
    """Write the file; readers see all of it or none. It is for this user only."""
    fresh = data_dir / f"{NAME}.new"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(beacon)))
    fresh.replace(data_dir / NAME)


def look(data_dir: Path) -> Beacon | None:
    """Return what a running `up` tells; None when none runs (also when one was killed and left its file)."""
    try:
        with (data_dir / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(data_dir)
    except OSError:
        return None
    return None


def _lock(lock: TextIO) -> bool:
    """Take the lock, with a second's patience for those who only `look`."""
    pause = threading.Event()
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(0.05)
        else:
            return True
    return False


def _read(data_dir: Path) -> Beacon | None:
    try:
        return Beacon(**json.loads((data_dir / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _whose(data_dir: Path) -> str:
    found = _read(data_dir)
    return f" (process {found.pid})" if found else ""
