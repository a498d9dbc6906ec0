"""What goes wrong with calls of the API, as a test chooses it.

The rule: a mischief names the calls that it meets (`POST .*/comments`) and how often. The `AFTER` ones happen when
the call has had its effect already; the limits last until a moment instead of a number of times.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto


class Fault(Enum):
    """What becomes of a call."""

    BROKEN_BEFORE = auto()
    BROKEN_AFTER = auto()
    RESET_BEFORE = auto()
    RESET_AFTER = auto()
    SILENT_BEFORE = auto()
    SILENT_AFTER = auto()
    LIMITED = auto()
    SECONDARY_403 = auto()
    SECONDARY_429 = auto()
    UNAUTHORIZED = auto()

    @property
    def after(self) -> bool:
        return self in {Fault.BROKEN_AFTER, Fault.RESET_AFTER, Fault.SILENT_AFTER}


@dataclass
class Mischief:
    """One fault, waiting for its calls. `retry_after` is seconds; None leaves the header out."""

    fault: Fault
    calls: str = ".*"
    times: int | None = 1
    until: datetime | None = None
    retry_after: int | None = None
    installation: int | None = None
    met: int = 0

    def meets(self, call: str, installation: int | None, now: datetime) -> bool:
        if self.until is not None and now >= self.until:
            return False
        if self.until is None and self.times is not None and self.met >= self.times:
            return False
        if self.installation not in {None, installation}:
            return False
        return re.fullmatch(self.calls, call) is not None


@dataclass
class Mischiefs:
    """All that may go wrong, and how slow everything is."""

    waiting: list[Mischief] = field(default_factory=list)
    delay: float = 0.0
    """Seconds that every call of the API takes."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set when those who wait in silence are let go."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, mischief: Mischief) -> Mischief:
        with self._lock:
            self.waiting.append(mischief)
        return mischief

    def of(self, call: str, installation: int | None, now: datetime) -> Mischief | None:
        """Return what goes wrong with this call, and count it."""
        with self._lock:
            for mischief in self.waiting:
                if mischief.meets(call, installation, now):
                    mischief.met += 1
                    return mischief
        return None

    def clear(self) -> None:
        with self._lock:
            self.waiting.clear()
        self.delay = 0.0
