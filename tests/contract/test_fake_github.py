"""The fake GitHub does what GitHub does: spoken to by a real client and real git, held to GitHub's descriptions."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from fakegithub import conformance
from fakegithub.courier import Delivery
from fakegithub.github import GitHub
from fakegithub.mischief import Fault, Mischief
from fakegithub.people import Person, person
from fakegithub.world import Installation, Repository
from github import Auth, GithubException, GithubIntegration, InputGitTreeElement
from github import Github as Client
from github.Repository import Repository as Remote
from hookcatcher import HookCatcher, hook_catcher
from waiting import until

PROMPT: dict[str, Any] = {"retry": None, "seconds_between_requests": None, "seconds_between_writes": None}
JOBS = "jobs:\n  - name: daily\n    cron: '@daily'\n"


@dataclass
class Scene:
    """A repository with the App installed, a writer, and the App's client."""

    github: GitHub
    repo: Repository
    installation: Installation
    ada: Person
    token: str
    remote: Remote
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def get(self, path: str, token: str | None = None, **query: int) -> requests.Response:
        return self.call("GET", path, token, params=query)

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:  # noqa: ANN401 - of requests
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return requests.request(method, self.github.api_url + path, headers=headers, timeout=10, **more)

    def jwt(self, **claims: int) -> str:
        now = int(self.github.now().timestamp())
        app = self.github.app
        return jwt.encode({"iat": now, "exp": now + 300, "iss": str(app.id), **claims}, app.private_key, "RS256")

    def sent(self, event: str, action: str | None = None) -> list[Delivery]:
        until(self.github.courier.settled, 5)
        return [one for one in self.github.courier.sent if one.is_for(event, action)]


@pytest.fixture
def catcher() -> Iterator[HookCatcher]:
    with hook_catcher() as catching:
        yield catching


@pytest.fixture
def scene(github: GitHub, catcher: HookCatcher) -> Scene:
    github.courier.point(catcher.url)
    repo = github.repository("acme/warehouse", {"models/orders.sql": "SELECT 1\n"})
    installed = github.install(repo)
    catcher.secret = github.app.secret
    app = GithubIntegration(auth=Auth.AppAuth(github.app.id, github.app.private_key), base_url=github.api_url, **PROMPT)
    token = app.get_access_token(installed.id).token
    client = Client(auth=Auth.Token(token), base_url=github.api_url, **PROMPT)
    ada = person(github, "ada").may(repo, "write")
    return Scene(github, repo, installed, ada, token, client.get_repo(repo.id))


def test_a_push_is_told_and_moves_the_pull_request(scene: Scene) -> None:
    scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS})
    pull = scene.ada.opens_pull(scene.repo, "work")
    sha = scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": None})
    push = scene.sent("push")[-1].payload
    assert (push["ref"], push["after"], push["forced"]) == ("refs/heads/work", sha, False)
    assert push["head_commit"]["removed"] == ["meshbot.yaml"]
    assert scene.sent("pull_request", "synchronize")[0].payload["after"] == sha
    assert scene.remote.get_pull(pull.number).head.sha == sha
    assert scene.repo.bare.resolve(f"refs/pull/{pull.number}/head") == sha


def test_a_merge_is_a_commit_and_follows_the_head_that_was_sent(scene: Scene) -> None:
    head = scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS})
    remote = scene.remote.get_pull(scene.ada.opens_pull(scene.repo, "work").number)
    with pytest.raises(GithubException) as refused:
        remote.merge(sha="0" * 40)
    assert refused.value.status == 409
    merged = remote.merge(sha=head).sha
    assert scene.repo.bare.heads()["main"] == merged
    assert scene.repo.bare.read("main", "meshbot.yaml") == JOBS.encode()
    assert [one.number for one in scene.remote.get_commit(merged).get_pulls()] == [remote.number]
    closed = scene.sent("pull_request", "closed")
    assert len(closed) == 1
    assert closed[0].payload["pull_request"]["merged"] is True


def test_required_checks_block_a_merge(scene: Scene) -> None:
    scene.repo.required_checks["main"] = ["tests"]
    head = scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS})
    pull = scene.ada.opens_pull(scene.repo, "work")
    assert scene.remote.get_pull(pull.number).mergeable_state == "blocked"
    scene.ada.sets_status(scene.repo, head, "tests", "success")
    assert scene.remote.get_pull(pull.number).mergeable_state == "clean"


