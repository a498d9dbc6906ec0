"""Who may say what: GitHub is asked at that moment, and the code of outsiders waits for somebody to vouch for it."""

from __future__ import annotations

from fakegithub.people import person
from githubhouse import FILE, LATE, House


def test_a_stranger_may_ask_and_changes_nothing(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens(LATE)
    head = pull.head_sha
    for order in ("accept", "pause daily", "run daily", "merge", "ok-to-test"):
        asked = shop.says(pull, f"/meshbot {order}", by=shop.eve)
        assert [one.content for one in asked.reactions] == ["confused"], order
    assert shop.says(pull, "/meshbot status", by=shop.eve).reactions[0].content == "rocket"
    assert (pull.head_sha, pull.merged) == (head, False)
    assert not any(row.paused(house.github.now()) for row in house.store.jobs() if row.project == shop.project)


def test_permission_is_what_it_is_when_the_command_is_carried_out(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    house.github.courier.hold()
    asked = shop.ada.comments(pull, "/meshbot pause daily")
    shop.ada.may(shop.repo, "read")
    house.github.courier.release()
    house.rests()
    assert [one.content for one in asked.reactions] == ["confused"]


def test_a_fork_waits_for_somebody_who_vouches_for_that_commit(house: House) -> None:
    shop = house.live_warehouse()
    bob = person(house.github, f"bob-{shop.project}").may(shop.repo, "read")
    fork = house.github.fork(shop.repo, bob.login)
    bob.pushes(fork, "mine", LATE)
    pull = bob.opens_pull(shop.repo, "mine", source=fork)
    house.rests()
    assert "/meshbot ok-to-test" in shop.topology(pull).body
    assert "shop.late" not in shop.topology(pull).body
    shop.says(pull, "/meshbot ok-to-test", by=bob)
    assert "shop.late" not in shop.topology(pull).body
    shop.says(pull, f"/meshbot ok-to-test {pull.head_sha}")  # named, since all of this happens within a second
    assert "shop.late" in shop.topology(pull).body
    bob.pushes(fork, "mine", {path: text.replace("shop.late", "shop.later") for path, text in LATE.items()})
    house.rests()
    assert "shop.later" not in shop.topology(pull).body


def test_what_cannot_be_pushed_to_a_fork_is_suggested(house: House) -> None:
    shop = house.live_warehouse()
    bob = person(house.github, f"bob-{shop.project}").may(shop.repo, "read")
    fork = house.github.fork(shop.repo, bob.login)
    sha = bob.pushes(fork, "mine", {FILE: shop.job_file().replace("30 6", "45 7")})
    pull = bob.opens_pull(shop.repo, "mine", source=fork, maintainer_can_modify=False)
    house.rests()
    shop.says(pull, '/meshbot set daily schedule="0 9 * * *"')
    assert pull.head_sha == sha
    said = "\n".join([*shop.replies(pull), *(one.body for one in shop.repo.review_comments if one.by_app)])
    assert "0 9 * * *" in said


def test_a_command_on_a_jobs_lines_need_not_name_the_job(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({FILE: shop.job_file().replace("30 6", "45 7")})
    on_daily = shop.job_file(pull.head_sha).splitlines().index('    schedule: "45 7 * * *"') + 1
    asked = shop.ada.comments_on_line(pull, FILE, on_daily, '/meshbot set schedule="15 7 * * *"')
    house.rests()
    assert [one.content for one in asked.reactions] == ["rocket"]
    assert '"15 7 * * *"' in shop.job_file(pull.head_sha)
    [reply] = [one for one in shop.repo.review_comments if one.by_app]
    assert reply.in_reply_to == asked.id


def test_several_commands_in_one_review(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    shop.cyd.reviews(
        pull,
        "COMMENTED",
        "Before the move:\n/meshbot pause daily 2h the move\n/meshbot pause hourly 2h\n> /meshbot cancel x",
    )
    house.rests()
    paused = {row.name for row in house.store.jobs() if row.project == shop.project and row.paused(house.github.now())}
    assert paused == {"daily", "hourly"}
    assert len(shop.replies(pull)) == 1


def test_bots_and_edits_are_not_obeyed(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/a.md": "a"})
    robot = person(house.github, "robot[bot]").may(shop.repo, "write")
    robot.account.kind = "Bot"
    shop.says(pull, "/meshbot pause daily", by=robot)
    assert shop.replies(pull) == []
    asked = shop.says(pull, "Let us wait.")
    shop.ada.edits(pull, asked, "/meshbot pause daily")
    house.rests()
    assert len(shop.replies(pull)) == 1
    assert not any(row.paused(house.github.now()) for row in house.store.jobs() if row.project == shop.project)
