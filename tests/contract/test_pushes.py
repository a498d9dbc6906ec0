"""A push becomes the schedule, on real git, a real database and a GitHub that is nothing but HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakegithub.mischief import Fault
from hubdesk import FAULTY, Desk, desk, job_file

from bot import sync
from bot.sync import Synced
from scheduler import jobfile
from scheduler.store import Origin, RepositoryRow, Store

LIVE = {"shop/hourly": "*/15 * * * *", "shop/janitor": "0 3 * * *"}
SLOWER = {"shop/hourly": "*/30 * * * *", "shop/janitor": "0 3 * * *"}
CHECKS = r".* /repos/acme/shop/(check-runs|commits/.*/check-runs).*"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose repository is in the schedule already."""
    with desk(tmp_path) as made:
        made.catches_up()
        yield made


def test_the_first_commit_is_live_when_the_app_is_installed(at: Desk) -> None:
    assert at.jobs() == LIVE
    assert at.titles() == ["success: 2 jobs added"]
    assert [check.sha for check in at.checks()] == [at.repo.heads["main"]] == [at.row.handled_sha]
    assert "next on" in (at.checks()[0].summary or "")


def test_a_push_changes_the_schedule_and_its_commit_says_what(at: Desk) -> None:
    sha = at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    [outcome] = at.catches_up()
    assert outcome == f"{sha[:12]}: 1 job retimed"
    assert at.jobs() == SLOWER
    [check] = at.checks(sha)
    assert (check.conclusion, check.external_id) == ("success", "push")
    assert "**retimed** `hourly`: every 30 minutes" in (check.summary or "")


def test_another_branch_is_ignored_without_asking_github(at: Desk) -> None:
    at.ada.pushes(at.repo, "feature", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    before = at.calls()
    assert at.catches_up() == ["feature is not the tracked branch"]
    assert at.calls() == before
    assert at.jobs() == LIVE


def test_pushes_in_any_order_end_at_the_last_head(at: Desk) -> None:
    for minutes in (20, 30, 10, 60):
        at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule=f"*/{minutes} * * * *")})
    last = at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.hears(lambda sent: sent[::-1])
    first, *others = at.works()
    assert first.startswith(last[:12])
    assert others == [f"{last[:12]} is in the schedule"] * 4
    assert at.jobs() == SLOWER
    assert at.titles()[1:] == ["success: 1 job retimed"]


def test_the_same_delivery_again_does_nothing(at: Desk) -> None:
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    [sent] = [one for one in at.carried() if one.event == "push"]
    assert at.receives(sent)
    at.works()
    before = at.calls()
    assert not at.receives(sent)
    assert at.works() == []
    assert at.calls() == before


def test_a_force_push_goes_back(at: Desk) -> None:
    first = at.repo.heads["main"]
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.catches_up()
    at.ada.points(at.repo, "main", first)
    at.catches_up()
    assert at.jobs() == LIVE
    assert at.row.handled_sha == first
    assert [check.title for check in at.checks(first)] == ["1 job retimed"], "the check says what was done last"


def test_a_branch_that_is_gone_leaves_the_schedule_alone(at: Desk) -> None:
    at.ada.points(at.repo, "main", None)
    assert at.catches_up() == ["main has no commit: the schedule stays as it is"]
    assert at.jobs() == LIVE


def test_a_faulty_file_changes_nothing_and_says_where_and_why(at: Desk) -> None:
    sha = at.ada.pushes(at.repo, "main", {"meshbot.yaml": FAULTY})
    at.catches_up()
    assert at.jobs() == LIVE
    [check] = at.checks(sha)
    assert (check.conclusion, check.title) == ("failure", "1 fault in meshbot.yaml")
    [note] = check.annotations
    assert (note["path"], note["start_line"], note["annotation_level"]) == ("meshbot.yaml", 7, "failure")
    assert "4 minutes" in note["message"]
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.catches_up()
    assert at.jobs() == SLOWER


def test_several_projects_come_and_go(at: Desk) -> None:
    at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": job_file("web"), "b/meshbot.yaml": job_file("bi")})
    at.catches_up()
    assert {row.name: row.path for row in at.store.projects()} == {"shop": ".", "web": "w", "bi": "b"}
    at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": FAULTY, "b/meshbot.yaml": None})
    at.catches_up()
    assert {row.name for row in at.store.projects()} == {"shop", "web", "bi"}, "nothing goes while a file is faulty"
    at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": job_file("web")})
    at.catches_up()
    assert {row.name for row in at.store.projects()} == {"shop", "web"}
    assert at.titles()[-1] == "success: bi no longer scheduled"
    assert (at.repo.checks[-1].summary or "").count("is no longer scheduled") == 1


def test_the_last_job_file_goes(at: Desk) -> None:
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": None})
    at.catches_up()
    assert at.jobs() == {}
    assert at.titles()[-1] == "success: shop no longer scheduled"
    at.ada.pushes(at.repo, "main", {"README.md": "Nothing\n"})
    at.catches_up()
    assert len(at.titles()) == 2, "a commit that is nothing to Meshbot has no check"


