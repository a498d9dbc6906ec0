"""What it means for the schedule how a repository stands on GitHub: renamed, archived, lost, back again.

The rule: who cannot be read is not scheduled. A repository that is archived, removed or suspended keeps its history,
and its projects end; when it is back, its tracked branch is read anew. What is written last is what says that all of
it was done.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot import deliveries
from bot.checkout import TokenRefused
from bot.events import Push
from bot.gh import Gone
from bot.gh.asking import site
from scheduler.errors import Retryable
from scheduler.store import RepositoryRow

if TYPE_CHECKING:
    from bot.checkout import Mirror
    from bot.gh import RepoInfo, Repository
    from bot.services import Services


def address(services: Services, full_name: str) -> str:
    """Return where a repository of this name is fetched from, as the schedule keeps it."""
    return f"{site(services.settings.github_api_url)}/{full_name}.git"


def heard(services: Services, installation: int, info: RepoInfo, now: datetime) -> RepositoryRow:
    """Take in how a repository stands now, and return it. Its branch is still to be read if `handled_sha` is None."""
    store, known = services.store, services.store.repository(info.id)
    state = "archived" if info.archived else "active"
    row = RepositoryRow(info.id, installation, info.full_name, info.default_branch, state)  # type: ignore[arg-type]
    if known is not None:
        row = replace(row, handled_sha=known.handled_sha, handled_at=known.handled_at)
        if known.full_name != info.full_name:
            _renamed(services, known, info, now)
        if (known.state, known.default_branch) != (state, info.default_branch):
            store.handled_branch(info.id, None, now)
            row = replace(row, handled_sha=None, handled_at=now)
    if info.archived:
        retire(services, row, now)
    if row != known:
        store.put_repository(row)
    return row


def _renamed(services: Services, known: RepositoryRow, info: RepoInfo, now: datetime) -> None:
    """Let the projects follow, after those of the repository that had the new name before."""
    other = services.store.repository_named(info.full_name)
    if other is not None and other.id != info.id and other.state != "removed":
        try:
            theirs = services.github.repository(other.installation, other.id).info()
        except Gone:
            lost(services, other, now)
        else:
            services.store.move_repository(address(services, other.full_name), address(services, theirs.full_name))
            services.store.set_repository(other.id, full_name=theirs.full_name)
    services.store.move_repository(address(services, known.full_name), address(services, info.full_name))


def lost(services: Services, row: RepositoryRow, now: datetime) -> None:
    """Take in that a repository is not there for us any more."""
    retire(services, row, now)
    services.store.set_repository(row.id, state="removed", handled_sha=None, handled_at=now)


def retire(services: Services, row: RepositoryRow, now: datetime) -> list[str]:
    """End the scheduling of what is in a repository; runs that are under way end by themselves.

    Not of a repository that has its name by now: that one is another, and is there.
    """
    named = services.store.repository_named(row.full_name)
    if named is not None and named.id != row.id and named.state == "active":
        return []
    place = address(services, row.full_name)
    names = [project.name for project in services.store.projects() if project.repository == place]
    return [name for name in names if services.store.remove_project(name, now)]


def caught_up(services: Services, row: RepositoryRow, now: datetime) -> None:
    """See to what was heard of a repository while its schedule was merged.

    Raises `Retryable` when it was renamed, or another branch of it is tracked now: then it is to be looked again.
    """
    present = services.store.repository(row.id)
    if present is None or present.state != "active":
        retire(services, row, now)
        return
    if present.full_name != row.full_name:
        services.store.move_repository(address(services, row.full_name), address(services, present.full_name))
        raise Retryable(f"merging {row.full_name}: it was renamed to {present.full_name} meanwhile")
    if present.default_branch != row.default_branch:
        read_again(services, present, now)
        raise Retryable(f"merging {row.default_branch} of {row.full_name}: {present.default_branch} is tracked by now")


def wish(services: Services, row: RepositoryRow, now: datetime) -> bool:
    """See to it that the tracked branch of a repository is read, unless it was; say whether that is a new wish."""
    if row.state != "active" or row.handled_sha is not None:
        return False
    since = row.handled_at.isoformat() if row.handled_at else "new"
    name = f"sync:{row.installation}:{row.id}:{row.default_branch}:{since}"
    return services.store.receive(deliveries.wished(name, push(row), now))


def push(row: RepositoryRow, sha: str | None = None) -> Push:
    """Return what GitHub would say when the tracked branch was pushed to."""
    return Push(row.installation, deliveries.repo_of(row), row.default_branch, row.handled_sha, sha)


def read_again(services: Services, row: RepositoryRow, now: datetime) -> bool:
    """See to it that the tracked branch is read and its check made anew, although it was."""
    services.store.handled_branch(row.id, None, now)
    return wish(services, replace(row, handled_sha=None, handled_at=now), now)


def fetched(services: Services, hub: Repository, *refs: str) -> Mirror:
    """Return the mirror of a repository with these refs as they are now; a token that has ended is renewed once."""
    mirror = services.mirrors.of(hub.clone_url, hub.git_token)
    try:
        mirror.fetch(*refs)
    except TokenRefused:
        hub.git_token(anew=True)
        mirror.fetch(*refs)
    return mirror
