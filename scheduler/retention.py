"""Forgets what has ended long ago: runs with their results and logs, missed ticks, alerts, incidents, deliveries.

The rule: a little at a time, and the log first. Whoever is killed in between leaves a run without its log, which is
forgotten in the next round.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.logs import Logs
from scheduler.store import Store

BATCH = 200
"""So many runs are forgotten in one round."""

REDELIVERED = timedelta(days=7)
"""A delivery is known for at least this long: GitHub may send it again for three days."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """Keeps what has ended for the time `keep`."""

    store: Store
    logs: Logs
    keep: timedelta

    def forget(self, now: datetime, limit: int = BATCH) -> int:
        """Forget a little of what is too old; return how many runs. Raises `Retryable` when that does not work now."""
        before = now - self.keep
        old = self.store.old_runs(before, limit)
        for run_id in old:
            self.logs.remove(run_id)
        self.store.forget_runs(old)
        self.store.forget_trouble(before, limit)
        self.store.forget_deliveries(min(before, now - REDELIVERED), limit)
        if old:
            _log.info("forgot %d runs that ended more than %d days ago", len(old), self.keep.days)
        return len(old)
