"""A lock that is a file: one holder among all processes of this machine, given back by the kernel whatever happens.

The rule: a waiter gives up after a while, so that a hanging holder is a delay that is said and no standstill.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
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
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, time.monotonic() + patience, doing)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, deadline: float, doing: str) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Retryable(f"{doing}: another process has been at it for too long") from None
            time.sleep(LOOK)
        else:
            return
