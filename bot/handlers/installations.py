"""The App is installed, removed or suspended, gets repositories and loses some; repositories are renamed or archived.

The rule: what GitHub says now counts, not what the event says, so that events may come late and in any order. A
repository that was transferred belongs to whoever let us see it last: the old installation's word does not remove it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.gh import Gone
from bot.handlers import repositories
from scheduler.store import InstallationRow

if TYPE_CHECKING:
    from bot.events import InstallationChanged, RepoChanged
    from bot.gh import InstallationInfo
    from bot.services import Services


def on_installation(event: InstallationChanged, services: Services, now: datetime) -> str:
    """Bring what is known of an installation and its repositories up to what GitHub says."""
    found = [one for one in services.github.installations() if one.id == event.installation]
    return take_in(found[0], services, now) if found else removed(event.installation, services, now)


def on_repo(event: RepoChanged, services: Services, now: datetime) -> str:
    """Bring what is known of a repository up to what GitHub says."""
    try:
        info = services.github.repository(event.installation, event.repo.id).info()
    except Gone:
        row = services.store.repository(event.repo.id)
        if row is None or row.installation != event.installation or row.state == "removed":
            return f"{event.repo.full_name} is not ours"
        repositories.lost(services, row, now)
        return f"{row.full_name} is not there any more: its projects are not scheduled"
    row = repositories.heard(services, event.installation, info, now)
    wished = repositories.wish(services, row, now)
    return f"{row.full_name} is {row.state}{', its branch is read' if wished else ''}"


def take_in(info: InstallationInfo, services: Services, now: datetime) -> str:
    """Bring an installation up to what GitHub says of it now: its state, and the repositories that it has."""
    if info.suspended:
        return _suspended(info, services, now)
    services.store.put_installation(InstallationRow(info.id, info.account))
    # Read before GitHub is asked: a repository that is heard of meanwhile is not missing in an older answer.
    known = services.store.repositories(info.id)
    seen = services.github.repositories(info.id)
    rows = [repositories.heard(services, info.id, repo, now) for repo in seen]
    new = sum(repositories.wish(services, row, now) for row in rows)
    ids = {repo.id for repo in seen}
    gone = [row for row in known if row.id not in ids and row.state != "removed"]
    for row in gone:
        repositories.lost(services, row, now)
    lost = f", {len(gone):,} gone" if gone else ""
    return f"{info.account}: {len(seen):,} of its repositories are seen, {new:,} to be read{lost}"


def removed(installation: int, services: Services, now: datetime) -> str:
    """Take in that the App was removed: nothing of it can be fetched any more, so nothing of it is scheduled."""
    known = services.store.installation(installation)
    for row in services.store.repositories(installation):
        if row.state != "removed":
            repositories.lost(services, row, now)
    account = known.account if known else ""
    services.store.put_installation(InstallationRow(installation, account, "removed"))
    return f"{account or installation}: the App was removed; its projects are not scheduled"


def _suspended(info: InstallationInfo, services: Services, now: datetime) -> str:
    """Let everything of an installation rest. Its repositories are read anew when it is back."""
    for row in services.store.repositories(info.id):
        if row.state == "active":
            repositories.retire(services, row, now)
            services.store.handled_branch(row.id, None, now)
    services.store.put_installation(InstallationRow(info.id, info.account, "suspended"))
    return f"{info.account}: the App is suspended; its projects are not scheduled"
