"""Commits, branches, pull requests and merges: never by force, once for each request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from ghworld import World
from ghworld import world as a_world

from bot.gh import Gone, MissingPermission, Moved, Rejected
from scheduler.errors import Retryable

AMBIGUOUS = [Fault.BROKEN_AFTER, Fault.RESET_AFTER]
TRAILER = "Meshbot-Request: comment-7"
FILES = {"meshbot.yaml": "version: 1\njobs: []\n", "a/meshbot.yaml": "version: 1\n"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def commit(world: World, head: str, branch: str = "jobs", **more: int) -> str:
    return world.door.commit_files(branch, head, FILES, "Accept the jobs\n\nCo-authored-by: Ada <a@x>", TRAILER, **more)


def test_a_commit_holds_the_files_on_top_of_the_head(world: World) -> None:
    head = world.pull().head_sha
    sha = commit(world, head)
    made = world.repo.bare.describe(sha)
    assert world.repo.bare.heads()["jobs"] == sha
    assert made["parents"] == [head]
    assert made["message"].strip().endswith(f"Co-authored-by: Ada <a@x>\n{TRAILER}")
    assert {path: (world.repo.bare.read(sha, path) or b"").decode() for path in FILES} == FILES
    assert world.repo.bare.read(sha, "README.md") is not None


@pytest.mark.parametrize("fault", AMBIGUOUS)
@pytest.mark.parametrize("call", ["POST .*/git/trees", "POST .*/git/commits", "PATCH .*/git/refs/.*"])
def test_a_request_commits_once_whatever_github_answers(world: World, fault: Fault, call: str) -> None:
    head = world.pull().head_sha
    world.goes_wrong(fault, call)
    with pytest.raises(Retryable):
        commit(world, head)
    sha = commit(world, head)
    assert commit(world, sha) == sha
    assert commit(world, head) == sha
    assert world.repo.bare.describe(sha)["parents"] == [head]


def test_files_that_are_like_that_already_are_no_commit(world: World) -> None:
    head = commit(world, world.pull().head_sha)
    assert world.door.commit_files("jobs", head, FILES, "Again", "Meshbot-Request: comment-8") == head
    assert world.repo.bare.heads()["jobs"] == head


def test_a_branch_that_moved_is_not_committed_to(world: World) -> None:
    head = world.pull().head_sha
    newer = world.ada.pushes(world.repo, "jobs", {"x": "y"})
    with pytest.raises(Moved, match=f"its head is {newer[:10]} by now, not {head[:10]}"):
        commit(world, head)
    assert world.repo.bare.heads()["jobs"] == newer


def test_a_branch_that_moves_in_between_is_not_committed_to(world: World) -> None:
    head = world.pull().head_sha
    moved: list[str] = []

    def push(_number: int, call: str) -> None:
        if call.endswith("/git/commits") and not moved:
            moved.append(world.ada.pushes(world.repo, "jobs", {"x": "y"}))

    world.github.before = push  # type: ignore[method-assign]
    with pytest.raises(Moved, match="fast forward"):
        commit(world, head)
    assert world.repo.bare.heads()["jobs"] == moved[0]


def test_a_branch_that_is_gone_is_not_made_again(world: World) -> None:
    head = world.pull().head_sha
    world.ada.points(world.repo, "jobs", None)
    with pytest.raises((Moved, Gone)):
        commit(world, head)


def test_somebody_elses_trailer_is_only_text(world: World) -> None:
    world.pull()
    head = world.ada.pushes(world.repo, "jobs", {"x": "y"}, f"Forged\n\n{TRAILER}")
    sha = commit(world, head)
    assert world.repo.bare.describe(sha)["parents"] == [head]


def test_a_fork_where_the_app_is_not_installed_is_a_missing_permission(world: World) -> None:
    fork = world.github.fork(world.repo, "bob")
    with pytest.raises(MissingPermission, match="not installed there; suggest the change instead"):
        commit(world, fork.heads["main"], "main", repository_id=fork.id)


def test_a_fork_where_the_app_is_installed_is_committed_to_with_a_token_of_its_own(world: World) -> None:
    fork = world.github.fork(world.repo, "bob")
    world.github.install(fork)
    head = fork.heads["main"]
    sha = commit(world, head, "main", repository_id=fork.id)
    assert fork.bare.heads()["main"] == sha
    assert commit(world, head, "main", repository_id=fork.id) == sha
    assert world.repo.bare.heads()["main"] != sha
    tokens = [one.body["repository_ids"] for one in world.github.seen if "access_tokens" in one.call]
    assert tokens == [[fork.id]]


def test_a_branch_is_made_once(world: World) -> None:
    main = world.repo.heads["main"]
    world.goes_wrong(Fault.BROKEN_AFTER, "POST .*/git/refs")
    with pytest.raises(Retryable):
        world.door.create_branch("meshbot/onboarding", main)
    assert world.door.create_branch("meshbot/onboarding", main) == main
    newer = world.ada.pushes(world.repo, "meshbot/onboarding", {"x": "y"})
    assert world.door.create_branch("meshbot/onboarding", main) == newer


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_pull_request_is_opened_once(world: World, fault: Fault) -> None:
    world.ada.pushes(world.repo, "meshbot/onboarding", {"x": "y"})
    given = ("meshbot/onboarding", "main", "Schedule the models", "<!-- m -->\nhello", "<!-- m -->")
    world.goes_wrong(fault, "POST .*/pulls")
    with pytest.raises(Retryable):
        world.door.put_pull(*given)
    number = world.door.put_pull(*given)
    assert world.door.put_pull(*given[:3], "<!-- m -->\nchanged", "<!-- m -->") == number
    assert [one.body for one in world.repo.pulls] == ["<!-- m -->\nchanged"]
    world.ada.closes(world.repo.pulls[0])
    assert world.door.put_pull(*given) == number
    assert [(one.state, one.body) for one in world.repo.pulls] == [("closed", "<!-- m -->\nchanged")]


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_pull_request_is_merged_once(world: World, fault: Fault) -> None:
    pull = world.pull()
    world.goes_wrong(fault, "PUT .*/merge")
    with pytest.raises(Retryable):
        world.door.merge_pull(pull.number, pull.head_sha, "Jobs (#1)")
    assert world.door.merge_pull(pull.number, pull.head_sha, "Jobs (#1)") == world.repo.bare.heads()["main"]
    assert world.door.merge_pull(pull.number, pull.head_sha, "Jobs (#1)") == pull.merge_sha


def test_another_head_is_not_merged(world: World) -> None:
    pull = world.pull()
    old = pull.head_sha
    world.ada.pushes(world.repo, "jobs", {"x": "y"})
    with pytest.raises(Moved, match="by now, not"):
        world.door.merge_pull(pull.number, old, "Jobs")


def test_a_head_that_moves_in_between_is_not_merged(world: World) -> None:
    pull = world.pull()
    moved: list[str] = []

    def push(_number: int, call: str) -> None:
        if call.startswith("PUT ") and not moved:
            moved.append(world.ada.pushes(world.repo, "jobs", {"x": "y"}))

    world.github.before = push  # type: ignore[method-assign]
    with pytest.raises(Moved, match="Head branch was modified"):
        world.door.merge_pull(pull.number, pull.head_sha, "Jobs")
    assert not pull.merged


def test_what_may_not_be_merged_is_refused_with_githubs_reason(world: World) -> None:
    pull = world.pull()
    world.repo.required_approvals["main"] = 1
    with pytest.raises(Rejected, match="approving review is required"):
        world.door.merge_pull(pull.number, pull.head_sha, "Jobs")
    assert len(world.calls("/merge")) == 1


def test_merging_what_is_not_there_says_so(world: World) -> None:
    with pytest.raises(Gone, match="none of that number"):
        world.door.merge_pull(404, "a" * 40, "Jobs")
