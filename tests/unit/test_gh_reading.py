"""GitHub's answers read: what may be null, what somebody may do, what a branch requires."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.gh import reading
from bot.gh.asking import branch_path, quoted, site
from bot.gh.changes import with_trailer
from bot.gh.faults import Gone
from bot.gh.people import granted
from bot.gh.required import Required, Result, not_green, of_protection, of_rule
from bot.gh.wire import following
from scheduler.errors import Retryable

REPO = {"id": 7, "full_name": "acme/shop", "default_branch": "trunk"}
PULL = {
    "number": 5,
    "title": "Jobs",
    "body": None,
    "state": "open",
    "draft": True,
    "user": {"login": "ann", "type": "User"},
    "head": {"sha": "a" * 40, "ref": "jobs", "repo": REPO},
    "base": {"sha": "b" * 40, "ref": "trunk", "repo": REPO},
    "created_at": "2026-03-01T12:00:00Z",
    "merged_at": None,
    "merge_commit_sha": "c" * 40,
    "html_url": "https://github.com/acme/shop/pull/5",
}


def test_a_pull_request_is_read() -> None:
    found = reading.pull(PULL)
    assert (found.number, found.body, found.draft, found.author, found.author_is_bot) == (5, "", True, "ann", False)
    assert (found.head_repo_id, found.can_be_pushed, found.merged, found.merge_sha) == (7, True, False, None)
    assert found.created_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_nothing_is_left_of_a_deleted_fork_and_a_deleted_account() -> None:
    found = reading.pull({**PULL, "user": None, "head": {**PULL["head"], "repo": None}, "maintainer_can_modify": True})
    assert (found.author, found.head_repo_id, found.head_full_name, found.can_be_pushed) == ("ghost", None, None, False)


@pytest.mark.parametrize(("says", "can"), [(True, True), (False, False), (None, False)])
def test_a_fork_is_pushed_to_only_when_its_owner_lets_us(says: bool | None, can: bool) -> None:  # noqa: FBT001
    fork = {**PULL["head"], "repo": {"id": 8, "full_name": "bob/shop"}}
    assert reading.pull({**PULL, "head": fork, "maintainer_can_modify": says}).can_be_pushed is can


def test_a_merged_pull_request_has_a_merge_commit() -> None:
    found = reading.pull({**PULL, "state": "closed", "merged_at": "2026-03-02T00:00:00Z"})
    assert (found.state, found.merged, found.merge_sha) == ("closed", True, "c" * 40)


@pytest.mark.parametrize(
    "data", [None, [], "<html>", {}, {"data": "<html>"}, {**PULL, "number": "5"}, {**PULL, "head": None}]
)
def test_what_is_no_pull_request_is_asked_for_again(data: object) -> None:
    with pytest.raises(Retryable, match="GitHub's answer"):
        reading.pull(data)


@pytest.mark.parametrize(
    ("permission", "role", "may"),
    [
        ("admin", "admin", "admin"),
        ("write", "maintain", "maintain"),
        ("write", "write", "write"),
        ("read", "triage", "triage"),
        ("read", "read", "read"),
        ("none", "none", "none"),
        ("write", "release-crew", "write"),
        ("read", "release-crew", "read"),
        ("write", None, "write"),
        ("none", "admin", "none"),
        (None, "admin", "none"),
        ("owner", "owner", "none"),
        (True, True, "none"),
    ],
)
def test_what_somebody_may_do_is_what_github_plainly_says(permission: object, role: object, may: str) -> None:
    assert granted("Ann", {"permission": permission, "role_name": role, "user": {"login": "ann"}}) == may


@pytest.mark.parametrize(
    "data", [None, [], {}, {"permission": "admin"}, {"permission": "admin", "user": {"login": "bob"}}]
)
def test_an_answer_about_nobody_or_somebody_else_grants_nothing(data: object) -> None:
    assert granted("ann", data) == "none"


def test_required_checks_of_protection_and_rules() -> None:
    branch = {
        "protection": {
            "required_status_checks": {
                "enforcement_level": "everyone",
                "contexts": ["build", "lint"],
                "checks": [{"context": "build", "app_id": 15}, {"context": "any", "app_id": -1}],
            }
        }
    }
    assert list(of_protection(branch)) == [Required("build", 15), Required("any"), Required("lint")]
    rule = {
        "type": "required_status_checks",
        "parameters": {"required_status_checks": [{"context": "meshbot", "integration_id": 3}, {"context": "x"}]},
    }
    assert list(of_rule(rule)) == [Required("meshbot", 3), Required("x")]
    assert list(of_rule({"type": "pull_request", "parameters": {}})) == []


@pytest.mark.parametrize(
    "branch",
    [
        {},
        {"protection": None},
        {"protection": {"required_status_checks": {"enforcement_level": "off", "contexts": ["x"]}}},
    ],
)
def test_a_branch_without_protection_requires_nothing(branch: object) -> None:
    assert list(of_protection(branch)) == []


def test_a_required_check_is_green_when_all_of_its_name_are() -> None:
    results = [Result("build", 15, green=True), Result("lint", 15, green=True), Result("lint", 9, green=False)]
    wanted = [Required("build"), Required("lint"), Required("absent")]
    assert not_green(wanted, results) == ["lint", "absent"]


def test_a_check_of_the_same_name_by_another_app_does_not_count() -> None:
    forged = [Result("build", 9, green=True), Result("build", None, green=True)]
    assert not_green([Required("build", 15)], forged) == ["build"]


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://git.acme.example/api/v3", "https://git.acme.example"),
        ("https://git.acme.example/api/v3/", "https://git.acme.example"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://127.0.0.1:8123/api/v3", "http://127.0.0.1:8123"),
    ],
)
def test_where_the_repositories_of_an_api_are(api: str, web: str) -> None:
    assert site(api) == web


@pytest.mark.parametrize("name", ["", "/x", "x/", "a//b", "../x", "a/../b", "a..b", ".x", "a/.b"])
def test_what_is_no_name_of_a_branch_is_not_asked_for(name: str) -> None:
    with pytest.raises(Gone, match="no branch can have that name"):
        branch_path(name)


def test_names_mean_nothing_in_a_path() -> None:
    assert branch_path("feature/a b#c?d%e") == "feature/a%20b%23c%3Fd%25e"
    assert quoted("a/../b?c") == "a%2F..%2Fb%3Fc"


def test_the_next_page_is_ours_whatever_host_and_path_the_link_has() -> None:
    link = '<https://e.example/repos/x?page=1>; rel="prev", <https://e.example/other?page=3&per_page=100>; rel="next"'
    assert following({"link": link}) == {"page": "3", "per_page": "100"}
    assert following({"link": '<https://x/?page=1>; rel="first"'}) is None
    assert following({}) is None


@pytest.mark.parametrize(
    ("message", "made"),
    [
        ("Accept jobs", "Accept jobs\n\nMeshbot-Request: 7"),
        ("Accept jobs\n\nMore words: here.\n", "Accept jobs\n\nMore words: here.\n\nMeshbot-Request: 7"),
        ("Accept jobs\n\nCo-authored-by: A <a@x>", "Accept jobs\n\nCo-authored-by: A <a@x>\nMeshbot-Request: 7"),
        ("Accept jobs\n\nMeshbot-Request: 7", "Accept jobs\n\nMeshbot-Request: 7"),
    ],
)
def test_a_commit_carries_its_request_among_the_trailers(message: str, made: str) -> None:
    assert with_trailer(message, "Meshbot-Request: 7") == made
