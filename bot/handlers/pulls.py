"""What a pull request gets: its comments, its check, its suggestions.

The rule: GitHub and Git are asked what is there now; the event only says where to look. Each effect is looked up before
it is made, so a handler that was killed begins again from its start.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bot import checks, comments, suggestions
from bot.checkout import JOB_FILE
from bot.handlers import pullreading
from bot.proposing import Proposed
from scheduler.errors import UserError
from scheduler.store import PullRow

if TYPE_CHECKING:
    from bot.events import PullChanged, Remake
    from bot.gh import Pull, Repository
    from bot.pullviews import View
    from bot.services import Services

HEAD_ONLY = frozenset({"opened", "synchronize", "ready_for_review"})


def proposal(services: Services, repo: Repository, pull: Pull, path: str) -> Proposed:
    """Return what the comment of the project in the folder `path` (`.` for the top) proposes for the head.

    Raises `JobFileError` when the job file at the head is faulty, `Refused` when the models do not load, or when the
    pull request may not be described yet.
    """
    place = PurePosixPath(path)
    folder = str(place.parent if place.name == JOB_FILE else place)
    ground = pullreading.ground(services, repo, pull)
    return pullreading.propose(ground, folder, ground.graph(folder))


def projects(services: Services, repo: Repository, pull: Pull) -> tuple[str, ...]:
    """List the folders of a pull request that have a project at the head, those that it touches first."""
    ground = pullreading.ground(services, repo, pull)
    return tuple(folder for folder in ground.folders if folder in ground.projects)


def on_pull(event: PullChanged, services: Services, now: datetime) -> str:
    """Bring the comments, the check and the suggestions of a pull request up to its head."""
    repo = services.github.repository(event.installation, event.repo.id)
    pull = _heard(services, repo, event.number)
    if pull is None:
        return "nothing: the pull request is not open"
    row = services.store.pull(repo.id, pull.number)
    if row and row.handled_head == pull.head_sha and event.action in HEAD_ONLY:
        return f"nothing: {pull.head_sha[:12]} was handled"
    return _made(services, repo, pull, now, announced=bool(row and row.handled_head == pull.head_sha))


def remake(event: Remake, services: Services, now: datetime) -> str:
    """Make them anew, also for a head that was handled."""
    repo = services.github.repository(event.installation, event.repo.id)
    pull = _heard(services, repo, event.number)
    return _made(services, repo, pull, now) if pull else "nothing: the pull request is not open"


def _heard(services: Services, repo: Repository, number: int) -> Pull | None:
    """Read the pull request and record it; None when there is nothing to do for it any more."""
    pull = repo.pull(number)
    if pull is None:
        return None
    services.store.put_pull(PullRow(repo.id, number, pull.head_sha, pull.state, pull.author))
    return pull if pull.state == "open" else None


def _made(services: Services, repo: Repository, pull: Pull, now: datetime, *, announced: bool = False) -> str:
    """Make everything; unless `announced`, the check says first that it is on its way."""
    ground = pullreading.ground(services, repo, pull)
    mine = [one.body for one in repo.comments(pull.number) if one.author == services.github.login]
    known = frozenset(folder for body in mine if (folder := comments.folder_of(body)) is not None)
    if ground.answered_for and not announced:
        with suppress(UserError):  # a check that may not be made is said when it matters, at its end
            repo.put_check(pull.head_sha, checks.reading(pull.number))
    views, more = pullreading.views(ground, known, now)
    told = [view for view in views if view.worth_a_comment or view.folder in known]
    for view in told:
        repo.put_comment(pull.number, comments.marker("topology", view.folder), comments.topology(view, now))
    repo.put_check(pull.head_sha, checks.pull(pull.number, views, more))
    suggested = _suggest(repo, pull, views)
    services.store.handled_pull(repo.id, pull.number, pull.head_sha, now)
    return f"{len(told)} comments, {suggested} suggestions at {pull.head_sha[:12]}"


def _suggest(repo: Repository, pull: Pull, views: list[View]) -> int:
    found = [one for view in views for one in suggestions.suggestions(view)]
    if not found:
        return 0
    try:
        return repo.put_suggestions(pull.number, pull.head_sha, found)
    except UserError:  # a line that is not in the diff after all: the comment says it anyway
        return 0
