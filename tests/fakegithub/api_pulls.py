"""Answers about pull requests, their reviews, what is said in them, and checks."""

from __future__ import annotations

from typing import Any

from fakegithub import deeds, pullshapes
from fakegithub.api_repos import REPO, files
from fakegithub.calls import Answer, Call, answers, since
from fakegithub.problems import Problem, invalid, not_found, plain_invalid
from fakegithub.shapes import CONTENTS
from fakegithub.world import Check, Comment, Pull, Reaction, Repository, Review, Status

JSON = dict[str, Any]
PULL = f"{REPO}/pulls/{{pull_number}}"
COMMENTS = f"{REPO}/issues/comments/{{comment_id}}"
LINES = f"{REPO}/pulls/comments/{{comment_id}}"
EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@answers(f"GET {REPO}/pulls")
def pulls(call: Call) -> Answer:
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = [one for one in call.repo.pulls if state in {"all", one.state}]
    if head:
        found = [one for one in found if one.head_owner and f"{one.head_owner.login}:{one.head_ref}" == head]
    if base:
        found = [one for one in found if one.base_ref == base]
    newest = sorted(found, key=lambda one: one.number, reverse=call.query.get("direction", "desc") == "desc")
    return call.listed([pullshapes.simple(call.github.shapes, call.repo, one) for one in newest])


@answers(f"POST {REPO}/pulls")
def open_pull(call: Call) -> Answer:
    asked, repo = call.body, call.repo
    owner, _, branch = asked["head"].rpartition(":")
    source = repo if owner in {"", repo.owner.login} else call.github.find(f"{owner}/{repo.name}")
    if source is None:
        raise invalid("PullRequest", "head", "", "invalid")
    made = deeds.open_pull(call.github, repo, call.me, (source, branch), asked)
    return Answer(201, pullshapes.full(call.github.shapes, repo, made))


@answers(f"GET {PULL}")
def pull(call: Call) -> Answer:
    return _pull(call, call.pull)


@answers(f"PATCH {PULL}")
def edit_pull(call: Call) -> Answer:
    deeds.edit_pull(call.github, call.pull, call.me, call.body)
    return _pull(call, call.pull)


@answers(f"GET {PULL}/files")
def pull_files(call: Call) -> Answer:
    found, repo = call.pull, call.repo
    base = repo.bare.merge_base(found.base_sha, found.head_sha) or found.base_sha
    return call.listed(files(call, repo, base, found.head_sha))


@answers(f"GET {PULL}/commits")
def pull_commits(call: Call) -> Answer:
    found, repo = call.pull, call.repo
    listed = repo.bare.log(f"{found.base_sha}..{found.head_sha}")[::-1]
    return call.listed([call.github.shapes.commit(repo, sha) for sha in listed])


@answers(f"GET {PULL}/merge")
def is_merged(call: Call) -> Answer:
    if not call.pull.merged:
        raise not_found()
    return Answer(204, None)


@answers(f"PUT {PULL}/merge")
def merge(call: Call) -> Answer:
    sha = deeds.merge(call.github, call.pull, call.me, call.body or {})
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


@answers(f"GET {REPO}/commits/{{commit_sha}}/pulls")
def pulls_of_commit(call: Call) -> Answer:
    repo, sha = call.repo, call.parameters["commit_sha"]
    if repo.bare.kind(sha) != "commit":
        raise Problem(422, f"No commit found for SHA: {sha}")
    in_main = repo.bare.is_ancestor(sha, f"refs/heads/{repo.default_branch}")
    found = [one for one in repo.pulls if _has(repo, one, sha) and (one.merged or not in_main)]
    return call.listed([pullshapes.simple(call.github.shapes, repo, one) for one in found])


@answers(f"GET {PULL}/reviews")
def reviews(call: Call) -> Answer:
    found = [one for one in call.repo.reviews if one.number == call.pull.number]
    return call.listed([call.github.shapes.review(call.repo, one) for one in found])


@answers(f"POST {PULL}/reviews")
def review(call: Call) -> Answer:
    asked = call.body or {}
    state = EVENTS.get(asked.get("event", ""), "PENDING")
    if state in {"COMMENTED", "CHANGES_REQUESTED"} and not asked.get("body") and not asked.get("comments"):
        raise plain_invalid("Unprocessable Entity")
    if commit := asked.get("commit_id"):
        _in_pull(call, commit)
    comments = tuple(asked.get("comments", ()))
    made = deeds.review(
        call.github, call.pull, call.me, state, asked.get("body", ""), comments=comments, commit=commit or ""
    )
    return Answer(200, call.github.shapes.review(call.repo, made))


@answers(f"GET {PULL}/reviews/{{review_id}}")
def one_review(call: Call) -> Answer:
    return Answer(200, call.github.shapes.review(call.repo, _review(call)))


@answers(f"PUT {PULL}/reviews/{{review_id}}")
def edit_review(call: Call) -> Answer:
    deeds.edit_review(call.github, call.pull, _review(call), call.me, call.body["body"])
    return one_review(call)


