"""The folder of one run of the process launcher: which file says what, and which lock says who is alive.

The rule: a fact is a file that appears whole (created exclusively, or renamed into place), and life is a lock that the
kernel gives back. No pid is ever trusted to mean life. Standard library only, because the keeper uses it too.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RUN_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps what it needs while it lives, below the data folder `root`."""

    root: Path
    run_id: str

    def __post_init__(self) -> None:
        if not RUN_ID.fullmatch(self.run_id):
            raise ValueError(f"a run id is a DNS label of at most 63 characters, not {self.run_id[:80]!r}")

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / "runs" / self.run_id

    @property
    def lock(self) -> Path:
        """Held while the keeper or any process that it started is alive."""
        return self.path / "lock"

    @property
    def keeper(self) -> Path:
        """Held while the keeper itself is alive."""
        return self.path / "keeper"

    @property
    def started(self) -> Path:
        """There as soon as a keeper has taken the run; it is never taken again."""
        return self.path / "started.json"

    @property
    def running(self) -> Path:
        """There as soon as the program has been started."""
        return self.path / "running.json"

    @property
    def log(self) -> Path:
        """What the program printed, redacted."""
        return self.path / "log"

    @property
    def cancel(self) -> Path:
        """There when somebody asked for the end."""
        return self.path / "cancel"

    @property
    def exit(self) -> Path:
        """There when all is over: how it ended."""
        return self.path / "exit.json"

    @property
    def home(self) -> Path:
        """The home folder of the program."""
        return self.path / "home"

    @property
    def gone(self) -> Path:
        """Left behind by a forgotten run, so that a late launch does not start it a second time."""
        return self.root / "runs" / ".gone" / self.run_id


def now() -> str:
    """Write the present moment, in UTC."""
    return datetime.now(UTC).isoformat()


def read(path: Path) -> dict[str, Any] | None:
    """Read a fact; None when it is not there."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a machine that lost power may leave an empty file
        return None
    return found


def create(path: Path, fact: dict[str, Any]) -> bool:
    """Write a fact that is stated once; False when it was there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        _write(file.fileno(), fact)
    return True


def replace(path: Path, fact: dict[str, Any]) -> None:
    """Write a fact whole, over an older one if need be."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        _write(file.fileno(), fact)
    aside.replace(path)


def _write(descriptor: int, fact: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(fact).encode())
    os.fsync(descriptor)


def take(path: Path, *, shared: bool = False) -> int | None:
    """Take a lock and return its descriptor; None when somebody else has it. Closing the descriptor gives it back."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # it was removed by its last owner between our two calls


def _is_still(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    return False


def release(descriptor: int) -> None:
    """Give a lock back."""
    os.close(descriptor)


def is_held(path: Path) -> bool:
    """Say whether somebody has the lock.

    Looking takes it for a moment, shared. So look only where a taker who fails because of that does no harm: at a run
    that has `started`, which nobody may take again anyway.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
