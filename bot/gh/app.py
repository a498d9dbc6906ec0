"""The App itself: who it is, where it is installed, what GitHub could not deliver to it.

The rule: what is asked as the App is signed with its key; what is asked about a repository goes through `Repository`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from bot.gh.repository import Repository
from bot.gh.shapes import HookConfig, HookDelivery, InstallationInfo, RepoInfo

if TYPE_CHECKING:
    from scheduler.settings import Settings


class App:
    """The GitHub App that the settings name."""

    def __init__(self, settings: Settings) -> None: ...

    @property
    def id(self) -> int:
        """The App's number."""
        raise NotImplementedError

    @property
    def slug(self) -> str:
        """The App's name in URLs, read once."""
        raise NotImplementedError

    @property
    def login(self) -> str:
        """Under which name the App writes: `<slug>[bot]`."""
        raise NotImplementedError

    def repository(self, installation: int, repository_id: int) -> Repository:
        """Open a repository by its number, so that a new name changes nothing. Asks GitHub nothing yet."""
        raise NotImplementedError

    def installations(self) -> list[InstallationInfo]:
        """Who has installed the App."""
        raise NotImplementedError

    def repositories(self, installation: int) -> list[RepoInfo]:
        """Which repositories an installation lets the App see."""
        raise NotImplementedError

    def failed_deliveries(self, since: datetime) -> list[HookDelivery]:
        """The deliveries that GitHub could not hand over since then, the newest first, at most 1,000."""
        raise NotImplementedError

    def redeliver(self, delivery: int) -> None:
        """Ask GitHub to deliver once more; the delivery keeps its `guid`."""
        raise NotImplementedError

    def permissions(self) -> Mapping[str, str]:
        """What the App asks of those who install it: `checks` -> `write`."""
        raise NotImplementedError

    def events(self) -> frozenset[str]:
        """The events that the App is sent."""
        raise NotImplementedError

    def hook(self) -> HookConfig:
        """Where events are sent."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections."""