@answers(f"GET {PULL}/reviews/{{review_id}}/comments")
def comments_of_review(call: Call) -> Answer:
    found = [one for one in call.repo.review_comments if one.review is _review(call)]
    return call.listed([call.github.shapes.review_comment(call.repo, one) for one in found])


@answers(f"GET {PULL}/comments")
def review_comments(call: Call) -> Answer:
    found = [one for one in call.repo.review_comments if one.number == call.pull.number]
    return call.listed([call.github.shapes.review_comment(call.repo, one) for one in found])


@answers(f"POST {PULL}/comments")
def review_comment(call: Call) -> Answer:
    _in_pull(call, call.body["commit_id"])
    made = deeds.review_comment(call.github, call.pull, call.me, call.body)
    return Answer(201, call.github.shapes.review_comment(call.repo, made))


@answers(f"POST {PULL}/comments/{{comment_id}}/replies")
def reply(call: Call) -> Answer:
    made = deeds.reply(call.github, call.pull, call.me, call.review_comment(), call.body["body"])
    return Answer(201, call.github.shapes.review_comment(call.repo, made))


@answers(f"GET {LINES}")
def one_review_comment(call: Call) -> Answer:
    return Answer(200, call.github.shapes.review_comment(call.repo, call.review_comment()))


@answers(f"PATCH {LINES}")
def edit_review_comment(call: Call) -> Answer:
    found = call.review_comment()
    _mine(call, found)
    deeds.edit_review_comment(call.github, call.repo, found, call.me, call.body["body"])
    return one_review_comment(call)


@answers(f"DELETE {LINES}")
def delete_review_comment(call: Call) -> Answer:
    deeds.delete_review_comment(call.github, call.repo, call.review_comment(), call.me)
    return Answer(204, None)


@answers(f"GET {REPO}/issues/{{issue_number}}")
def issue(call: Call) -> Answer:
    found = call.repo.issues.get(int(call.parameters["issue_number"]))
    if found is None:
        raise not_found()
    return Answer(200, pullshapes.issue(call.github.shapes, call.repo, found))


@answers(f"GET {REPO}/issues/{{issue_number}}/comments")
def comments(call: Call) -> Answer:
    number = int(call.parameters["issue_number"])
    found = [one for one in call.repo.comments if one.number == number]
    if after := call.query.get("since"):
        found = [one for one in found if one.updated_at >= since(after)]
    return call.listed([call.github.shapes.comment(call.repo, one) for one in found])


@answers(f"POST {REPO}/issues/{{issue_number}}/comments")
def comment(call: Call) -> Answer:
    number = int(call.parameters["issue_number"])
    if number not in call.repo.issues:
        raise not_found()
    made = deeds.comment(call.github, call.repo, number, call.me, call.body["body"])
    return Answer(201, call.github.shapes.comment(call.repo, made))


@answers(f"GET {COMMENTS}")
def one_comment(call: Call) -> Answer:
    return Answer(200, call.github.shapes.comment(call.repo, call.find(call.repo.comments)))


@answers(f"PATCH {COMMENTS}")
def edit_comment(call: Call) -> Answer:
    found = call.find(call.repo.comments)
    _mine(call, found)
    deeds.edit_comment(call.github, call.repo, found, call.me, call.body["body"])
    return one_comment(call)


@answers(f"DELETE {COMMENTS}")
def delete_comment(call: Call) -> Answer:
    deeds.delete_comment(call.github, call.repo, call.find(call.repo.comments), call.me)
    return Answer(204, None)


@answers(f"GET {COMMENTS}/reactions")
def reactions(call: Call) -> Answer:
    return _reactions(call, call.find(call.repo.comments))


@answers(f"POST {COMMENTS}/reactions")
def react(call: Call) -> Answer:
    return _react(call, call.find(call.repo.comments))


@answers(f"DELETE {COMMENTS}/reactions/{{reaction_id}}")
def unreact(call: Call) -> Answer:
    return _unreact(call, call.find(call.repo.comments))


@answers(f"GET {LINES}/reactions")
def review_comment_reactions(call: Call) -> Answer:
    return _reactions(call, call.review_comment())


@answers(f"POST {LINES}/reactions")
def react_to_review_comment(call: Call) -> Answer:
    return _react(call, call.review_comment())


@answers(f"DELETE {LINES}/reactions/{{reaction_id}}")
def unreact_to_review_comment(call: Call) -> Answer:
    return _unreact(call, call.review_comment())


@answers(f"POST {REPO}/check-runs")
def make_check(call: Call) -> Answer:
    made = deeds.put_check(call.github, call.repo, None, call.body, call.me)
    return Answer(201, call.github.shapes.check(call.repo, made))


@answers(f"GET {REPO}/check-runs/{{check_run_id}}")
def check(call: Call) -> Answer:
    return Answer(200, call.github.shapes.check(call.repo, _check(call)))


@answers(f"PATCH {REPO}/check-runs/{{check_run_id}}")
def change_check(call: Call) -> Answer:
    found = _check(call)
    if not found.by_app:
        raise Problem(403, "Resource not accessible by integration")
    deeds.put_check(call.github, call.repo, found, call.body, call.me)
    return check(call)


