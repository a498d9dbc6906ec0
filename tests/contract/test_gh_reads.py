"""What is read of a repository: now, to the end of each list, and failing closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from fakegithub.people import person
from ghworld import World
from ghworld import world as a_world

from bot.gh import Gone, MissingPermission, RateLimited, RepoInfo
from scheduler.errors import Retryable


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def test_a_repository_is_asked_for_by_its_number_and_keeps_it(world: World) -> None:
    assert world.door.info() == RepoInfo(world.repo.id, "acme/shop", "main", private=True)
    assert world.door.clone_url == f"{world.github.url}/acme/shop.git"
    world.ada.renames(world.repo, "store")
    world.ada.transfers(world.repo, "umbrella")
    again = world.app.repository(world.installed.id, world.repo.id)
    assert again.info().full_name == "umbrella/store"
    assert again.clone_url == f"{world.github.url}/umbrella/store.git"
    assert again.branch_head("main") == world.repo.heads["main"]


def test_a_pull_request_is_read_as_it_is_now(world: World) -> None:
    pull = world.pull()
    found = world.door.pull(pull.number)
    assert found is not None
    assert (found.head_sha, found.head_ref, found.author, found.can_be_pushed) == (pull.head_sha, "jobs", "ada", True)
    newer = world.ada.pushes(world.repo, "jobs", {"x": "y"})
    world.ada.closes(pull)
    found = world.door.pull(pull.number)
    assert found is not None
    assert (found.head_sha, found.state, found.merged) == (newer, "closed", False)
    assert world.door.pull(404) is None


@pytest.mark.parametrize(("lets_us", "gone"), [(True, False), (False, False), (True, True)])
def test_a_pull_request_from_a_fork(world: World, *, lets_us: bool, gone: bool) -> None:
    fork, bob = world.github.fork(world.repo, "bob"), person(world.github, "bob")
    bob.pushes(fork, "jobs", {"x": "y"})
    pull = bob.opens_pull(world.repo, "jobs", source=fork, maintainer_can_modify=lets_us)
    if gone:
        bob.deletes_repository(fork)
    found = world.door.pull(pull.number)
    assert found is not None
    assert found.head_repo_id == (None if gone else fork.id)
    assert found.can_be_pushed is (lets_us and not gone)
    assert [one.number for one in world.door.open_pulls()] == [pull.number]


def test_lists_are_read_to_their_end_one_request_a_page(world: World) -> None:
    world.github.page = 2
    for number in range(5):
        world.pull(f"jobs-{number}")
    assert len(world.door.open_pulls()) == 5
    assert len(world.calls("/pulls")) == 3


def test_files_reviews_and_pull_requests_of_a_commit(world: World) -> None:
    pull = world.pull()
    head = world.ada.pushes(world.repo, "jobs", {"models/a.sql": "SELECT 1\n" * 9})
    bea = person(world.github, "bea").may(world.repo, "write")
    bea.reviews(pull, "APPROVED")
    assert world.door.files(pull.number) == ["meshbot.yaml", "models/a.sql"]
    assert [(one.author, one.state, one.commit) for one in world.door.reviews(pull.number)] == [
        ("bea", "APPROVED", head)
    ]
    sha = world.ada.merges(pull)
    assert [one.number for one in world.door.pulls_of_commit(sha)] == [pull.number]
    assert world.door.pulls_of_commit("f" * 40) == []


def test_the_head_of_a_branch(world: World) -> None:
    sha = world.ada.pushes(world.repo, "feature/a#1%2b&ü", {"x": "y"})
    assert world.door.branch_head("feature/a#1%2b&ü") == sha
    assert world.door.branch_head("feature") is None
    assert world.door.branch_head("nothing") is None


@pytest.mark.parametrize("role", ["read", "triage", "write", "maintain", "admin"])
def test_what_somebody_may_do(world: World, role: str) -> None:
    person(world.github, "bea").may(world.repo, role)
    assert world.door.permission("bea") == role
    assert world.door.permission("BEA") == role


@pytest.mark.parametrize(
    "login", ["stranger", "nobody-at-all", "", "../../user", "a/b", "x" * 300, "ada\n", "\u0430da"]
)
def test_whoever_is_not_plainly_known_may_do_nothing(world: World, login: str) -> None:
    person(world.github, "stranger")
    assert world.door.permission(login) == "none"


def test_a_permission_that_cannot_be_read_is_no_permission(world: World) -> None:
    world.goes_wrong(Fault.BROKEN_BEFORE, ".*/permission")
    with pytest.raises(Retryable):
        world.door.permission("ada")


def test_a_member_of_a_team_is_an_active_one(world: World) -> None:
    world.github.team("acme", "data", ada="active", bea="pending")
    assert world.door.in_team("acme", "data", "ada") is True
    assert world.door.in_team("acme", "data", "bea") is False
    assert world.door.in_team("acme", "data", "eve") is False
    assert world.door.in_team("acme", "nothing", "ada") is False


def test_teams_need_a_permission_that_is_named(world: World) -> None:
    del world.installed.permissions["members"]
    with pytest.raises(MissingPermission, match="grant `Members: read`"):
        world.door.in_team("acme", "data", "ada")
    assert world.door.permission("ada") == "write"


def test_a_repository_that_was_deleted_is_gone_and_not_empty(world: World) -> None:
    world.pull()
    world.door.info()
    world.ada.deletes_repository(world.repo)
    for ask in (lambda: world.door.branch_head("main"), lambda: world.door.pull(1), world.door.open_pulls):
        with pytest.raises(Gone):
            ask()


def test_a_limit_is_told_at_once_with_its_end(world: World) -> None:
    world.goes_wrong(Fault.SECONDARY_403, "GET .*/pulls", retry_after=77)
    world.goes_wrong(Fault.SECONDARY_429, "GET .*/pulls")
    world.goes_wrong(Fault.LIMITED, "GET .*/pulls")
    for seconds in (77, 60, 60):
        before = datetime.now(UTC)
        with pytest.raises(RateLimited) as caught:
            world.door.open_pulls()
        assert abs(caught.value.until - before - timedelta(seconds=seconds)) < timedelta(seconds=5)
    assert world.door.open_pulls() == []


@pytest.mark.parametrize("fault", [Fault.BROKEN_BEFORE, Fault.RESET_BEFORE])
def test_nothing_is_repeated_here(world: World, fault: Fault) -> None:
    world.door.info()
    world.goes_wrong(fault, "GET .*/pulls")
    with pytest.raises(Retryable) as caught:
        world.door.open_pulls()
    assert type(caught.value) is Retryable
    assert len(world.calls("/pulls")) == 1
