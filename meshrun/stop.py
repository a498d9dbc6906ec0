"""A wish to stop, from a signal: the first one lets running models end, the second one, or a long grace, does not.

Before the run conducts anything, a signal simply ends the process by an exception.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_SECONDS = 30.0


class Cancelled(Exception):
    """The run was asked to stop and has ended."""


class Stop:
    """Counts the signals of this process; `grace` is how many seconds running models get to end.

    `cut_short` is called once when that time is over: it ends the queries that still run, as far as the engine can.
    """

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self._grace = grace
        self._asked_at: float | None = None
        self._hard = False
        self._wake: Callable[[], None] | None = None
        self.cut_short: Callable[[], None] = _nothing

    @classmethod
    def from_environment(cls) -> Stop:
        """Take the grace from MESHRUN_GRACE (seconds; 30 if unset)."""
        return cls(float(os.environ.get("MESHRUN_GRACE") or GRACE_SECONDS))

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT of this process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def ask(self) -> None:
        """Ask for an end; asked again, for an end at once; asked more often, for nothing new."""
        first = self._asked_at is None
        self._hard = not first
        self._asked_at = self._asked_at or time.monotonic()
        if self._wake is not None:
            self._wake()
        elif first:
            raise Cancelled

    @property
    def is_asked(self) -> bool:
        """Whether nothing more may start."""
        return self._asked_at is not None

    @property
    def is_overdue(self) -> bool:
        """Whether what still runs is to be abandoned."""
        return self._hard or (self._asked_at is not None and time.monotonic() - self._asked_at > self._grace)

    @contextmanager
    def wakes(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` instead of raising when a stop is asked for inside this block."""
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()


def _nothing() -> None:
    pass
