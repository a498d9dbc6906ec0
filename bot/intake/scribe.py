"""Writes down what arrives at the door: together what arrives together, so that one wait for the disk serves many.

The rule: `keep` returns when it is in the database, and not before. The queue is told afterwards, by a thread of its
own: one that does not answer delays nobody, and what it is not told, the bot finds.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from bot.intake.hushing import hushed, told
from bot.services import Services
from scheduler.errors import MeshbotError, Retryable
from scheduler.store import Delivery

TOGETHER = 100
"""So many deliveries are written in one transaction at most."""

PATIENCE = 8.0
"""So many seconds a delivery may wait for the database; GitHub itself waits ten."""

T = TypeVar("T")
_log = logging.getLogger("bot.intake.scribe")


@dataclass
class _Note:
    delivery: Delivery
    done: threading.Event = field(default_factory=threading.Event)
    result: bool | MeshbotError = False

    def settle(self, result: bool | MeshbotError) -> None:  # noqa: FBT001 - it is a result
        self.result = result
        self.done.set()


class Scribe:
    """Keeps deliveries. Its threads begin with the first delivery, since a server forks before that."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._notes: queue.SimpleQueue[_Note | None] = queue.SimpleQueue()
        self._inboxes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._threads: list[threading.Thread] = []

    def keep(self, delivery: Delivery) -> bool:
        """Store a delivery; False when it was received before. Raises `MeshbotError` when that cannot be."""
        self._begin()
        note = _Note(delivery)
        self._notes.put(note)
        if not note.done.wait(PATIENCE):
            raise Retryable(f"storing a delivery: the database has not answered within {PATIENCE:.0f} s")
        if isinstance(note.result, MeshbotError):
            raise note.result
        return note.result

    def close(self) -> None:
        """Let the threads end when they are done with what they have."""
        if self._threads:
            self._notes.put(None)
            self._threads[0].join(PATIENCE)
            self._inboxes.put(None)
            self._threads[1].join(PATIENCE)

    def _begin(self) -> None:
        with self._guard:
            if not self._threads:
                self._threads = [
                    threading.Thread(target=work, name=name, daemon=True)
                    for name, work in (("scribe", self._write), ("teller", self._tell))
                ]
                for thread in self._threads:
                    thread.start()

    def _write(self) -> None:
        for notes in _batches(self._notes):
            try:
                results = self._services.store.receive_all([note.delivery for note in notes])
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                self._write_singly(notes, error)
                continue
            self._settle(list(zip(notes, results, strict=True)))

    def _write_singly(self, notes: list[_Note], error: Exception) -> None:
        """Write each by itself, so that one that cannot be written takes no other with it."""
        if isinstance(error, MeshbotError):
            for note in notes:
                note.settle(error)
            return
        for note in notes:
            try:
                self._settle([(note, self._services.store.receive(note.delivery))])
            except MeshbotError as own:
                note.settle(own)
            except Exception as own:  # noqa: BLE001 - whoever waits is told
                _log.error("storing %s: %s", note.delivery.id, told(own, self._services.settings))
                note.settle(Retryable(f"storing a delivery: unexpected: {type(own).__name__}"))

    def _settle(self, written: list[tuple[_Note, bool]]) -> None:
        for note, is_new in written:
            note.settle(is_new)
            if is_new:
                self._inboxes.put(note.delivery.inbox)

    def _tell(self) -> None:
        for inboxes in _batches(self._inboxes):
            try:
                if (queues := self._services.queues) is not None:
                    queues.enqueue_inboxes(inboxes)
            except MeshbotError as error:
                _log.warning("%s; the bot finds what is pending", hushed(str(error)))
            except Exception as error:  # noqa: BLE001 - the next ones still have to be told
                _log.error("queueing inboxes: %s; the bot finds what is pending", told(error, self._services.settings))


def _batches(waiting: queue.SimpleQueue[T | None]) -> Iterator[list[T]]:
    """Take what waits, as much at once as there is; end at None."""
    while (first := waiting.get()) is not None:
        batch, ended = [first], False
        while len(batch) < TOGETHER and not waiting.empty():
            if (more := waiting.get()) is None:
                ended = True
                break
            batch.append(more)
        yield batch
        if ended:
            return
