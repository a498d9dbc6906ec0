"""What several runs, or several processes of one run, must not do twice, although it is no model.

Such a thing is claimed by a name of its own. Whoever comes second waits, and then either does it too, one at a time,
or finds that it has been done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .claims import ClaimTable
from .lease import LeaseKeeper
from .stop import Cancelled
from .tenure import Claim, Runner, claim_key

POLL_SECONDS = 0.5


class FailedElsewhereError(Exception):
    """Another process of this run failed at what was to be done once."""


def once(table: ClaimTable, runner: Runner, name: str, do: Callable[[], None]) -> None:
    """Do something unless it was done under this name before; raises `FailedElsewhereError` if that failed."""
    claim = _await_claim(table, runner, name, once=True)
    if claim is None:
        return
    with LeaseKeeper(table, _ignore) as keeper:
        keeper.watch(claim)
        try:
            do()
        except Cancelled:
            table.release(claim, runner.run_id)  # the other processes of the run do it
            raise
        except Exception as error:
            table.release(claim, runner.run_id, "failed", str(error))
            raise
        table.release(claim, runner.run_id, "done")


def once_or_leave_it(table: ClaimTable, runner: Runner, name: str, do: Callable[[], None]) -> None:
    """Do something that takes no time, unless it was done under this name before or somebody is at it; never wait."""
    key = claim_key(name)
    if any(row.held or row.last_outcome == "done" for row in table.rows([key])):
        return
    taking = table.take(key, name, runner)
    if taking.claim is None:
        return
    if taking.row.last_outcome != "done":
        do()
    table.release(taking.claim, runner.run_id, "done")


@dataclass(frozen=True)
class Turn:
    """The claim under which something is done by one run at a time, and what gives it back early."""

    claim: Claim
    give_back: Callable[[], None]


@contextmanager
def one_at_a_time(table: ClaimTable, runner: Runner, name: str) -> Iterator[Turn]:
    """Hold a claim of this name during the block, or until its turn is given back."""
    claim = _await_claim(table, runner, name, once=False)
    if claim is None:  # nothing is ever recorded as done under such a name
        raise FailedElsewhereError(f"taking the claim {name}: it is marked as failed; release it with `meshrun claims`")
    with LeaseKeeper(table, _ignore) as keeper:
        keeper.watch(claim)

        def give_back() -> None:
            keeper.forget(claim)
            table.release(claim, runner.run_id)

        try:
            yield Turn(claim, give_back)
        finally:
            give_back()


def _await_claim(table: ClaimTable, runner: Runner, name: str, *, once: bool) -> Claim | None:
    key = claim_key(name)
    table.ensure({key: name})
    while True:
        row = next(iter(table.rows([key])), None)
        if row is not None and once and row.last_outcome == "done":
            return None
        taking = table.take(key, name, runner)
        if taking.claim is not None and once and taking.row.last_outcome == "done":
            table.release(taking.claim, runner.run_id)
            return None
        if taking.claim is not None:
            return taking.claim
        if not taking.row.held and taking.row.failed_for(runner):
            raise FailedElsewhereError(f"{name}: failed in another process of this run: {taking.row.error}")
        time.sleep(POLL_SECONDS)


def _ignore(_claim: Claim) -> None:
    """Ignore a loss: what is done once has no interval that could be fenced."""
