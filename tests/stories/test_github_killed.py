"""The bot's workers are killed between any two effects on GitHub: afterwards each thing is there exactly once."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field

import pytest
from fakegithub.github import Seen
from githubhouse import LATE, House, Warehouse

WRITES = ("POST /repos/", "PATCH /repos/", "PUT /repos/", "DELETE /repos/")
MOST = 40


@dataclass
class Killer:
    """Kills all workers when a write comes in, or has had its effect, at which it has not killed any yet."""

    house: House
    done: set[tuple[str, str]] = field(default_factory=set)
    armed: int = 0
    kills: int = 0
    last: int = 0
    """The number of the call at which it killed last; what that goes on to do is not looked at."""

    def __post_init__(self) -> None:
        self.house.github.before = lambda number, call: self._at("before", number, call)
        self.house.github.after = self._after

    def arm(self, times: int) -> None:
        self.armed = times

    def _after(self, seen: Seen) -> None:
        if seen.changed and seen.number != self.last:
            self._at("after", seen.number, seen.call)

    def _at(self, when: str, number: int, call: str) -> None:
        kind = kind_of(call)
        if not self.armed or not call.startswith(WRITES) or (when, kind) in self.done:
            return
        self.armed -= 1
        self.done.add((when, kind))
        self.kills, self.last = self.kills + 1, number
        for pid in self.house.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def kind_of(call: str) -> str:
    """A call without its numbers and names."""
    method, path = call.split(" ", 1)
    return " ".join([method, *(part for part in path.split("/")[4:] if not any(letter.isdigit() for letter in part))])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_every_write_of_a_pull_request(house: House) -> None:
    shop = house.live_warehouse()
    killer = Killer(house)
    for number in range(MOST):
        before = killer.kills
        one_pull_request(shop, killer, number)
        if killer.kills == before:
            break
        # The foreman waits longer for each worker that dies; an operator would start anew, too.
        house.end("bot")
        house.begin("bot")
    assert killer.kills == before, f"still killing: {killer.done}"
    assert len(killer.done) > 12, killer.done


def one_pull_request(shop: Warehouse, killer: Killer, number: int) -> None:
    house, branch = shop.house, f"work-{number}"
    killer.arm(2)
    pull = shop.opens(LATE, branch)
    assert shop.topology(pull)
    assert len(shop.checks(pull.head_sha)) == 1
    killer.arm(2)
    asked = shop.says(pull, "/meshbot accept\n/meshbot status")
    assert [one.content for one in asked.reactions] == ["rocket"]
    assert shop.topology(pull)
    [reply] = shop.replies(pull)
    assert f"Committed as {pull.head_sha[:12]}" in reply
    assert len(shop.checks(pull.head_sha)) == 1
    assert len(shop.repo.bare.log(f"main..{pull.head_sha}")) == 2
    shop.ada.closes(pull)
    killer.arm(1)
    sha = shop.ada.pushes(shop.repo, "main", {"docs/number.md": str(number)})
    house.rests()
    killer.arm(0)
    assert len(shop.checks(sha)) <= 1
