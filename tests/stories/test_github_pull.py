"""A pull request: what it would change is one comment and one check; people modify, accept and merge it there."""

from __future__ import annotations

from githubhouse import FILE, LATE, PROJECT, House


def test_from_models_to_a_live_schedule(house: House) -> None:
    shop = house.warehouse({**PROJECT, **LATE})
    # Models, and no jobs yet: the repository is offered a file, and everything goes on below that offer.
    [pull] = shop.repo.pulls
    assert pull.author is house.github.app.bot
    assert "version: 1" in shop.job_file(pull.head_sha)
    assert shop.jobs("mesh") == {}
    assert "| `all` |" in shop.topology(pull).body
    first = shop.topology(pull).id

    shop.says(pull, '/meshbot set all schedule="20 * * * *"')
    assert "Co-authored-by: ada" in shop.repo.bare.describe(pull.head_sha)["message"]
    assert '"20 * * * *"' in shop.job_file(pull.head_sha)
    assert shop.topology(pull).id == first
    assert shop.check(pull.head_sha).status == "completed"

    shop.says(pull, "/meshbot merge")
    assert not pull.merged, "nobody has approved it"
    shop.cyd.reviews(pull, "APPROVED", "Good")
    shop.says(pull, "/meshbot merge")
    assert pull.merged
    assert shop.jobs("mesh") == {"all": "20 * * * *", "janitor": "37 3 * * *"}
    assert len(shop.repo.pulls) == 1


def test_a_pull_request_without_jobs_is_accepted_by_a_word(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens(LATE)
    assert "late" in shop.topology(pull).body
    before = pull.head_sha
    asked = shop.says(pull, "/meshbot accept")
    assert [one.content for one in asked.reactions] == ["rocket"]
    assert pull.head_sha != before
    assert [reply.count("\n") > 0 for reply in shop.replies(pull)] == [True]
    assert len(shop.checks(pull.head_sha)) == 1


def test_a_button_of_the_check_accepts(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens(LATE)
    before, check = pull.head_sha, shop.check(pull.head_sha)
    shop.ada.presses(shop.repo, check, "accept")
    house.rests()
    assert shop.repo.bare.describe(pull.head_sha)["parents"] == [before]


def test_an_approval_is_void_when_the_file_changes_afterwards(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({FILE: shop.job_file().replace("30 6", "45 7")})
    shop.cyd.reviews(pull, "APPROVED")
    shop.ada.pushes(shop.repo, "work", {FILE: shop.job_file().replace("30 6", "15 8")})
    shop.says(pull, "/meshbot merge")
    assert not pull.merged
    assert "confused" in {one.content for one in shop.repo.comments[-2].reactions}
    shop.cyd.reviews(pull, "APPROVED")
    shop.says(pull, "/meshbot merge")
    assert pull.merged
    assert shop.jobs()["daily"] == "15 8 * * *"


def test_a_faulty_file_is_told_on_its_line(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({FILE: shop.job_file().replace('schedule: "0', 'shedule: "0')})
    check = shop.check(pull.head_sha)
    assert check.conclusion == "failure"
    assert {one["path"] for one in check.annotations} == {FILE}
    [mend] = [one for one in shop.repo.review_comments if one.by_app]
    assert "```suggestion" in mend.body


def test_a_change_that_is_none_of_ours_is_short(house: House) -> None:
    shop = house.live_warehouse()
    pull = shop.opens({"docs/readme.md": "Hello\n"})
    assert shop.told(pull) == []
    assert shop.check(pull.head_sha).conclusion == "success"


def test_a_closed_pull_request_is_left_alone(house: House) -> None:
    shop = house.live_warehouse()
    house.github.courier.hold()
    shop.ada.pushes(shop.repo, "work", LATE)
    pull = shop.ada.opens_pull(shop.repo, "work")
    shop.ada.closes(pull)
    house.github.courier.release()
    house.rests()
    assert shop.told(pull) == []
    assert shop.checks(pull.head_sha) == []
