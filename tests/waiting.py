"""Waiting for what another process does: by polling with a deadline, never by a fixed sleep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(probe: Callable[[], T], timeout: float = 30.0, every: float = 0.05) -> T:
    """Call `probe` until it returns something true and return that; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {probe}")
        pause.wait(every)
    return value
