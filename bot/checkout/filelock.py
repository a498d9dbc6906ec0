"""A lock that is a file: one holder among all processes of this machine, given back by the kernel whatever happens.

The rule: a waiter gives up after a while, so that a hanging holder is a delay that is said and no standstill.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scheduler.errors import Retryable

PATIENCE = 600.0
LOOK = 0.05


@contextmanager
def held(path: Path, doing: str, patience: float = PATIENCE) -> Iterator[int]:
    """Hold the lock; its descriptor may be handed to a child, which then holds it too.

    Raises `Retryable` when it was not free within `patience` seconds.
    """
    with one_of([path], doing, patience) as descriptor:
        yield descriptor


@contextmanager
def one_of(paths: Sequence[Path], doing: str, patience: float = PATIENCE) -> Iterator[int]:
    """Hold one of several locks, whichever is free first. Raises as `held` does."""
    descriptors = [_open(path) for path in paths]
    deadline = time.monotonic() + patience
    try:
        while (found := next((one for one in descriptors if _is_taken(one)), None)) is None:
            if time.monotonic() >= deadline:
                raise Retryable(f"{doing}: another process has been at it for too long")
            time.sleep(LOOK)
        yield found
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_taken(descriptor: int) -> bool:
    """Take a lock if it is free, and say whether it is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
