"""A wish to stop, from a signal: the first one lets running models end, the second one, or a long grace, does not.

Outside the conducting of a run each of the two simply ends what goes on by an exception; later ones change nothing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_SECONDS = 30.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


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

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT of this process."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def close(self) -> None:
        """Ignore signals from now on: what is left to do is to say how it ended."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def ask(self) -> None:
        """Ask for an end; asked again, for an end at once; asked more often, for nothing new."""
        changes = not self._hard
        self._hard = self.is_asked
        self._asked_at = self._asked_at or time.monotonic()
        if self._wake is not None:
            self._wake()
        elif changes:
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
