"""Webhooks come twice, in another order, or not at all: each thing is done once, and the last head counts."""

from __future__ import annotations

import uuid
from dataclasses import replace

from fakegithub.world import new_id
from githubhouse import FILE, HALL, LATE, LIVE, House
from waiting import until


def test_everything_delivered_twice_is_done_once(house: House) -> None:
    shop = house.live_warehouse()
    house.github.courier.doubles = lambda _: True
    pull = shop.opens(LATE)
    shop.says(pull, "/meshbot accept")
    assert shop.topology(pull)
    assert len(shop.replies(pull)) == 1
    assert len(shop.repo.bare.log(f"main..{pull.head_sha}")) == 2


def test_a_redelivery_is_received_and_nothing_is_done(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    shop.says(pull, "/meshbot status")
    asked = next(one for one in reversed(house.github.courier.sent) if one.is_for("issue_comment", "created"))
    house.github.courier.again(asked)
    house.rests()
    assert house.github.courier.sent[-1].status_code == 200
    assert len(shop.replies(pull)) == 1


def test_the_same_comment_under_another_delivery_id_is_obeyed_once(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    asked = shop.says(pull, "/meshbot pause daily")
    sent = next(one for one in house.github.courier.sent if one.payload.get("comment", {}).get("id") == asked.id)
    house.github.courier.again(replace(sent, guid=str(uuid.uuid4()), id=new_id()))
    shop.says(pull, "/meshbot resume daily")
    assert len(shop.replies(pull)) == 2
    assert not any(row.paused(house.github.now()) for row in house.store.jobs() if row.project == shop.project)


def test_events_in_any_order_end_in_the_last_head(house: House) -> None:
    shop = house.live_warehouse()
    house.github.courier.hold()
    shop.ada.pushes(shop.repo, "work", LATE)
    pull = shop.ada.opens_pull(shop.repo, "work")
    file = shop.job_file()
    for hour in (7, 8, 9):
        shop.ada.pushes(shop.repo, "work", {FILE: file.replace("30 6", f"30 {hour}")})
        shop.ada.pushes(shop.repo, "main", {FILE: file.replace('"0 *', f'"0 {hour}')})
    house.github.courier.release(lambda waiting: waiting[::-1])
    house.rests()
    assert "30 9" in shop.topology(pull).body
    assert shop.check(pull.head_sha).status == "completed"
    assert shop.jobs()["hourly"] == "0 9 * * *"


def test_missed_webhooks_heal(house: House) -> None:
    shop = house.live_warehouse()
    house.github.courier.loses = lambda one: one.payload.get("repository", {}).get("id") == shop.repo.id
    shop.ada.pushes(shop.repo, "main", {FILE: shop.job_file().replace("30 6", "45 7")})
    shop.ada.pushes(shop.repo, "work", LATE)
    pull = shop.ada.opens_pull(shop.repo, "work")
    until(lambda: shop.jobs() == LIVE | {"daily": "45 7 * * *"}, 60)
    until(lambda: shop.told(pull), 60)
    assert "shop.late" in shop.topology(pull).body


def test_what_an_outage_missed_is_asked_for_again(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    house.end(*HALL)
    asked = shop.ada.comments(pull, "/meshbot pause daily")
    until(house.github.courier.settled)
    assert house.github.courier.sent[-1].status == "failed to connect to host"
    house.begin(*HALL)
    until(lambda: [one.content for one in asked.reactions] == ["rocket"], 60)
    assert len(shop.replies(pull)) == 1


def test_an_installation_that_is_suspended_rests_and_goes_on(house: House) -> None:
    shop = house.live_warehouse()
    shop.cyd.suspends(shop.installation)
    house.rests()
    assert shop.jobs() == {}, "who cannot be read is not scheduled"
    shop.ada.pushes(shop.repo, "main", {FILE: shop.job_file().replace("30 6", "45 7")})
    house.rests()
    shop.cyd.suspends(shop.installation, suspended=False)
    until(lambda: shop.jobs() == LIVE | {"daily": "45 7 * * *"}, 60)


def test_a_repository_keeps_its_jobs_when_it_is_renamed(house: House) -> None:
    shop = house.live_warehouse()
    project = shop.project
    shop.cyd.renames(shop.repo, f"{project}-renamed")
    house.rests()
    shop.ada.pushes(shop.repo, "main", {FILE: shop.job_file().replace("30 6", "45 7")})
    house.rests()
    found = {row.name: row.job.schedule for row in house.store.jobs() if row.project == project}
    assert found == LIVE | {"daily": "45 7 * * *"}


def test_an_archived_repository_is_left_alone_until_it_is_not(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    shop.cyd.archives(shop.repo)
    house.rests()
    assert shop.jobs() == {}
    shop.cyd.archives(shop.repo, archived=False)
    asked = shop.says(pull, "/meshbot status")
    assert [one.content for one in asked.reactions] == ["rocket"]
    assert shop.jobs() == LIVE
