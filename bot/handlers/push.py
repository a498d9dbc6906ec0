"""A push to the tracked branch becomes the schedule, and its commit says so.

The rule: the schedule first, the check afterwards, so that a GitHub that does not answer keeps nothing from being live.
What a commit does is written down before it is done, because afterwards it cannot be seen; so a check that is made
after a crash says the same. What was pushed is read from the branch as it is now: of several pushes the last head is
merged, in whatever order they are heard of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from bot import sync
from bot.handlers import repositories
from bot.sync import Synced
from bot.words import pushchecks
from scheduler.errors import UserError

if TYPE_CHECKING:
    from bot.checkout import Entry, Mirror
    from bot.events import Push
    from bot.gh import Repository
    from bot.services import Services
    from scheduler.store import RepositoryRow

_SYNCED = TypeAdapter(Synced)


def on_push(event: Push, services: Services, now: datetime) -> str:
    """Bring the schedule up to the tracked branch, and say on its commit what that did."""
    known = services.store.repository(event.repo.id)
    if event.branch not in {event.repo.default_branch, known.default_branch if known else ""}:
        return f"{event.branch} is not the tracked branch"
    hub = services.github.repository(event.installation, event.repo.id)
    row = repositories.heard(services, event.installation, hub.info(), now)
    if row.state != "active":
        return f"{row.full_name} is archived"
    if event.branch != row.default_branch:
        return f"{event.branch} is not the tracked branch any more"
    mirror = repositories.fetched(services, hub, f"refs/heads/{event.branch}")
    sha = mirror.resolve(f"refs/heads/{event.branch}")
    if sha is None:
        return f"{event.branch} has no commit: the schedule stays as it is"
    if sha == row.handled_sha:
        return f"{sha[:12]} is in the schedule"
    return _Tracked(services, hub, row, mirror, now).follow(sha)


@dataclass(frozen=True)
class _Tracked:
    """The tracked branch of a repository, as it is now."""

    services: Services
    hub: Repository
    row: RepositoryRow
    mirror: Mirror
    now: datetime

    def follow(self, sha: str) -> str:
        """Take a commit into the schedule and say so on it; what it did is forgotten after all of that is recorded."""
        entries = self.mirror.job_files(sha)
        done = self._merge(sha, entries)
        untold = self.services.store.untold_syncs(self.row.id)
        notes = [self._tell(*one) for one in untold]
        if not entries and self._had_no_jobs() and not self.hub.info().fork and self.mirror.projects(sha):
            notes.append(self._offer())
        self.services.store.handled_branch(self.row.id, sha, self.now)
        for commit, _ in untold:
            self.services.store.sync_told(self.row.id, commit)
        return "; ".join([f"{sha[:12]}: {pushchecks.title(done)}", *filter(None, notes)])

    def _merge(self, sha: str, entries: list[Entry]) -> Synced:
        """Merge a commit, with the intent written down before and the deed afterwards."""
        store, row, now = self.services.store, self.row, self.now
        place = repositories.address(self.services, row.full_name)
        planned = _read(store.sync_planned(row.id, sha))
        if planned is None:
            planned = sync.foresee(store, entries, place, row.default_branch, sha, now)
            store.plan_sync(row.id, sha, _written(planned), now)
        done = sync.merge(store, entries, place, row.default_branch, sha, now)
        repositories.caught_up(self.services, row, now)
        told = planned if planned.faulty == done.faulty else done
        store.sync_merged(row.id, sha, _written(told), now)
        return told

    def _tell(self, sha: str, words: str) -> str:
        """Say on a commit what it did; return what there is to say when that cannot be."""
        if (synced := _read(words)) is None:
            return ""
        jobs = [job for one in synced.merged for job in self.services.store.jobs(one.project)]
        check = pushchecks.pushed(synced, jobs, self.now)
        try:
            if check is not None:
                self.hub.put_check(sha, check)
        except UserError as error:
            return f"no check on {sha[:12]}: {error}"
        return ""

    def _had_no_jobs(self) -> bool:
        """Say whether nothing of the repository was ever scheduled: what was taken out is not offered again."""
        place = repositories.address(self.services, self.row.full_name)
        return all(one.repository != place for one in self.services.store.projects(removed=True))

    def _offer(self) -> str:
        """Offer a repository that has models and no jobs its first job file."""
        from bot.handlers import onboarding

        try:
            return str(onboarding.offer(self.services, self.row, self.now))
        except UserError as error:
            return f"no job file is offered: {error}"


def _written(synced: Synced) -> str:
    return _SYNCED.dump_json(synced).decode()


def _read(words: str | None) -> Synced | None:
    """Read what was written down; None also when another version wrote it: then it is decided anew."""
    if words is None:
        return None
    try:
        return _SYNCED.validate_json(words)
    except ValidationError:
        return None
