"""What is on the tracked branch is the schedule, and each commit says what it did."""

from __future__ import annotations

from githubhouse import FILE, JOBS, LIVE, House


def test_a_push_registers_jobs_and_its_commit_says_so(house: House) -> None:
    shop = house.warehouse()
    sha = shop.ada.pushes(shop.repo, "main", {FILE: JOBS.format(project=shop.project)})
    house.rests()
    assert shop.jobs() == LIVE
    assert shop.check(sha).conclusion == "success"
    assert "daily" in (shop.check(sha).summary or "")


def test_a_faulty_file_changes_nothing_and_says_where(house: House) -> None:
    shop = house.live_warehouse()
    faulty = JOBS.format(project=shop.project).replace("30 6 * * *", "30 26 * * *")
    sha = shop.ada.pushes(shop.repo, "main", {FILE: faulty})
    house.rests()
    assert shop.jobs() == LIVE
    check = shop.check(sha)
    assert check.conclusion == "failure"
    assert [(one["path"], one["start_line"]) for one in check.annotations] == [(FILE, 9)]


def test_what_is_removed_is_not_scheduled_any_more(house: House) -> None:
    shop = house.live_warehouse()
    one = JOBS.format(project=shop.project).partition("  daily:")[0]
    shop.ada.pushes(shop.repo, "main", {FILE: one})
    house.rests()
    assert shop.jobs() == {"hourly": "0 * * * *"}


def test_another_branch_is_not_the_schedule(house: House) -> None:
    shop = house.live_warehouse()
    shop.ada.pushes(shop.repo, "work", {FILE: JOBS.format(project=shop.project).replace("30 6", "45 7")})
    house.rests()
    assert shop.jobs()["daily"] == "30 6 * * *"
