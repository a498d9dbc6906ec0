"""A process says that it lives, every few seconds, from a thread of its own, and at its end that it leaves.

The rule: it never stands in the way. A database that is out of reach gets no word, and nobody waits for it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from scheduler.errors import MeshbotError
from scheduler.store import BEAT_EVERY, SILENT, Heartbeat, Store

LAST_WORD = 2.0
"""So many seconds a process that ends gives its last word."""


@contextmanager
def beating(store: Store, process: str, place: str | None = None) -> Iterator[None]:
    """Let the process be heard of for the time of the block."""
    pulse = _Pulse(store, Heartbeat(process, f"{socket.gethostname()}:{os.getpid()}", _now(), _now(), place))
    thread = threading.Thread(target=pulse.go_on, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        pulse.stop.set()
        thread.join(LAST_WORD)


def is_heard(store: Store, process: str) -> bool:
    """Whether such a process of this machine, or pod, was heard of lately."""
    mine = [one for one in store.heartbeats() if one.instance.rpartition(":")[0] == socket.gethostname()]
    return any(one.process == process and _now() - one.at <= SILENT for one in mine)


@dataclass(frozen=True)
class _Pulse:
    store: Store
    first: Heartbeat
    stop: threading.Event = field(default_factory=threading.Event)

    def go_on(self) -> None:
        while not self.stop.is_set():
            with suppress(MeshbotError):  # the process itself says so, louder
                self.store.beat(replace(self.first, at=_now()))
            self.stop.wait(BEAT_EVERY.total_seconds())
        with suppress(MeshbotError):
            self.store.fall_silent(self.first.process, self.first.instance)


def _now() -> datetime:
    return datetime.now(UTC)
