"""What people and the App do in a repository: comment, react, review, open and merge pull requests, report checks.

The rule: one function for one deed, whoever does it. It keeps GitHub's limits (raised as `Problem`), changes what is
known and tells the App.
"""

from __future__ import annotations

from typing import Any

from fakegithub import pullshapes
from fakegithub.bare import GitError
from fakegithub.github import GitHub, repo_of
from fakegithub.problems import Problem, invalid, plain_invalid
from fakegithub.shapes import CONTENTS
from fakegithub.world import Account, Check, Comment, Pull, Reaction, Repository, Review, ReviewComment

JSON = dict[str, Any]
LONGEST_COMMENT = 65_536
LONGEST_SUMMARY = 65_535
MOST_ANNOTATIONS = 50
MOST_BUTTONS = 3
BUTTON = {"label": 20, "description": 40, "identifier": 20}


def fits(body: str | None, resource: str = "IssueComment") -> str:
    if not body:
        raise invalid(resource, "body", "body cannot be blank", "missing_field")
    if len(body) > LONGEST_COMMENT:
        raise invalid(resource, "body", f"body is too long (maximum is {LONGEST_COMMENT} characters)", "unprocessable")
    return body


def comment(github: GitHub, repo: Repository, number: int, author: Account, body: str) -> Comment:
    now = github.now()
    made = Comment(number, author, fits(body), now, now, by_app=author is github.app.bot)
    repo.comments.append(made)
    _tell_comment(github, repo, made, author, "created")
    return made


def edit_comment(github: GitHub, repo: Repository, found: Comment, editor: Account, body: str) -> None:
    old, found.body, found.updated_at = found.body, fits(body), github.now()
    _tell_comment(github, repo, found, editor, "edited", changes={"body": {"from": old}})


def delete_comment(github: GitHub, repo: Repository, found: Comment, by: Account) -> None:
    repo.comments.remove(found)
    _tell_comment(github, repo, found, by, "deleted")


def react(github: GitHub, found: Comment, author: Account, content: str) -> tuple[Reaction, bool]:
    """React once; the second time is the first one's answer."""
    if content not in CONTENTS:
        raise invalid("Reaction", "content", "content is not included in the list", "invalid")
    for known in found.reactions:
        if known.author is author and known.content == content:
            return known, False
    made = Reaction(author, content, github.now())
    found.reactions.append(made)
    return made, True


def review(
    github: GitHub,
    pull: Pull,
    author: Account,
    state: str,
    body: str = "",
    *,
    comments: tuple[JSON, ...] = (),
    commit: str = "",
) -> Review:
    repo = repo_of(pull)
    if state in {"APPROVED", "CHANGES_REQUESTED"} and author is pull.author:
        raise plain_invalid(
            f"Can not {'approve' if state == 'APPROVED' else 'request changes on'} your own pull request"
        )
    at = None if state == "PENDING" else github.now()
    made = Review(pull.number, author, body, state, commit or pull.head_sha, at)
    written = [new_review_comment(github, pull, author, made, one) for one in comments]
    repo.reviews.append(made)
    repo.review_comments += written
    if state != "PENDING":
        tell_review(github, pull, made, author, "submitted")
        for one in written:
            _tell_review_comment(github, repo, one, author, "created")
    return made


def edit_review(github: GitHub, pull: Pull, found: Review, editor: Account, body: str) -> None:
    old, found.body = found.body, body
    tell_review(github, pull, found, editor, "edited", changes={"body": {"from": old}})


def new_review_comment(github: GitHub, pull: Pull, author: Account, of: Review, asked: JSON) -> ReviewComment:
    """Make a comment on lines that the pull request's diff shows."""
    repo, now = repo_of(pull), github.now()
    path, line, first = asked.get("path", ""), asked.get("line") or asked.get("position"), asked.get("start_line")
    shown = shown_lines(repo, pull, path)
    if line not in shown or (first is not None and (first not in shown or first >= line)):
        raise Problem(
            422,
            "Unprocessable Entity",
            errors=[
                "Pull request review thread line must be part of the diff",
                "Pull request review thread diff hunk can't be blank",
            ],
        )
    commit = asked.get("commit_id") or of.commit
    return ReviewComment(
        pull.number,
        author,
        fits(asked.get("body"), "PullRequestReviewComment"),
        now,
        now,
        by_app=author is github.app.bot,
        review=of,
        path=path,
        line=line,
        start_line=first,
        original_line=line,
        original_start_line=first,
        side=asked.get("side", "RIGHT"),
        commit=commit,
        original_commit=commit,
        hunk=repo.bare.patch(_base(repo, pull), pull.head_sha, path)[:500],
    )


