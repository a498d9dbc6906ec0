"""What a pull request gets: its comments, its check, its suggestions.

The rule: GitHub and Git are asked what is there now; the event only says where to look. Each effect is looked up before
it is made, so a handler that was killed begins again from its start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.handlers import pullreading
from bot.words import checks, comments, suggestions
from scheduler.errors import UserError
from scheduler.store import PullRow
from scheduler.topology.wording import count

if TYPE_CHECKING:
    from bot.events import PullChanged, Remake
    from bot.gh import Pull, Repository
    from bot.services import Services

HEAD_ONLY = frozenset({"opened", "synchronize", "ready_for_review"})


def on_pull(event: PullChanged, services: Services, now: datetime) -> str:
    """Bring the comments, the check and the suggestions of a pull request up to its head."""
    clock = _going(now)
    repo = services.github.repository(event.installation, event.repo.id)
    pull = _heard(services, repo, event.number)
    if pull is None:
        return "nothing: the pull request is not open"
    row = services.store.pull(repo.id, pull.number)
    if row and row.handled_head == pull.head_sha and event.action in HEAD_ONLY:
        return f"nothing: {pull.head_sha[:12]} was handled"
    return _made(services, repo, pull, clock, announced=bool(row and row.handled_head == pull.head_sha))


def remake(event: Remake, services: Services, now: datetime) -> str:
    """Make them anew, also for a head that was handled."""
    clock = _going(now)
    repo = services.github.repository(event.installation, event.repo.id)
    pull = _heard(services, repo, event.number)
    return _made(services, repo, pull, clock) if pull else "nothing: the pull request is not open"


def _heard(services: Services, repo: Repository, number: int) -> Pull | None:
    """Read the pull request and record it; None when there is nothing to do for it any more."""
    pull = repo.pull(number)
    if pull is None:
        return None
    services.store.put_pull(PullRow(repo.id, number, pull.head_sha, pull.state, pull.author))
    return pull if pull.state == "open" else None


def _going(now: datetime) -> Callable[[], datetime]:
    """Return a clock that goes on from now: what is read was there before it says so (`trusting` relies on that)."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


def _made(
    services: Services, repo: Repository, pull: Pull, clock: Callable[[], datetime], *, announced: bool = False
) -> str:
    """Make everything; unless `announced`, the check says first that it is on its way.

    What GitHub does not let us do keeps nothing else from being done, and is what is returned.
    """
    ground = pullreading.ground(services, repo, pull)
    known = _commented(services, repo, pull)
    said: list[str] = []
    if ground.answered_for and not announced:
        with suppress(UserError):  # a check that may not be made is said at its end
            repo.put_check(pull.head_sha, checks.reading(pull.number))
    now = clock()
    views, more = pullreading.views(ground, known, now)
    told = [view for view in views if view.worth_a_comment or view.folder in known]
    with _noting(said):
        for view in told:
            repo.put_comment(pull.number, comments.marker("topology", view.folder), comments.topology(view, now))
    with _noting(said):
        repo.put_check(pull.head_sha, checks.pull(pull.number, views, more))
    if wanted := [one for view in views for one in suggestions.suggestions(view)]:
        with _noting(said):
            repo.put_suggestions(pull.number, pull.head_sha, wanted)
    services.store.handled_pull(repo.id, pull.number, pull.head_sha, clock())
    return "; ".join([f"{count(len(told), 'comment')} at {pull.head_sha[:12]}", *said])


def _commented(services: Services, repo: Repository, pull: Pull) -> frozenset[str]:
    """Return the folders whose topology a comment of ours shows already."""
    mine = (one.body for one in repo.comments(pull.number) if one.author == services.github.login)
    return frozenset(folder for body in mine if (folder := comments.folder_of(body)) is not None)


@contextmanager
def _noting(said: list[str]) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        said.append(str(error))
