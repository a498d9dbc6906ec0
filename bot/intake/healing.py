"""What webhooks have not told is found out: GitHub's present state is compared with what was handled.

The rule: healing handles nothing. It puts deliveries into the inboxes in which the missing ones would have been, with
ids that name what is to be handled; so what is on its way already, or is wished twice, is done once. What goes wrong
with one repository keeps no other from being healed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot import deliveries
from bot.events import KNOWN, Actor, PullChanged
from bot.gh import RateLimited
from bot.handlers import installations, repositories
from bot.intake import hushing
from scheduler.errors import MeshbotError

if TYPE_CHECKING:
    from bot.gh import HookDelivery, InstallationInfo, Pull, Repository
    from bot.services import Services
    from scheduler.store import InstallationRow, PullRow, RepositoryRow

AT_ONCE = 50
"""So many repositories of one installation are looked at in one round; the next round goes on with others."""

LOST_WITHIN = timedelta(hours=2)
LOST_AT_MOST = timedelta(days=3)
"""GitHub delivers again what it could not hand over in the last three days."""

LOOK_BACK_EVERY = timedelta(hours=6)
LOOK_BACK = "healing:three-days"
ASKED_EVERY = timedelta(minutes=10)
TRIES = 4
"""A delivery is asked for at most so often."""

_log = logging.getLogger("bot.intake.healing")


def heal(services: Services, now: datetime) -> int:
    """Compare and wish for what is missing; return how many deliveries were wished for or asked of GitHub.

    Raises `Retryable` when GitHub does not say where the App is installed.
    """
    # What is known is read before GitHub is asked: what is heard of meanwhile is not missing in an older answer.
    known = services.store.installations()
    look, found = Look(services, now), services.github.installations()
    done = sum(look.guarded(f"healing {info.account}", partial(look.installation, info), info.id) for info in found)
    look.removed(known, found)
    return done + look.guarded("asking for lost deliveries", look.redeliver)


@dataclass(frozen=True)
class Look:
    """One look at everything."""

    services: Services
    now: datetime

    def guarded(self, doing: str, step: Callable[[], int], installation: int | None = None) -> int:
        """Do a step; when it fails say so and go on. A limit is obeyed by the whole installation."""
        try:
            return step()
        except MeshbotError as error:
            if isinstance(error, RateLimited) and installation is not None:
                self.services.store.limit_installation(installation, error.until)
            _log.warning("%s: %s", doing, hushing.hushed(str(error), self.services.settings))
        except Exception as error:  # noqa: BLE001 - the others are still to be healed
            _log.error("%s: %s", doing, hushing.told(error, self.services.settings))
        return 0

    def installation(self, info: InstallationInfo) -> int:
        """Heal an installation that may be asked about."""
        known = self.services.store.installation(info.id)
        if self._is_limited(info.id) or (info.suspended and known is not None and known.state == "suspended"):
            return 0
        installations.take_in(info, self.services, self.now)
        if info.suspended:
            return 0
        active = [row for row in self.services.store.repositories(info.id) if row.state == "active"]
        done = 0
        for row in self._turn(active):
            if self._is_limited(info.id):
                break
            done += self.guarded(f"healing {row.full_name}", partial(self.repository, row), info.id)
        return done

    def repository(self, row: RepositoryRow) -> int:
        """Wish for the pushes and the changes of pull requests that were not handled."""
        hub = self.services.github.repository(row.installation, row.id)
        return self._branch(row, hub) + self._pulls(row, hub)

    def removed(self, known: Sequence[InstallationRow], found: Sequence[InstallationInfo]) -> None:
        """Take in which of the known installations are gone, and end what is scheduled although it cannot be read.

        Of none at all nothing follows: it may be the wrong App that was asked.
        """
        store, there = self.services.store, {info.id for info in found}
        for row in known:
            if found and row.id not in there and row.state != "removed":
                installations.removed(row.id, self.services, self.now)
        scheduled = {project.repository for project in store.projects()}
        for lost in store.repositories():
            if lost.state != "active" and repositories.address(self.services, lost.full_name) in scheduled:
                repositories.retire(self.services, lost, self.now)

    def redeliver(self) -> int:
        """Ask GitHub for what it could not hand over and we have not heard of otherwise."""
        store, github = self.services.store, self.services.github
        looks_back = store.take_lease(LOOK_BACK, LOOK_BACK, self.now + ASKED_EVERY, self.now)
        failed = github.failed_deliveries(self.now - (LOST_AT_MOST if looks_back else LOST_WITHIN))
        known = store.known(one.guid for one in failed)
        lost = [one for one in failed if one.guid not in known and one.event in KNOWN and self._may_ask(one.guid)]
        done = sum(self.guarded(f"asking for delivery {one.guid}", partial(self._ask, one)) for one in lost)
        if looks_back:
            store.renew_lease(LOOK_BACK, LOOK_BACK, self.now + LOOK_BACK_EVERY)
        return done

    def _ask(self, lost: HookDelivery) -> int:
        self.services.github.redeliver(lost.id)
        return 1

    def _may_ask(self, guid: str) -> bool:
        """Count how often a delivery was asked for, with a pause in between, in which it may arrive."""
        name, store = f"healing:{guid}", self.services.store
        if not store.take_lease(name, name, self.now + ASKED_EVERY, self.now):
            return False
        tries = (f"{name}:{number}" for number in range(TRIES))
        return any(store.take_lease(one, name, self.now + 10 * LOST_AT_MOST, self.now) for one in tries)

    def _is_limited(self, installation: int) -> bool:
        row = self.services.store.installation(installation)
        return row is not None and row.limited_until is not None and row.limited_until > self.now

    def _turn(self, rows: Sequence[RepositoryRow]) -> Sequence[RepositoryRow]:
        """Choose whose turn it is: all, or so many of them that in some rounds all have been looked at."""
        if len(rows) <= AT_ONCE:
            return rows
        turns = -(-len(rows) // AT_ONCE)
        every = self.services.settings.heal_interval.total_seconds() or 1
        turn = int(self.now.timestamp() // every) % turns
        return rows[turn * AT_ONCE : (turn + 1) * AT_ONCE]

    def _branch(self, row: RepositoryRow, hub: Repository) -> int:
        head = hub.branch_head(row.default_branch)
        if head is None or head == row.handled_sha:
            return 0
        name = f"heal:push:{row.id}:{head}:{self._since(row.handled_at)}"
        return self.services.store.receive(deliveries.wished(name, repositories.push(row, head), self.now))

    def _pulls(self, row: RepositoryRow, hub: Repository) -> int:
        known = {one.number: one for one in self.services.store.pulls(row.id)}
        found = {one.number: one for one in hub.open_pulls()}
        behind = [one for one in found.values() if not _is_handled(known.get(one.number), one)]
        closed = [one for one in known.values() if one.state == "open" and one.number not in found]
        wishes = [self._wish(row, pull, known.get(pull.number)) for pull in behind]
        for one in closed:
            if (pull := hub.pull(one.number)) is not None:
                wishes.append(self._wish(row, pull, one))
            else:
                _forget(self.services, one)
        return sum(wishes)

    def _wish(self, row: RepositoryRow, pull: Pull, known: PullRow | None) -> bool:
        """Say what GitHub would have said of the pull request."""
        event = PullChanged(
            installation=row.installation,
            repo=deliveries.repo_of(row),
            action=_action(pull, known),
            number=pull.number,
            head_sha=pull.head_sha,
            head_ref=pull.head_ref,
            head_repo=pull.head_repo_id,
            base_ref=pull.base_ref,
            author=Actor(pull.author, pull.author_is_bot),
            state=pull.state,
            merged=pull.merged,
        )
        since = self._since(known.handled_at if known else None)
        name = f"heal:pull:{row.id}:{pull.number}:{pull.state}:{pull.head_sha}:{since}"
        return self.services.store.receive(deliveries.wished(name, event, self.now))

    def _since(self, handled_at: datetime | None) -> str:
        """Tell one occasion from another: a head may come back. What was given up is tried again the next day."""
        return f"{handled_at.isoformat() if handled_at else 'new'}:{self.now:%Y-%m-%d}"


def _is_handled(known: PullRow | None, pull: Pull) -> bool:
    return known is not None and known.state == pull.state and known.handled_head == pull.head_sha


def _action(pull: Pull, known: PullRow | None) -> str:
    if pull.state == "closed":
        return "closed"
    return "reopened" if known is not None and known.state == "closed" else "synchronize"


def _forget(services: Services, row: PullRow) -> None:
    """Take in that a pull request is gone, with its repository's past."""
    services.store.put_pull(replace(row, state="closed"))
