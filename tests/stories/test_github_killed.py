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
    """Kills all workers once, as soon as a write comes in, or has had its effect, at which it never did so before."""

    house: House
    done: set[tuple[str, str]] = field(default_factory=set)
    armed: bool = False
    kills: int = 0

    def __post_init__(self) -> None:
        self.house.github.before = lambda _number, call: self._at("before", call, kind_of(call))
        self.house.github.after = self._after

    def arm(self) -> None:
        self.armed = True

    def _after(self, seen: Seen) -> None:
        if seen.changed:
            self._at("after", seen.call, kind_of(seen.call))

    def _at(self, when: str, call: str, kind: str) -> None:
        if not self.armed or not call.startswith(WRITES) or (when, kind) in self.done:
            return
        self.armed = False
        self.done.add((when, kind))
        self.kills += 1
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
    killer.arm()
    pull = shop.opens(LATE, branch)
    assert shop.topology(pull)
    assert len(shop.checks(pull.head_sha)) == 1
    killer.arm()
    asked = shop.says(pull, "/meshbot accept\n/meshbot status")
    assert [one.content for one in asked.reactions] == ["rocket"]
    assert shop.topology(pull)
    assert len(shop.replies(pull)) == 1
    assert len(shop.checks(pull.head_sha)) == 1
    assert len(shop.repo.bare.log(f"main..{pull.head_sha}")) == 2
    shop.ada.closes(pull)
    killer.arm()
    sha = shop.ada.pushes(shop.repo, "main", {"docs/number.md": str(number)})
    house.rests()
    killer.armed = False
    assert len(shop.checks(sha)) <= 1
