"""Works on an inbox: its deliveries in the order of arrival, one at a time, by one worker at a time.

The rule: whoever works holds the inbox's lease, and stops when it is lost. An attempt is counted before it is made, so
that a delivery which kills its worker is tried a bounded number of times. Killed between any two lines, the delivery
is handled once more from its beginning, which handlers bear.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import assert_never

from bot import events, handlers
from bot.events import Event
from bot.intake import hushing
from bot.intake.verdicts import BROKEN_OFF, Done, GivenUp, Later, crash_pause, verdict, worn_out
from bot.services import Services
from scheduler.errors import MeshbotError
from scheduler.store import Delivery, Store

LEASE = timedelta(seconds=20)
"""A worker of which nothing has been heard for so long has lost its inbox."""

RENEW_EVERY = timedelta(seconds=5)
STRETCH = timedelta(minutes=10)
"""After so long an inbox goes back into the queue, so that others get their turn."""

Handle = Callable[[Event, Services, datetime], str]

_log = logging.getLogger("bot.intake.inboxes")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lease:
    """A hold on one inbox, renewed by a thread of its own until it is given back, or lost."""

    store: Store
    inbox: str
    holder: str
    now: Callable[[], datetime]
    ended: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    renewed: list[float] = field(default_factory=lambda: [time.monotonic()])

    def still_mine(self) -> bool:
        """Say so at once if it was renewed a moment ago, when nobody else can have it; else renew it, or lose it."""
        if not self.lost.is_set() and time.monotonic() - self.renewed[0] >= RENEW_EVERY.total_seconds():
            self.renew()
        return not self.lost.is_set()

    def renew(self) -> None:
        """Ask the database for more time."""
        began = time.monotonic()
        if self.store.renew_lease(self.inbox, self.holder, self.now() + LEASE):
            self.renewed[0] = began
        else:
            self.lost.set()

    def keep(self) -> None:
        """Renew until ended or lost. A database that is out of reach is asked again."""
        while not self.ended.wait(RENEW_EVERY.total_seconds()) and not self.lost.is_set():
            with suppress(MeshbotError):
                self.renew()


@dataclass(frozen=True)
class Clerk:
    """One worker of the bot. `stop` tells it to end after the delivery that it is at; `holder` is its name."""

    services: Services
    holder: str
    stop: threading.Event = field(default_factory=threading.Event)
    handle: Handle = handlers.handle
    now: Callable[[], datetime] = _utc_now

    def work(self, inbox: str) -> int:
        """Handle what is pending in an inbox, unless somebody else is at it; return how many deliveries that were.

        After the lease is given back it is looked again: what arrived just before that was left to us.
        """
        began, done = self.now(), 0
        while not self._is_enough(began) and self._store.next_delivery(inbox, self.now()) is not None:
            if not self._store.take_lease(inbox, self.holder, self.now() + LEASE, self.now()):
                break
            with self._held(inbox) as lease:
                done += self._empty(lease, began)
        return done

    @property
    def _store(self) -> Store:
        return self.services.store

    def _is_enough(self, began: datetime) -> bool:
        return self.stop.is_set() or self.now() - began > STRETCH

    @contextmanager
    def _held(self, inbox: str) -> Iterator[Lease]:
        lease = Lease(self._store, inbox, self.holder, self.now)
        thread = threading.Thread(target=lease.keep, name="lease", daemon=True)
        thread.start()
        try:
            yield lease
        finally:
            lease.ended.set()
            thread.join()
            with suppress(MeshbotError):  # it runs out by itself
                self._store.drop_lease(inbox, self.holder)

    def _empty(self, lease: Lease, began: datetime) -> int:
        done = 0
        while not self._is_enough(began) and lease.still_mine():
            delivery = self._store.next_delivery(lease.inbox, self.now())
            if delivery is None:
                break
            self._attempt(delivery, lease)
            done += 1
        return done

    def _attempt(self, delivery: Delivery, lease: Lease) -> None:
        """Handle one delivery and record what became of it, unless the inbox was lost to somebody meanwhile."""
        if (end := worn_out(delivery)) is not None:
            self._settle(delivery, end)
            return
        began, tries = self.now(), delivery.attempts + 1
        self._store.postpone(delivery.id, began + crash_pause(tries), BROKEN_OFF, tries)
        try:
            outcome: str | Exception = self._act(delivery, began)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises ends here, and is judged
            outcome = error
        if isinstance(outcome, Exception) and not isinstance(outcome, MeshbotError):
            _log.error("%s", hushing.told(outcome, self.services.settings))
        if lease.still_mine():
            self._settle(delivery, verdict(outcome, delivery, self.now()))

    def _act(self, delivery: Delivery, now: datetime) -> str:
        event = events.parse(delivery.kind, delivery.payload.encode())
        return self.handle(event, self.services, now) if event is not None else "nothing to do"

    def _settle(self, delivery: Delivery, end: Done | Later | GivenUp) -> None:
        now, name = self.now(), f"{delivery.kind} {delivery.id}"
        match end:
            case Done(words):
                _log.info("%s: %s", name, self._hushed(words))
                self._store.handled(delivery.id, self._hushed(words), now)
            case Later(until, why, tries, limit):
                _log.warning("%s: %s; again at %s", name, self._hushed(why), f"{until:%H:%M:%S}")
                if limit and delivery.installation is not None:
                    self._store.limit_installation(delivery.installation, until)
                self._store.postpone(delivery.id, until, self._hushed(why), tries)
            case GivenUp(why):
                _log.error("%s: given up: %s", name, self._hushed(why))
                self._store.give_up(delivery.id, self._hushed(why), now)
            case never:
                assert_never(never)

    def _hushed(self, words: str) -> str:
        return hushing.hushed(words, self.services.settings)
