"""The App itself: who it is, where it is installed, what GitHub could not deliver to it.

The rule: what is asked as the App is signed with its key; what is asked about a repository goes through `Repository`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from bot.gh import reading
from bot.gh.reading import field, maybe
from bot.gh.refusals import Asked
from bot.gh.repository import Repository
from bot.gh.shapes import HookConfig, HookDelivery, InstallationInfo, RepoInfo
from bot.gh.tokens import LIST, AppKey, Scope, Tokens, installed
from bot.gh.wire import Clock, Line, Wire, wall_clock
from scheduler.errors import UserError

if TYPE_CHECKING:
    from scheduler.settings import Settings

MOST_DELIVERIES = 1000
DELIVERED = range(200, 300)
SAME_NAME = timedelta(minutes=10)


class App:
    """The GitHub App that the settings name. Raises `UserError` when they name none."""

    def __init__(self, settings: Settings, clock: Clock = wall_clock) -> None:
        if settings.github_app_id is None:
            raise UserError(
                "opening GitHub: no App is set; `meshbot setup-github` makes one, or set MESHBOT_GITHUB_APP_ID"
            )
        self.id = settings.github_app_id
        self._wire = Wire(settings.github_api, clock)
        self._line = Line(self._wire, AppKey(self.id, settings.private_key))
        self._tokens = Tokens(self._line)
        self._read: Any = None
        self._read_at = clock()

    @property
    def slug(self) -> str:
        """The App's name in URLs."""
        return field(self._about, "slug", str)

    @property
    def login(self) -> str:
        """Under which name the App writes; nobody else can have one that ends like this."""
        return f"{self.slug}[bot]"

    def repository(self, installation: int, repository_id: int) -> Repository:
        """Open a repository by its number, so that a new name changes nothing. Asks GitHub nothing yet."""
        return Repository(self._wire, self._tokens, (installation, repository_id), lambda: self.login, self.id)

    def installations(self) -> list[InstallationInfo]:
        """List who has installed the App."""
        found = self._line.pages(Asked("listing the installations"), "/app/installations")
        return [reading.installation(data) for data in found]

    def repositories(self, installation: int) -> list[RepoInfo]:
        """List the repositories that an installation lets the App see."""
        asked = Asked(f"listing the repositories of installation {installation}")
        scope = Scope(installation, None, LIST)
        self._tokens.forget(scope)  # a token may not know of repositories that were added after it was made
        line = installed(self._wire, self._tokens, scope)
        return [reading.repository(data) for data in line.pages(asked, "/installation/repositories", "repositories")]

    def failed_deliveries(self, since: datetime) -> list[HookDelivery]:
        """List what GitHub could not deliver since then, the newest first, of the last 1,000 failures.

        Each `guid` comes once, with its last failure: whoever has all of them delivered again does not double them.
        """
        found: dict[str, HookDelivery] = {}
        pages = self._line.pages(Asked("listing the failed deliveries"), "/app/hook/deliveries", status="failure")
        for data in islice(pages, MOST_DELIVERIES):
            one = reading.delivery(data)
            if one.delivered_at < since:
                break
            if one.status_code not in DELIVERED:
                found.setdefault(one.guid, one)
        return list(found.values())

    def redeliver(self, delivery: int) -> None:
        """Ask GitHub to deliver once more; the delivery keeps its `guid`."""
        path = f"/app/hook/deliveries/{delivery}/attempts"
        self._line.ask(Asked(f"asking for delivery {delivery} once more"), "POST", path)

    def permissions(self) -> Mapping[str, str]:
        """Return what the App asks of those who install it: `checks` -> `write`."""
        return {str(name): str(level) for name, level in (maybe(self._about, "permissions", dict) or {}).items()}

    def events(self) -> frozenset[str]:
        """Return the events that the App is sent."""
        return frozenset(str(name) for name in maybe(self._about, "events", list) or ())

    def hook(self) -> HookConfig:
        """Read where events are sent."""
        data = self._line.ask(Asked("reading where events are sent"), "GET", "/app/hook/config").data
        return HookConfig(
            url=maybe(data, "url", str) or "",
            signed=bool(maybe(data, "secret", str)),
            verified_tls=str(data.get("insecure_ssl", "0")) != "1",
        )

    def close(self) -> None:
        """Close the connections of this thread."""
        self._wire.close()

    @property
    def _about(self) -> Any:  # noqa: ANN401 - JSON
        """What GitHub says of the App: read again now and then, because somebody may give it another name."""
        now = self._wire.clock()
        if self._read is None or now - self._read_at > SAME_NAME:
            self._read = self._line.ask(Asked("reading which App this is"), "GET", "/app").data
            self._read_at = now
        return self._read
