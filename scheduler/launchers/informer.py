"""A copy of some objects of a cluster, kept true by listing once and watching ever after, in a thread of its own.

The rule: the copy is never trusted for an end, only for "nothing new". When the watch breaks, it goes on from the last
version that was seen; when the cluster does not remember that version any more, everything is listed anew, and from
time to time it is in any case. While the copy cannot be kept true, `is_fresh` says so, and who asks reads directly.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from scheduler.errors import MeshbotError
from scheduler.launchers.cluster import Found, Gone, Listed

WATCH_SECONDS = 60
LIST_EVERY = 1800.0
"""Seconds after which everything is listed anew, however well the watch goes."""
STALE_AFTER = 90.0
"""Seconds after which the copy is not believed if nothing was heard: not even that a watch ended in its time."""
PAUSE, LONGEST_PAUSE = 0.5, 15.0

_log = logging.getLogger(__name__)


class Source(Protocol):
    """What can be listed and watched."""

    def list(
        self, kind: str, namespace: str, *, labels: str = "", fields: str = "", trim: Callable[[Found], Found] = dict
    ) -> Listed:
        """List what there is; `trim` leaves of each what is needed."""

    def watch(self, kind: str, namespace: str, *, labels: str, version: str, seconds: int) -> Iterator[Found]:
        """Yield what changes after a version."""


class Informer:
    """The objects of one kind in one namespace that have the label `group`, by its value and by their names.

    `trim` leaves of each what is needed: thousands are kept.
    """

    def __init__(
        self, source: Source, kind: str, namespace: str, group: str, *, trim: Callable[[Found], Found] = dict
    ) -> None:
        self._source = source
        self._trim = trim
        self._what = (kind, namespace)
        self._group = group
        self._lock = threading.Lock()
        self._found: dict[str, dict[str, Found]] = {}
        self._version: str | None = None
        self._listed_at = 0.0
        self._seen_at: float | None = None
        self._stop = threading.Event()
        self._pause = PAUSE

    def start(self) -> None:
        """Begin, in the background. Until the first list is there, nothing is fresh."""
        name = "-".join(self._what)
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def stop(self) -> None:
        """Let it end when it next hears something."""
        self._stop.set()

    @property
    def is_fresh(self) -> bool:
        """Whether the copy may be believed to be at most `STALE_AFTER` old."""
        return self._seen_at is not None and time.monotonic() - self._seen_at < STALE_AFTER

    def of(self, group: str) -> list[Found]:
        """Return the objects of one group, as they were last seen."""
        with self._lock:
            return list(self._found.get(group, {}).values())

    def all(self) -> list[Found]:
        """Return everything."""
        with self._lock:
            return [one for group in self._found.values() for one in group.values()]

    def learn(self, found: Found) -> None:
        """Take in what somebody else has just read or written, unless a newer state is known."""
        with self._lock:
            self._put(found)

    def step(self) -> None:
        """List if that is due, then watch until the watch ends. Raises what the source raises."""
        kind, namespace = self._what
        if self._version is None or time.monotonic() - self._listed_at > LIST_EVERY:
            listed = self._source.list(kind, namespace, labels=self._group, trim=self._trim)
            with self._lock:
                self._found.clear()
                for one in listed.items:
                    self._put(one)
            self._version, self._listed_at = listed.version, time.monotonic()
            self._seen_at = time.monotonic()
        events = self._source.watch(kind, namespace, labels=self._group, version=self._version, seconds=WATCH_SECONDS)
        for event in events:
            self._note(event)
            if self._stop.is_set():
                return
        self._seen_at, self._pause = time.monotonic(), PAUSE

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
                continue
            except Gone:
                self._version = None
            except MeshbotError as error:
                _log.warning("%s; trying again", error)
            except Exception:  # noqa: BLE001 - the copy is then not believed, and made anew
                _log.exception("following %s of %s", *self._what)
                self._version = None
            self._stop.wait(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _note(self, event: Found) -> None:
        found = event["object"]
        self._version = found["metadata"]["resourceVersion"]
        self._seen_at, self._pause = time.monotonic(), PAUSE
        if event["type"] == "BOOKMARK":
            return
        with self._lock:
            if event["type"] == "DELETED":
                group = self._found.get(found["metadata"]["labels"][self._group], {})
                group.pop(found["metadata"]["name"], None)
            else:
                self._put(found)

    def _put(self, found: Found) -> None:
        group = self._found.setdefault(found["metadata"]["labels"][self._group], {})
        known = group.get(found["metadata"]["name"])
        if known is None or _number(known) <= _number(found):
            group[found["metadata"]["name"]] = self._trim(found)


def _number(found: Found) -> int:
    """Order two states of one object: versions are numbers in every store that clusters use."""
    version = str(found["metadata"].get("resourceVersion", "0"))
    return int(version) if version.isdecimal() else 0
