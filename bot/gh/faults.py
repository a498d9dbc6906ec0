"""What can go wrong between us and GitHub, in the five ways that a handler tells apart.

The rule: whatever PyGithub or the network raises leaves `bot.gh` as one of these, or as a plain `Retryable`. No message
holds a secret: each is made of what was being done, and of one line of what GitHub said.
"""

from __future__ import annotations

from datetime import datetime

from scheduler.errors import Retryable, UserError


class RateLimited(Retryable):
    """GitHub asks us to wait until `until`: nothing else of this installation is to be asked before."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class KeyRefused(Retryable):
    """GitHub does not take the App's id and key. Nothing is lost meanwhile: deliveries wait until that is mended."""


class Gone(UserError):
    """It is not there for us: deleted, archived, not in the installation, or that is suspended or removed."""


class MissingPermission(UserError):
    """The App may not do it. `permission` is what to grant, as GitHub's settings page writes it: `Checks: write`."""

    def __init__(self, message: str, permission: str) -> None:
        super().__init__(message)
        self.permission = permission


class Moved(UserError):
    """Somebody was faster: the branch or the pull request has another head than the one that was worked on."""


class Rejected(UserError):
    """GitHub understood and does not want it: a value that it does not take, a rule of the repository."""
