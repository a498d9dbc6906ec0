"""Installations of the App, their repositories, and the pull requests in them, as they were last heard of.

What was heard is written over; what was handled is written only by those who handled it. A repository is known by
GitHub's number, which stays when it is renamed or transferred.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Table, delete, exists, func, select, update

from scheduler.store.database import Database
from scheduler.store.hubrows import InstallationRow, PullRow, RepositoryRow
from scheduler.store.hubtables import installations, pulls, repositories, syncs, trusts

_HANDLED = frozenset({"handled_sha", "handled_head", "handled_at", "limited_until"})


class Repositories(Database):
    """Where the App is installed."""

    def put_installation(self, row: InstallationRow) -> None:
        """Record an installation; the limit of one that is known stays (`limit_installation`)."""
        self._put(installations, vars(row), ("id",))

    def installation(self, id: int) -> InstallationRow | None:  # noqa: A002 (the name of the column)
        """Find an installation, also a removed one."""
        with self.reading() as connection:
            row = connection.execute(select(installations).where(installations.c.id == id)).mappings().first()
            return InstallationRow(**row) if row else None

    def installations(self) -> list[InstallationRow]:
        """List all installations, also removed ones."""
        with self.reading() as connection:
            rows = connection.execute(select(installations).order_by(installations.c.id)).mappings()
            return [InstallationRow(**row) for row in rows]

    def limit_installation(self, id: int, until: datetime | None) -> None:  # noqa: A002 (the same)
        """Hold back all that is to be handled for an installation until a time; None ends that."""
        with self.writing() as connection:
            fresh = {"id": id, "account": "", "state": "active", "limited_until": until}
            if connection.execute(self.insert_new(installations).values(fresh)).rowcount == 0:
                mine = update(installations).where(installations.c.id == id)
                connection.execute(mine.values(limited_until=until))

    def put_repository(self, row: RepositoryRow) -> None:
        """Record a repository; what was handled of one that is known stays (`handled_branch`)."""
        self._put(repositories, vars(row), ("id",))

    def repository(self, id: int) -> RepositoryRow | None:  # noqa: A002 (the same)
        """Find a repository by its number, also a removed one."""
        with self.reading() as connection:
            row = connection.execute(select(repositories).where(repositories.c.id == id)).mappings().first()
            return RepositoryRow(**row) if row else None

    def repository_named(self, full_name: str) -> RepositoryRow | None:
        """Find the repository of that name (in any case), rather one that is not removed, rather a newer one."""
        named = select(repositories).where(func.lower(repositories.c.full_name) == full_name.lower())
        query = named.order_by(repositories.c.state == "removed", repositories.c.id.desc())
        with self.reading() as connection:
            row = connection.execute(query).mappings().first()
            return RepositoryRow(**row) if row else None

    def repositories(self, installation: int | None = None) -> list[RepositoryRow]:
        """List repositories by name, also removed ones; of one installation, or of all."""
        query = select(repositories).order_by(repositories.c.full_name, repositories.c.id)
        if installation is not None:
            query = query.where(repositories.c.installation == installation)
        with self.reading() as connection:
            return [RepositoryRow(**row) for row in connection.execute(query).mappings()]

    def set_repository(self, id: int, **values: str | int | datetime | None) -> bool:  # noqa: A002 (the same)
        """Change what is named of a repository. False when it is not known."""
        with self.writing() as connection:
            mine = update(repositories).where(repositories.c.id == id)
            return connection.execute(mine.values(values)).rowcount == 1

    def handled_branch(self, id: int, sha: str | None, now: datetime) -> None:  # noqa: A002 (the same)
        """Record which commit of the default branch is in the schedule, and its check made; None: there is none."""
        self.set_repository(id, handled_sha=sha, handled_at=now)

    def sync_planned(self, repository: int, sha: str) -> str | None:
        """Find what was planned of a commit that is being merged, or was merged and not told yet."""
        mine = (syncs.c.repository == repository, syncs.c.sha == sha)
        with self.reading() as connection:
            words: str | None = connection.execute(select(syncs.c.words).where(*mine)).scalar()
            return words

    def plan_sync(self, repository: int, sha: str, words: str, now: datetime) -> None:
        """Record what a commit will do to the schedule before it does: afterwards that cannot be seen any more.

        Other plans of the repository that were perhaps never carried out are forgotten.
        """
        row = {"repository": repository, "sha": sha, "words": words, "planned_at": now}
        others = (syncs.c.repository == repository, syncs.c.merged_at.is_(None))
        with self.writing() as connection:
            connection.execute(delete(syncs).where(*others))
            connection.execute(self.insert_new(syncs).values(row))

    def sync_merged(self, repository: int, sha: str, words: str, now: datetime) -> None:
        """Record that a commit is in the schedule, and what that did."""
        mine = (syncs.c.repository == repository, syncs.c.sha == sha)
        with self.writing() as connection:
            connection.execute(update(syncs).where(*mine).values(words=words, merged_at=now))

    def untold_syncs(self, repository: int) -> list[tuple[str, str]]:
        """List the commits that were merged and of which nobody was told yet, the oldest first, with what they did."""
        merged = (syncs.c.repository == repository, syncs.c.merged_at.is_not(None))
        query = select(syncs.c.sha, syncs.c.words).where(*merged).order_by(syncs.c.planned_at, syncs.c.sha)
        with self.reading() as connection:
            return [(row.sha, row.words) for row in connection.execute(query)]

    def sync_told(self, repository: int, sha: str) -> None:
        """Record that it was told what a commit did."""
        with self.writing() as connection:
            connection.execute(delete(syncs).where(syncs.c.repository == repository, syncs.c.sha == sha))

    def put_pull(self, row: PullRow) -> None:
        """Record a pull request; what was handled of one that is known stays (`handled_pull`)."""
        self._put(pulls, vars(row), ("repository", "number"))

    def pull(self, repository: int, number: int) -> PullRow | None:
        """Find a pull request."""
        mine = (pulls.c.repository == repository, pulls.c.number == number)
        with self.reading() as connection:
            row = connection.execute(select(pulls).where(*mine)).mappings().first()
            return PullRow(**row) if row else None

    def pulls(self, repository: int, state: Literal["open", "closed"] | None = None) -> list[PullRow]:
        """List the pull requests of a repository that were heard of, by number."""
        query = select(pulls).where(pulls.c.repository == repository).order_by(pulls.c.number)
        if state is not None:
            query = query.where(pulls.c.state == state)
        with self.reading() as connection:
            return [PullRow(**row) for row in connection.execute(query).mappings()]

    def handled_pull(self, repository: int, number: int, head: str, now: datetime) -> None:
        """Record which commit the comment and the check of a pull request speak of."""
        mine = (pulls.c.repository == repository, pulls.c.number == number)
        with self.writing() as connection:
            connection.execute(update(pulls).where(*mine).values(handled_head=head, handled_at=now))

    def trust(self, repository: int, number: int, sha: str, by: str, now: datetime) -> None:
        """Record that somebody answers for a pull request at this commit; the first word counts."""
        row = {"repository": repository, "number": number, "sha": sha, "by": by, "at": now}
        with self.writing() as connection:
            connection.execute(self.insert_new(trusts).values(row))

    def trusted(self, repository: int, number: int, sha: str) -> bool:
        """Say whether somebody answers for a pull request at exactly this commit."""
        mine = (trusts.c.repository == repository, trusts.c.number == number, trusts.c.sha == sha)
        with self.reading() as connection:
            return bool(connection.execute(select(exists().where(*mine))).scalar())

    def _put(self, table: Table, row: dict[str, Any], key: tuple[str, ...]) -> None:
        heard = {name: value for name, value in row.items() if name not in _HANDLED and name not in key}
        with self.writing() as connection:
            if connection.execute(self.insert_new(table).values(row)).rowcount == 0:
                mine = [table.c[name] == row[name] for name in key]
                connection.execute(update(table).where(*mine).values(heard))