def test_a_project_of_another_repository_is_said_on_the_commit(at: Desk) -> None:
    other = at.github.repository("acme/copy", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.ada.adds(at.installed, other)
    at.catches_up()
    assert at.jobs() == LIVE
    [check] = other.checks
    assert check.conclusion == "failure"
    assert f"{at.github.url}/acme/shop.git keeps a project of that name" in check.annotations[0]["message"]


def test_a_project_that_another_repository_takes_at_the_last_moment_is_said_too(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = sync.merge

    def merged(store: Store, *more: Any) -> Synced:  # noqa: ANN401 - passed on
        origin = Origin("https://github.com/acme/other.git", ".", "main", "0a1b2c3")
        store.merge_schedule(jobfile.parse(job_file("web")), origin, at.now())
        return merge(store, *more)

    monkeypatch.setattr(sync, "merge", merged)
    sha = at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": job_file("web")})
    at.catches_up()
    [check] = at.checks(sha)
    assert (check.conclusion, check.title) == ("failure", "1 fault in w/meshbot.yaml")
    assert "acme/other.git keeps a project of that name" in check.annotations[0]["message"]


def test_a_github_that_takes_no_checks_keeps_nothing_from_being_live(at: Desk) -> None:
    mischief = at.goes_wrong(Fault.BROKEN_BEFORE, CHECKS, times=2)
    sha = at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.catches_up()
    assert at.jobs() == SLOWER
    assert at.checks(sha) == []
    assert mischief.met == 1
    for _ in range(2):
        at.ahead += timedelta(minutes=10)
        at.works()
    assert [check.title for check in at.checks(sha)] == ["1 job retimed"]
    assert at.store.pending_count() == 0


@pytest.mark.parametrize("fault", [Fault.BROKEN_AFTER, Fault.RESET_AFTER])
def test_a_check_that_was_made_although_github_broke_is_made_once(at: Desk, fault: Fault) -> None:
    mischief = at.goes_wrong(fault, "POST /repos/acme/shop/check-runs")
    sha = at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.catches_up()
    assert mischief.met == 1
    at.ahead += timedelta(minutes=10)
    at.works()
    assert [check.title for check in at.checks(sha)] == ["1 job retimed"]


def test_what_was_merged_while_github_was_down_is_said_of_each_commit(at: Desk) -> None:
    at.goes_wrong(Fault.BROKEN_BEFORE, CHECKS, times=1)
    first = at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.catches_up()
    second = at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": job_file("web")})
    at.hears()
    at.ahead += timedelta(minutes=10)
    at.works()
    assert [check.title for check in at.checks(first)] == ["1 job retimed"]
    assert [check.title for check in at.checks(second)] == ["2 jobs added"]


def test_a_permission_that_is_missing_is_named_and_keeps_nothing_from_being_live(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.installed.permissions = {"contents": "read", "metadata": "read"}
        outcomes = at.catches_up()
        assert at.jobs() == LIVE
        assert "grant `Checks: " in outcomes[-1]
        assert at.row.handled_sha == at.repo.heads["main"]
        assert at.store.pending_count() == 0


def test_a_token_that_was_revoked_is_renewed(at: Desk) -> None:
    at.github.revoke_tokens()
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    [outcome] = at.catches_up()
    assert outcome.endswith("1 job retimed")
    assert at.jobs() == SLOWER


def test_the_schedule_of_a_pushed_commit_is_fetched_from_where_the_api_says(at: Desk) -> None:
    [project] = at.store.projects()
    assert project.repository == f"{at.github.url}/acme/shop.git"
    assert "@" not in project.repository


def test_a_repository_with_models_and_no_jobs_is_offered_its_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[str] = []

    def offer(_services: object, row: RepositoryRow, _now: object) -> str:
        offered.append(row.full_name)
        return "offered"

    monkeypatch.setattr("bot.handlers.onboarding.offer", offer)
    with desk(tmp_path, {"README.md": "Nothing yet\n"}) as at:
        at.catches_up()
        assert offered == []
        at.ada.pushes(at.repo, "main", {"config.yaml": "gateways: {}\nmodel_defaults: {dialect: duckdb}\n"})
        assert at.catches_up()[-1].endswith("; offered"), "also when the models come later"
        assert at.checks() == []
        at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file()})
        at.catches_up()
        at.ada.pushes(at.repo, "main", {"meshbot.yaml": None})
        at.catches_up()
        at.ada.pushes(at.repo, "main", {"README.md": "More\n"})
        at.catches_up()
        assert offered == ["acme/shop"], "what was taken out is not offered again"
        plain = at.github.repository("acme/plain", {"README.md": "No models\n"})
        fork = at.github.fork(at.repo, "bob")
        at.ada.adds(at.installed, plain, fork)
        at.catches_up()
    assert offered == ["acme/shop"]