def test_a_commit_is_made_by_the_git_data(scene: Scene) -> None:
    ref = scene.remote.get_git_ref("heads/main")
    parent = scene.remote.get_git_commit(ref.object.sha)
    blob = scene.remote.create_git_blob(JOBS, "utf-8")
    element = InputGitTreeElement("meshbot.yaml", "100644", "blob", sha=blob.sha)
    commit = scene.remote.create_git_commit("Add jobs", scene.remote.create_git_tree([element], parent.tree), [parent])
    other = scene.ada.pushes(scene.repo, "main", {"README.md": "newer"})
    with pytest.raises(GithubException, match="fast forward"):
        ref.edit(commit.sha)
    again = scene.remote.create_git_commit("Add jobs", commit.tree, [scene.remote.get_git_commit(other)])
    ref.edit(again.sha)
    assert scene.remote.get_contents("meshbot.yaml").decoded_content == JOBS.encode()
    assert scene.sent("push")[-1].payload["sender"]["login"] == "meshbot[bot]"


def test_what_is_said_in_a_pull_request(scene: Scene) -> None:
    scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS})
    pull = scene.ada.opens_pull(scene.repo, "work")
    asked = scene.ada.comments(pull, "/meshbot help")
    line = scene.ada.comments_on_line(pull, "meshbot.yaml", 2, "/meshbot status")
    remote = scene.remote.get_pull(pull.number)
    remote.get_issue_comment(asked.id).create_reaction("eyes")
    remote.get_issue_comment(asked.id).create_reaction("eyes")
    reply = remote.create_review_comment_reply(line.id, "It runs.")
    mine = remote.create_issue_comment("Hello")
    mine.edit("Hello, Ada")
    assert [one.content for one in asked.reactions] == ["eyes"]
    assert reply.in_reply_to_id == line.id
    assert [one.body for one in remote.get_issue_comments()] == ["/meshbot help", "Hello, Ada"]
    assert scene.sent("issue_comment", "created")[-1].payload["comment"]["user"]["type"] == "Bot"
    with pytest.raises(GithubException) as refused:
        remote.create_issue_comment("x" * 65_537)
    assert refused.value.status == 422


def test_a_comment_on_lines_must_be_on_the_diff_and_is_outdated_by_a_change(scene: Scene) -> None:
    head = scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS})
    pull = scene.ada.opens_pull(scene.repo, "work")
    remote = scene.remote.get_pull(pull.number)
    suggestion = {"path": "meshbot.yaml", "body": "```suggestion\n```", "line": 3, "start_line": 2, "side": "RIGHT"}
    commit = scene.remote.get_commit(head)
    review = remote.create_review(commit, "Two lines", "COMMENT", [suggestion])
    assert [(one.start_line, one.line) for one in remote.get_single_review_comments(review.id)] == [(2, 3)]
    with pytest.raises(GithubException) as refused:
        remote.create_review(commit, "Not there", "COMMENT", [suggestion | {"line": 99}])
    assert refused.value.status == 422
    scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS.replace("@daily", "@hourly")})
    assert [one.line for one in remote.get_review_comments()] == [None]


def test_a_check_keeps_its_limits_and_its_buttons_are_pressed(scene: Scene) -> None:
    head = scene.ada.pushes(scene.repo, "main", {"meshbot.yaml": JOBS})
    place = {"path": "meshbot.yaml", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "Hm"}
    button = {"label": "Accept", "description": "Commit the proposal", "identifier": "accept"}
    output = {"title": "One job", "summary": "It is new.", "annotations": [place] * 50}
    check = scene.remote.create_check_run("meshbot", head, external_id="a", output=output, actions=[button])
    check.edit(conclusion="success", output={**output, "annotations": [place]})
    assert len(list(check.get_annotations())) == 51
    for wrong in (
        {"output": {**output, "annotations": [place] * 51}},
        {"output": {**output, "summary": "x" * 65_536}},
        {"actions": [button] * 4},
        {"actions": [button | {"label": "x" * 21}]},
    ):
        with pytest.raises(GithubException) as refused:
            check.edit(**wrong)
        assert refused.value.status == 422
    scene.github.faults.clear()  # the description knows two of these limits, too, and says so
    scene.ada.presses(scene.repo, scene.repo.checks[0], "accept")
    assert scene.sent("check_run", "requested_action")[0].payload["requested_action"] == {"identifier": "accept"}


def test_a_fork(scene: Scene) -> None:
    bob = person(scene.github, "bob").may(scene.repo, "read")
    fork = scene.github.fork(scene.repo, "bob")
    sha = bob.pushes(fork, "mine", {"models/mine.sql": "SELECT 2\n"})
    pull = bob.opens_pull(scene.repo, "mine", source=fork)
    assert scene.repo.bare.resolve(f"refs/pull/{pull.number}/head") == sha
    assert scene.remote.get_pull(pull.number).head.repo.full_name == "bob/warehouse"
    bob.deletes_repository(fork)
    assert scene.remote.get_pull(pull.number).head.repo is None
    assert scene.remote.get_collaborator_permission("bob") == "read"