@answers(f"GET {REPO}/check-runs/{{check_run_id}}/annotations")
def annotations(call: Call) -> Answer:
    found = _check(call)
    return call.listed([call.github.shapes.annotation(call.repo, found, one) for one in found.annotations])


@answers(f"GET {REPO}/commits/{{ref}}/check-runs")
def checks(call: Call) -> Answer:
    sha, name = call.commit("ref"), call.query.get("check_name")
    found = [one for one in call.repo.checks if one.sha == sha and name in {None, one.name}]
    if call.query.get("filter", "latest") == "latest":
        # One for each name, the newest: an older one of the same name is not shown.
        found = list({(one.name, one.by_app): one for one in found}.values())
    return call.listed([call.github.shapes.check(call.repo, one) for one in found[::-1]], "check_runs")


@answers(f"GET {REPO}/commits/{{ref}}/check-suites")
def suites(call: Call) -> Answer:
    sha = call.commit("ref")
    found = [call.github.shapes.full_suite(call.repo, one) for one in call.repo.suites if one.sha == sha]
    return call.listed(found, "check_suites")


@answers(f"GET {REPO}/commits/{{ref}}/status")
def status(call: Call) -> Answer:
    repo, sha, shapes = call.repo, call.commit("ref"), call.github.shapes
    latest = list({one.context: one for one in repo.statuses if one.sha == sha}.values())
    states = {one.state for one in latest}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    url = f"{shapes.repo_url(repo)}/commits/{sha}"
    shape = {
        "state": state,
        "sha": sha,
        "total_count": len(latest),
        "statuses": [{**shapes.status(repo, one), "required": None} for one in latest],
        "repository": shapes.repository(repo),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return Answer(200, shape)


@answers(f"GET {REPO}/commits/{{ref}}/statuses")
def statuses(call: Call) -> Answer:
    sha, shapes = call.commit("ref"), call.github.shapes
    found = [one for one in call.repo.statuses if one.sha == sha][::-1]
    return call.listed([{**shapes.status(call.repo, one), "creator": shapes.user(one.creator)} for one in found])


@answers(f"POST {REPO}/statuses/{{sha}}")
def make_status(call: Call) -> Answer:
    asked, sha = call.body, call.parameters["sha"]
    if call.repo.bare.kind(sha) != "commit":
        raise Problem(422, f"No commit found for SHA: {sha}")
    more = {"description": asked.get("description"), "target_url": asked.get("target_url")}
    made = Status(sha, asked.get("context", "default"), asked["state"], call.me, call.github.now(), **more)
    call.repo.statuses.append(made)
    return Answer(201, {**call.github.shapes.status(call.repo, made), "creator": call.github.shapes.user(call.me)})


def _pull(call: Call, found: Pull) -> Answer:
    return Answer(200, pullshapes.full(call.github.shapes, call.repo, found))


def _has(repo: Repository, found: Pull, sha: str) -> bool:
    if sha == found.merge_sha:
        return True
    return repo.bare.is_ancestor(sha, found.head_sha) and not repo.bare.is_ancestor(sha, _start(repo, found))


def _start(repo: Repository, found: Pull) -> str:
    if found.merge_sha is None:
        return found.base_sha
    return (repo.bare.describe(found.merge_sha)["parents"] or [found.base_sha])[0]


def _in_pull(call: Call, commit: str) -> None:
    if call.repo.bare.kind(commit) != "commit" or not call.repo.bare.is_ancestor(commit, call.pull.head_sha):
        raise invalid("PullRequestReviewComment", "commit_id", "commit_id is not part of the pull request", "custom")


def _review(call: Call) -> Review:
    wanted = int(call.parameters["review_id"])
    for found in call.repo.reviews:
        if found.id == wanted:
            return found
    raise not_found()


def _mine(call: Call, found: Comment) -> None:
    """An App edits what it wrote; others' comments it edits with the permission to write, which GitHub grants, too."""
    if found.author is not call.me:
        raise Problem(403, "Resource not accessible by integration")


def _reactions(call: Call, found: Comment) -> Answer:
    shown = [one for one in found.reactions if call.query.get("content") in {None, one.content}]
    return call.listed([call.github.shapes.reaction(one) for one in shown])


def _react(call: Call, found: Comment) -> Answer:
    assert call.body["content"] in CONTENTS
    made, is_new = deeds.react(call.github, found, call.me, call.body["content"])
    return Answer(201 if is_new else 200, call.github.shapes.reaction(made))


def _unreact(call: Call, found: Comment) -> Answer:
    wanted = int(call.parameters["reaction_id"])
    mine = [one for one in found.reactions if one.id == wanted]
    if not mine:
        raise not_found()
    return _remove(call, found, mine[0])


def _remove(call: Call, found: Comment, reaction: Reaction) -> Answer:
    if reaction.author is not call.me:
        raise Problem(403, "Resource not accessible by integration")
    found.reactions.remove(reaction)
    return Answer(204, None)


def _check(call: Call) -> Check:
    wanted = int(call.parameters["check_run_id"])
    for found in call.repo.checks:
        if found.id == wanted:
            return found
    raise not_found()
