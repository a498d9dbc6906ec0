"""What Meshbot does about an event: read how things stand now, decide, act.

The rule: a handler may be killed between any two lines and begun again, so each of its effects is looked up before it
is made. It reads GitHub's present state and never trusts the order of events. It raises `Retryable` for what may work
in a moment, `UserError` for what will not; what it returns is a few words for the log.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from bot.events import (
    CheckAsked,
    Comment,
    Event,
    FailureDue,
    InstallationChanged,
    PullChanged,
    Push,
    Remake,
    ReplyDue,
    RepoChanged,
)

if TYPE_CHECKING:
    from bot.services import Services


def handle(event: Event, services: Services, now: datetime) -> str:
    """Do what is to be done about an event, and say in a few words what that was."""
    match event:
        case Push() | InstallationChanged() | RepoChanged():
            return _about_repository(event, services, now)
        case PullChanged() | Remake():
            return _about_pull(event, services, now)
        case Comment() | CheckAsked():
            return _talk(event, services, now)
        case ReplyDue() | FailureDue():
            return _report(event, services, now)
        case never:
            assert_never(never)


def _about_repository(event: Push | InstallationChanged | RepoChanged, services: Services, now: datetime) -> str:
    from bot.handlers import installations, push

    match event:
        case Push():
            return push.on_push(event, services, now)
        case InstallationChanged():
            return installations.on_installation(event, services, now)
        case RepoChanged():
            return installations.on_repo(event, services, now)
        case never:
            assert_never(never)


def _about_pull(event: PullChanged | Remake, services: Services, now: datetime) -> str:
    from bot.handlers import pulls

    if isinstance(event, Remake):
        return pulls.remake(event, services, now)
    return pulls.on_pull(event, services, now)


def _talk(event: Comment | CheckAsked, services: Services, now: datetime) -> str:
    from bot.handlers import talk

    if isinstance(event, CheckAsked):
        return talk.on_check(event, services, now)
    return talk.on_comment(event, services, now)


def _report(event: ReplyDue | FailureDue, services: Services, now: datetime) -> str:
    from bot.handlers import failures, followups

    if isinstance(event, FailureDue):
        return failures.on_failure(event, services, now)
    return followups.on_reply_due(event, services, now)