def review_comment(github: GitHub, pull: Pull, author: Account, asked: JSON) -> ReviewComment:
    """Comment on lines, outside a review: GitHub makes one for it."""
    of = review(github, pull, author, "COMMENTED", comments=(asked,))
    return next(one for one in repo_of(pull).review_comments if one.review is of)


def reply(github: GitHub, pull: Pull, author: Account, first: ReviewComment, body: str) -> ReviewComment:
    repo, now = repo_of(pull), github.now()
    of = Review(pull.number, author, "", "COMMENTED", pull.head_sha, now)
    kept = {name: getattr(first, name) for name in PLACE}
    made = ReviewComment(
        pull.number,
        author,
        fits(body, "PullRequestReviewComment"),
        now,
        now,
        by_app=author is github.app.bot,
        review=of,
        in_reply_to=first.in_reply_to or first.id,
        **kept,
    )
    repo.reviews.append(of)
    repo.review_comments.append(made)
    tell_review(github, pull, of, author, "submitted")
    _tell_review_comment(github, repo, made, author, "created")
    return made


def edit_review_comment(github: GitHub, repo: Repository, found: ReviewComment, editor: Account, body: str) -> None:
    old, found.body, found.updated_at = found.body, fits(body, "PullRequestReviewComment"), github.now()
    _tell_review_comment(github, repo, found, editor, "edited", changes={"body": {"from": old}})


def delete_review_comment(github: GitHub, repo: Repository, found: ReviewComment, by: Account) -> None:
    repo.review_comments.remove(found)
    _tell_review_comment(github, repo, found, by, "deleted")


def open_pull(github: GitHub, repo: Repository, author: Account, head: tuple[Repository, str], asked: JSON) -> Pull:
    """Open a pull request from a branch. `asked` has title, base, and perhaps body, draft and maintainer_can_modify."""
    source, branch = head
    sha, base = source.bare.resolve(f"refs/heads/{branch}"), repo.bare.resolve(f"refs/heads/{asked['base']}")
    if sha is None or base is None:
        raise invalid("PullRequest", "base" if base is None else "head", "", "invalid")
    if any(
        p.state == "open" and p.head_repo is source and p.head_ref == branch and p.base_ref == asked["base"]
        for p in repo.pulls
    ):
        raise invalid("PullRequest", "", f"A pull request already exists for {source.owner.login}:{branch}.")
    made = Pull(
        repo.next_number(),
        asked["title"],
        asked.get("body"),
        author,
        github.now(),
        github.now(),
        repo=repo,
        head_repo=source,
        head_owner=source.owner,
        head_ref=branch,
        head_sha=sha,
        base_ref=asked["base"],
        base_sha=base,
        draft=bool(asked.get("draft")),
        maintainer_can_modify=bool(asked.get("maintainer_can_modify", source is not repo)),
    )
    github.keep_head(made)
    if repo.bare.is_ancestor(sha, base):
        raise invalid("PullRequest", "", f"No commits between {asked['base']} and {branch}")
    repo.issues[made.number] = made
    github.tell_pull("opened", made, author)
    return made


