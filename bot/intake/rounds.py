"""The rounds of the bot: what is pending is queued, what changed is told, what was missed is healed.

The rule: nothing here is remembered. Rounds may be killed at any moment, and several may be made at once; each begins
with what the database says. Healing asks GitHub and takes its time, so it has a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot import deliveries
from bot.intake import hushing
from bot.services import Services
from scheduler.errors import MeshbotError
from scheduler.runs import Run
from scheduler.store import Delivery, RepositoryRow

EVERY = timedelta(seconds=1)
AT_ONCE = 500
TOLD_WITHIN = timedelta(days=1)
"""A failure that is older has been seen by whoever wanted to see it."""

HEALING = "healing"
HEALING_LEASE = timedelta(minutes=10)

_log = logging.getLogger("bot.intake.rounds")


@dataclass(frozen=True)
class Rounds:
    """One step of each kind, for the loop below and for tests. `holder` is this process's name."""

    services: Services
    holder: str

    def requeue(self, now: datetime) -> list[str]:
        """Queue the inboxes that can be worked on and that the queue does not know; return them."""
        pending = self.services.store.inboxes(now, AT_ONCE)
        queues = self.services.queues
        if not pending or queues is None:
            return []
        lost = queues.missing_inboxes(pending)
        queues.enqueue_inboxes(lost)
        return lost

    def tell(self, now: datetime) -> int:
        """Make deliveries of replies that are behind their runs; return how many are new."""
        due = []
        for followup, run in self.services.store.changed_followups(AT_ONCE):
            if (row := self.services.store.repository(followup.repository)) is not None:
                due.append(deliveries.reply_due(followup, row, run, now))
        return self._receive(due)

    def tell_failures(self, now: datetime) -> int:
        """Make deliveries of failed runs of which no pull request was told; return how many are new."""
        due = []
        lately = self.services.store.unposted_failures(now - TOLD_WITHIN, AT_ONCE)
        for run in reversed(lately):  # so that what is said of a job last is about its last failure
            if (row := self._repository(run)) is None:
                self.services.store.failure_posted(run.id, now)  # of no repository on GitHub
            else:
                due.append(deliveries.failure_due(run, row, now))
        return self._receive(due)

    def heal(self, now: datetime) -> None:
        """Look for what webhooks have not told, unless somebody else does so just now."""
        from bot.intake import healing

        store = self.services.store
        if not store.take_lease(HEALING, self.holder, now + HEALING_LEASE, now):
            return
        try:
            healing.heal(self.services, now)
        finally:
            store.drop_lease(HEALING, self.holder)

    def _receive(self, due: Iterable[Delivery]) -> int:
        fresh = list(due)
        known = self.services.store.known(one.id for one in fresh) if fresh else set()
        return sum(self.services.store.receive(one) for one in fresh if one.id not in known)

    def _repository(self, run: Run) -> RepositoryRow | None:
        parts = urlsplit(run.repository)
        if parts.scheme not in {"http", "https"}:
            return None
        row = self.services.store.repository_named(parts.path.strip("/").removesuffix(".git"))
        return row if row is not None and row.state != "removed" else None


def make(rounds: Rounds, stop: threading.Event, heal_every: timedelta) -> None:
    """Make rounds until `stop` is set. What does not work is logged and tried again."""
    settings = rounds.services.settings

    def heal() -> None:
        _repeat(stop, heal_every, [("healing", lambda: rounds.heal(_now()))], settings_words)

    def settings_words(error: BaseException) -> str:
        return hushing.told(error, settings)

    healer = threading.Thread(target=heal, name="healing", daemon=True)
    healer.start()
    steps: list[tuple[str, Callable[[], object]]] = [
        ("telling of runs", lambda: rounds.tell(_now())),
        ("telling of failures", lambda: rounds.tell_failures(_now())),
        ("queueing what is pending", lambda: rounds.requeue(_now())),
    ]
    _repeat(stop, EVERY, steps, settings_words)
    healer.join(timeout=5)


def _repeat(
    stop: threading.Event,
    every: timedelta,
    steps: list[tuple[str, Callable[[], object]]],
    words: Callable[[BaseException], str],
) -> None:
    while not stop.is_set():
        for name, step in steps:
            try:
                step()
            except MeshbotError as error:
                _log.warning("%s: %s; trying again", name, hushing.hushed(str(error)))
            except Exception as error:  # noqa: BLE001 - rounds that end find nothing
                _log.error("%s: %s", name, words(error))
        stop.wait(every.total_seconds())


def _now() -> datetime:
    return datetime.now(UTC)
