"""Who says something gets an answer in a moment, also while projects are read that take their time."""

from __future__ import annotations

from githubhouse import House
from waiting import until

SLOW = {"mesh/macros/slow.py": "import time\n\ntime.sleep({seconds})\n"}


def test_a_command_is_answered_while_every_other_worker_reads_a_project(house: House) -> None:
    shop = house.live_warehouse()
    pulls = []
    for number in range(2):
        files = {path: text.format(seconds=6 + number) for path, text in SLOW.items()}
        shop.ada.pushes(shop.repo, f"slow-{number}", files)
        pulls.append(shop.ada.opens_pull(shop.repo, f"slow-{number}"))
    until(lambda: any(shop.checks(pull.head_sha) for pull in pulls), 30)  # it is being read
    comment = shop.ada.comments(pulls[0], "/meshbot status")
    until(lambda: [one.content for one in comment.reactions] == ["rocket"], 30)
    assert [one for pull in pulls for one in shop.checks(pull.head_sha) if one.status == "completed"] == []
    house.rests()
    assert [one.status for pull in pulls for one in shop.checks(pull.head_sha)] == ["completed"] * 2