def edit_pull(github: GitHub, pull: Pull, editor: Account, asked: JSON) -> None:
    changes = {}
    for name in ("title", "body"):
        if name in asked and asked[name] != getattr(pull, name):
            changes[name] = {"from": getattr(pull, name) or ""}
            setattr(pull, name, asked[name])
    if (base := asked.get("base")) and base != pull.base_ref:
        old, sha = (pull.base_ref, pull.base_sha), repo_of(pull).bare.resolve(f"refs/heads/{base}")
        if sha is None:
            raise invalid("PullRequest", "base", "", "invalid")
        pull.base_ref, pull.base_sha = base, sha
        changes["base"] = {"ref": {"from": old[0]}, "sha": {"from": old[1]}}
    if changes:
        github.tell_pull("edited", pull, editor, changes=changes)
    if asked.get("state") == "closed" and pull.state == "open":
        github.close_pull(pull, editor)
    if asked.get("state") == "open" and pull.state == "closed":
        if pull.merged:
            raise invalid("PullRequest", "state", "state cannot be changed. The pull request is merged.")
        pull.state, pull.closed_at = "open", None
        github.tell_pull("reopened", pull, editor)


def merge(github: GitHub, pull: Pull, by: Account, asked: JSON) -> str:
    """Merge a pull request with a real commit. Refused when the head is another one, or GitHub's rules say no."""
    repo = repo_of(pull)
    if pull.state != "open" or pull.draft or not pullshapes.is_mergeable(repo, pull):
        raise Problem(405, "Pull Request is not mergeable")
    if asked.get("sha") and asked["sha"] != pull.head_sha:
        raise Problem(409, "Head branch was modified. Review and try the merge again.")
    if missing := pullshapes.missing(repo, pull):
        raise Problem(405, f'Required status check "{missing[0]}" is expected.')
    if pullshapes.approvals(repo, pull) < repo.required_approvals.get(pull.base_ref, 0):
        raise Problem(405, "At least 1 approving review is required by reviewers with write access.")
    sha = _merge_commit(repo, pull, by, asked)
    repo.bare.point(f"refs/heads/{pull.base_ref}", sha)
    # The merge is told as closed and merged, then as a push; the push must not close it a second time.
    pull.state, pull.closed_at, pull.merged_at, pull.merged_by, pull.merge_sha = (
        "closed",
        github.now(),
        github.now(),
        by,
        sha,
    )
    github.tell_pull("closed", pull, by)
    github.notice(repo, by)
    return sha


def _merge_commit(repo: Repository, pull: Pull, by: Account, asked: JSON) -> str:
    tree = repo.bare.merged_tree(pull.base_sha, pull.head_sha)
    if tree is None:
        raise Problem(405, "Pull Request is not mergeable")
    method = asked.get("merge_method", "merge")
    source = pull.head_owner.login if pull.head_owner else "ghost"
    title = (
        f"Merge pull request #{pull.number} from {source}/{pull.head_ref}"
        if method == "merge"
        else f"{pull.title} (#{pull.number})"
    )
    message = "\n\n".join([asked.get("commit_title") or title, asked.get("commit_message") or pull.title])
    parents = [pull.base_sha, pull.head_sha] if method == "merge" else [pull.base_sha]
    return repo.bare.commit_tree(tree, parents, message, (by.login, by.email))


def put_check(github: GitHub, repo: Repository, found: Check | None, asked: JSON, by: Account) -> Check:
    """Make a check run, or change one."""
    _check_fits(asked)
    made = found is None
    if found is None:
        if repo.bare.kind(asked["head_sha"]) != "commit":
            raise Problem(422, f"No commit found for SHA: {asked['head_sha']}")
        suite = github.suite(repo, asked["head_sha"])
        found = Check(suite, asked["name"], asked["head_sha"], "queued", github.now())
        repo.checks.append(found)
    was = found.status
    _lay_over(github, found, asked)
    shape = github.shapes.check(repo, found, hook=True)
    if made:
        github.tell("check_run", repo, by, action="created", check_run=shape)
    if found.status == "completed" and was != "completed":
        github.tell("check_run", repo, by, action="completed", check_run=shape)
    return found


def _lay_over(github: GitHub, found: Check, asked: JSON) -> None:
    found.name = asked.get("name", found.name)
    found.external_id = asked.get("external_id", found.external_id)
    found.details_url = asked.get("details_url", found.details_url)
    found.status = asked.get("status", found.status)
    if "conclusion" in asked:
        found.conclusion, found.status = asked["conclusion"], "completed"
    elif "status" in asked and asked["status"] != "completed":
        found.conclusion = found.completed_at = None
    if found.status == "completed":
        found.completed_at = found.completed_at or github.now()
    if output := asked.get("output"):
        found.title = output.get("title", found.title)
        found.summary = output.get("summary", found.summary)
        found.text = output.get("text", found.text)
        found.annotations += output.get("annotations", [])
    found.actions = asked.get("actions", found.actions)