def test_tokens_end_and_see_only_what_they_may(scene: Scene) -> None:
    hidden = scene.github.repository("acme/secret")
    assert scene.get(f"/repositories/{hidden.id}").status_code == 404
    narrow = scene.call(
        "POST",
        f"/app/installations/{scene.installation.id}/access_tokens",
        scene.jwt(),
        json={"repository_ids": [scene.repo.id], "permissions": {"contents": "read"}},
    ).json()["token"]
    assert len(narrow) > 500
    assert scene.get("/repos/acme/warehouse/commits", narrow).status_code == 200
    assert (
        scene.get("/repos/acme/warehouse/pulls", narrow).json()["message"] == "Resource not accessible by integration"
    )
    scene.github.revoke_tokens()
    assert scene.get("/repos/acme/warehouse", narrow).status_code == 401
    wide = f"/app/installations/{scene.installation.id}/access_tokens"
    assert (
        scene.call("POST", wide, scene.jwt(), json={"permissions": {"checks": "read", "pages": "write"}}).status_code
        == 422
    )


@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": 2**40}, {"iss": 1}, {"iat": 2**40}])
def test_the_app_is_believed_only_for_minutes_and_by_its_key(scene: Scene, claims: dict[str, int]) -> None:
    assert scene.get("/app", scene.jwt()).status_code == 200
    assert (
        scene.get("/app", scene.jwt(**{k: str(v) if k == "iss" else v for k, v in claims.items()})).status_code == 401
    )
    assert scene.get("/app", scene.token).status_code == 401


def test_a_renamed_repository_is_found_by_its_old_name(scene: Scene) -> None:
    scene.ada.renames(scene.repo, "house")
    moved = scene.call("GET", "/repos/acme/warehouse/branches/main", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"].rpartition("/repositories/")[2]) == (
        301,
        f"{scene.repo.id}/branches/main",
    )
    assert scene.get("/repos/acme/warehouse").json()["full_name"] == "acme/house"
    assert (
        scene.call("POST", "/repos/acme/warehouse/git/refs", json={"ref": "refs/heads/x", "sha": "0" * 40}).status_code
        == 422
    )


def test_archived_suspended_and_removed(scene: Scene) -> None:
    comment = "/repos/acme/warehouse/issues/1/comments"
    scene.ada.opens_issue(scene.repo)
    scene.ada.archives(scene.repo)
    assert "archived" in scene.call("POST", comment, json={"body": "x"}).json()["message"]
    scene.ada.suspends(scene.installation)
    assert scene.get("/repos/acme/warehouse").status_code == 403
    scene.ada.uninstalls(scene.installation)
    assert scene.get("/repos/acme/warehouse").status_code == 401
    assert [one.action for one in scene.sent("installation")] == ["created", "suspend", "deleted"]


def test_lists_have_pages(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo)
    for number in range(7):
        scene.ada.comments(issue, str(number))
    scene.github.page = 3
    listed = scene.get("/repos/acme/warehouse/issues/1/comments", per_page=100)
    assert (len(listed.json()), set(listed.links)) == (3, {"next", "last"})
    assert [one.body for one in scene.remote.get_issue(1).get_comments()] == [str(number) for number in range(7)]


