"""A GitHub that fails in the middle: everything is there in the end, and nothing is there twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakegithub.mischief import Fault, Mischief
from fakegithub.world import Pull
from githubhouse import LATE, House, Warehouse
from waiting import until


def is_whole(shop: Warehouse, pull: Pull) -> None:
    """One topology, one reply, one check for each head, one commit beside the person's."""
    assert shop.topology(pull)
    assert len(shop.replies(pull)) == 1
    assert len(shop.checks(pull.head_sha)) == 1
    assert len(shop.repo.bare.log(f"main..{pull.head_sha}")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("faults", [(Fault.BROKEN_AFTER, Fault.RESET_AFTER), (Fault.RESET_BEFORE, Fault.BROKEN_BEFORE)])
def test_writes_fail_and_each_is_there_once(house: House, faults: tuple[Fault, Fault]) -> None:
    shop = house.live_warehouse()
    shop.ada.pushes(shop.repo, "work", LATE)
    fails(house, dict(zip(("check-runs", "comments"), faults, strict=True)))
    pull = shop.ada.opens_pull(shop.repo, "work")
    house.rests(120)
    fails(house, dict(zip(("git/refs/.*", "comments"), faults, strict=True)))
    shop.ada.comments(pull, "/meshbot accept")
    house.rests(120)
    assert [one.met for one in house.github.mischiefs.waiting] == [1, 1, 1, 1]
    is_whole(shop, pull)


def fails(house: House, faults: dict[str, Fault]) -> None:
    """Let the next write of each kind go wrong."""
    for kind, fault in faults.items():
        house.github.mischiefs.add(Mischief(fault, f"(POST|PATCH|PUT) /repos/.*/{kind}"))


@pytest.mark.parametrize(
    ("fault", "retry_after"),
    [(Fault.SECONDARY_403, 2), (Fault.SECONDARY_429, 1)],
)
def test_a_secondary_limit_is_waited_for(house: House, fault: Fault, retry_after: int) -> None:
    shop = house.live_warehouse()
    house.github.mischiefs.add(Mischief(fault, "POST .*", retry_after=retry_after, installation=shop.installation.id))
    pull = shop.opens(LATE)
    assert len(shop.checks(pull.head_sha)) == 1
    assert shop.topology(pull)


def test_a_limit_holds_up_its_installation_and_no_other(house: House) -> None:
    limited, other = house.live_warehouse(), house.live_warehouse()
    until_then = house.github.now() + timedelta(seconds=10)
    limit = house.github.mischiefs.add(Mischief(Fault.LIMITED, until=until_then, installation=limited.installation.id))
    pulls = []
    for shop in (limited, other):
        shop.ada.pushes(shop.repo, "work", LATE)
        pulls.append(shop.ada.opens_pull(shop.repo, "work"))
    until(lambda: other.told(pulls[1]), 30)
    assert limited.told(pulls[0]) == []
    house.rests(120)
    assert house.github.now() >= until_then
    assert limited.topology(pulls[0])
    assert limit.met < 4, "it is not asked again and again while it is limited"


def test_tokens_that_are_revoked_in_the_middle_of_work(house: House) -> None:
    shop = house.live_warehouse()

    def revoke(_number: int, call: str) -> None:
        if call.endswith("/check-runs") and call.startswith("POST"):
            house.github.before = lambda _number, _call: None
            house.github.revoke_tokens()

    house.github.before = revoke
    pull = shop.opens(LATE)
    assert shop.topology(pull)
    assert len(shop.checks(pull.head_sha)) == 1


def test_the_web_process_answers_at_once_while_github_is_slow(house: House) -> None:
    shop = house.live_warehouse()
    house.github.mischiefs.delay = 0.5
    sent = len(house.github.courier.sent)
    shop.ada.pushes(shop.repo, "work", {"docs/a.md": "a"})
    shop.ada.opens_pull(shop.repo, "work")
    house.rests(120)
    assert all(one.duration < 1 for one in house.github.courier.sent[sent:])


def test_a_missing_permission_is_named(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens(LATE)
    shop.installation.permissions.pop("contents")
    house.github.revoke_tokens()
    shop.says(pull, "/meshbot accept")
    assert "Contents" in shop.replies(pull)[-1]