def _check_fits(asked: JSON) -> None:
    output = asked.get("output") or {}
    for name in ("summary", "text"):
        if len((output.get(name) or "").encode()) > LONGEST_SUMMARY:
            raise Problem(
                422, f"Invalid request.\n\nOnly {LONGEST_SUMMARY} characters are allowed; {name} was too long."
            )
    if len(output.get("annotations", [])) > MOST_ANNOTATIONS:
        raise Problem(
            422, f"Invalid request.\n\nNo more than {MOST_ANNOTATIONS} items are allowed; more were supplied."
        )
    if len(asked.get("actions", [])) > MOST_BUTTONS:
        raise Problem(422, f"Invalid request.\n\nNo more than {MOST_BUTTONS} items are allowed; more were supplied.")
    for button in asked.get("actions", []):
        for name, most in BUTTON.items():
            if len(button[name]) > most:
                raise Problem(
                    422, f"Invalid request.\n\nOnly {most} characters are allowed; {len(button[name])} were supplied."
                )
    if asked.get("status") == "completed" and not asked.get("conclusion"):
        raise plain_invalid("Invalid request.\n\nMissing conclusion")


def foreign_check(github: GitHub, repo: Repository, sha: str, name: str, conclusion: str) -> None:
    """Report a check of another App: GitHub tells ours nothing of it."""
    found = Check(github.suite(repo, sha), name, sha, "completed", github.now(), conclusion=conclusion, by_app=False)
    found.completed_at = github.now()
    repo.checks.append(found)


def shown_lines(repo: Repository, pull: Pull, path: str) -> set[int]:
    """The lines of the new file that the diff shows: changed ones and three around them."""
    shown: set[int] = set()
    try:
        patch = repo.bare.patch(_base(repo, pull), pull.head_sha, path)
    except GitError:
        return shown
    for line in patch.splitlines():
        if line.startswith("@@"):
            span = line.split("+")[1].split(" ")[0].split(",")
            first, count = int(span[0]), int(span[1]) if len(span) > 1 else 1
            shown |= set(range(first, first + count))
    return shown


def _base(repo: Repository, pull: Pull) -> str:
    return repo.bare.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha


def _tell_comment(github: GitHub, repo: Repository, found: Comment, sender: Account, action: str, **more: Any) -> None:  # noqa: ANN401
    on = repo.issues[found.number]
    shapes = {
        "issue": pullshapes.issue(github.shapes, repo, on),
        "comment": github.shapes.comment(repo, found),
    }
    github.tell("issue_comment", repo, sender, action=action, **shapes, **more)


def tell_review(github: GitHub, pull: Pull, found: Review, sender: Account, action: str, **more: Any) -> None:  # noqa: ANN401
    repo = repo_of(pull)
    shape = github.shapes.review(repo, found)
    # The API shouts what the webhook whispers.
    shape |= {"state": found.state.lower(), "body": found.body or None}
    simple = pullshapes.simple(github.shapes, repo, pull)
    github.tell("pull_request_review", repo, sender, action=action, review=shape, pull_request=simple, **more)


def _tell_review_comment(
    github: GitHub,
    repo: Repository,
    found: ReviewComment,
    sender: Account,
    action: str,
    **more: Any,  # noqa: ANN401 - JSON
) -> None:
    pull = repo.pull(found.number)
    assert pull is not None
    shape = github.shapes.review_comment(repo, found)
    simple = pullshapes.simple(github.shapes, repo, pull)
    github.tell("pull_request_review_comment", repo, sender, action=action, comment=shape, pull_request=simple, **more)


PLACE = (
    "path",
    "line",
    "start_line",
    "original_line",
    "original_start_line",
    "side",
    "commit",
    "original_commit",
    "hunk",
)