def test_git_clones_and_pushes_by_http(scene: Scene, tmp_path: Path) -> None:
    quiet = {"PATH": os.environ["PATH"], "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull}

    def git(*arguments: str, folder: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=folder, env=quiet, capture_output=True, text=True, check=False)

    address = scene.github.url.removeprefix("http://")
    assert git("clone", "-q", f"http://{address}/acme/warehouse.git", "none").returncode == 128
    assert (
        git("clone", "-q", f"http://x-access-token:{scene.token}@{address}/acme/warehouse.git", "bot").returncode == 0
    )
    assert git("clone", "-q", f"http://ada:{scene.ada.token}@{address}/acme/warehouse.git", "ada").returncode == 0
    mine = tmp_path / "ada"
    (mine / "meshbot.yaml").write_text(JOBS)
    git("add", ".", folder=mine)
    git("-c", "user.name=Ada", "-c", "user.email=a@example.com", "commit", "-qm", "Jobs", folder=mine)
    assert git("push", "-q", "origin", "main", folder=mine).returncode == 0
    told = scene.sent("push")[-1].payload
    assert (told["sender"]["login"], told["head_commit"]["added"]) == ("ada", ["meshbot.yaml"])
    scene.github.revoke_tokens()
    assert git("fetch", folder=tmp_path / "bot").returncode == 128


@pytest.mark.parametrize("fault", list(Fault))
def test_what_goes_wrong_on_purpose(scene: Scene, fault: Fault) -> None:
    scene.ada.opens_issue(scene.repo)
    scene.github.mischiefs.released.set()  # nobody waits in silence here
    scene.github.mischiefs.add(Mischief(fault, "POST .*/comments"))
    try:
        answer = scene.call("POST", "/repos/acme/warehouse/issues/1/comments", json={"body": "x"})
        assert answer.status_code == {
            Fault.LIMITED: 403,
            Fault.SECONDARY_403: 403,
            Fault.SECONDARY_429: 429,
            Fault.UNAUTHORIZED: 401,
        }.get(fault, 502)
    except requests.ConnectionError:
        assert fault.name.startswith(("RESET", "SILENT"))
    assert len(scene.repo.comments) == int(fault.after)
    assert scene.call("POST", "/repos/acme/warehouse/issues/1/comments", json={"body": "y"}).status_code == 201


def test_a_limit_lasts_until_its_moment(scene: Scene) -> None:
    scene.github.mischiefs.add(Mischief(Fault.LIMITED, until=scene.github.now() + timedelta(hours=1)))
    limited = scene.get("/repos/acme/warehouse")
    assert (limited.status_code, limited.headers["x-ratelimit-remaining"]) == (403, "0")
    scene.github.ahead += timedelta(hours=1)
    assert scene.get("/rate_limit").status_code == 401  # the token is over by now, the limit is, too


def test_deliveries_are_signed_listed_and_delivered_again(scene: Scene, catcher: HookCatcher) -> None:
    catcher.status = 500
    scene.ada.pushes(scene.repo, "main", {"a": "1"})
    [failed] = scene.sent("push")
    catcher.status = 202
    listed = scene.get("/app/hook/deliveries", scene.jwt()).json()
    assert [(one["event"], one["status_code"]) for one in listed] == [("push", 500), ("installation", 202)]
    again = scene.call("POST", f"/app/hook/deliveries/{failed.id}/attempts", scene.jwt())
    assert again.status_code == 202
    first, second = scene.sent("push")
    assert (second.guid, second.redelivery, second.status_code) == (first.guid, True, 202)
    assert all(catcher.signed)


def test_deliveries_are_lost_doubled_and_shuffled(scene: Scene) -> None:
    courier = scene.github.courier
    courier.hold()
    courier.doubles = lambda one: one.payload.get("ref") == "refs/heads/b"
    courier.loses = lambda one: one.payload.get("ref") == "refs/heads/c"
    for branch in "abc":
        scene.ada.pushes(scene.repo, branch, {branch: "1"})
    courier.release(lambda waiting: waiting[::-1])
    assert [one.payload["ref"][-1] for one in scene.sent("push")] == ["b", "b", "a"]


def test_what_does_not_fit_the_description_is_found() -> None:
    asked = conformance.Asked(
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {}, {"x": "1"}, {"text": "x"}
    )
    faults = " ".join(conformance.wrong_request(asked))
    assert "no such query parameter: x" in faults
    assert "'body' is a required property" in faults
    assert "no such field: text" in faults
    assert conformance.wrong_response("GET /app", 200, {"id": 1})
    assert conformance.wrong_response("GET /app", 418, {"message": 1})
    assert conformance.wrong_hook("push", {"ref": "refs/heads/main"})
    assert conformance.wrong_hook("push", {"action": "pulled"}) == ["push pulled: GitHub sends no such webhook"]


def test_the_payloads_have_what_githubs_examples_have(scene: Scene) -> None:
    scene.ada.pushes(scene.repo, "work", {"meshbot.yaml": JOBS})
    pull = scene.ada.opens_pull(scene.repo, "work")
    scene.ada.comments(pull, "Hello")
    scene.ada.comments_on_line(pull, "meshbot.yaml", 2, "Hm")
    scene.ada.pushes(scene.repo, "work", {"a": "1"})
    scene.ada.closes(pull)
    until(scene.github.courier.settled, 5)
    absent = {f"{one.event} {one.action}": missing_keys(one) for one in scene.github.courier.sent}
    assert {name: keys for name, keys in absent.items() if keys} == {}


def missing_keys(delivery: Delivery) -> set[str]:
    name = f"{delivery.event} {delivery.action or ''}".strip()
    return set(lacking(conformance.document("examples.json").get(name, {}), delivery.payload))


def lacking(example: object, ours: object, path: str = "") -> Iterator[str]:
    """Name what an example has and ours has not; what is null in ours, or is asked for by the App, may be another."""
    if not isinstance(example, dict) or not isinstance(ours, dict) or path.endswith("permissions."):
        return
    for key, value in example.items():
        if key not in ours:
            yield f"{path}{key}"
        else:
            yield from lacking(value, ours[key], f"{path}{key}.")
