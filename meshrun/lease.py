"""Keeps the claims of this process alive: one thread renews them every third of a lease.

A claim that turns out to be lost is told to whoever asked for it; failing renewals are repeated every second, because
an expired claim may still be renewed as long as nobody took it over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Self

from .claims import ClaimTable
from .tenure import Claim

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """A context that renews what is `watch`ed until it is `forget`ten; `lost` is called from its own thread."""

    def __init__(self, table: ClaimTable, lost: Callable[[Claim], None]) -> None:
        self._table = table
        self._lost = lost
        self._claims: set[Claim] = set()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_the_end, name="claims", daemon=True)

    def watch(self, claim: Claim) -> None:
        """Renew this claim from now on."""
        with self._lock:
            self._claims.add(claim)

    def forget(self, claim: Claim) -> None:
        """Renew this claim no more."""
        with self._lock:
            self._claims.discard(claim)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(timeout=5)

    def _renew_until_the_end(self) -> None:
        pause = self._table.lease / 3
        while not self._end.wait(pause):
            pause = self._table.lease / 3 if self._renew() else min(1.0, self._table.lease / 3)

    def _renew(self) -> bool:
        with self._lock:
            claims = set(self._claims)
        try:
            lost = self._table.renew(claims)
        except Exception:
            logger.exception("renewing %d claims; trying again in a second", len(claims))
            return False
        for claim in lost:
            with self._lock:
                known = claim in self._claims
                self._claims.discard(claim)
            if known:
                self._lost(claim)
        return True
