"""What GitHub's refusal, or the network's, means for us: one table from what was answered to one of our faults.

The rule: pure, and no secret passes. Of what GitHub said we repeat one line; of what the network said, our own words,
because the text of such an error may quote a header, and a header holds the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from bot.gh.faults import Gone, KeyRefused, MissingPermission, Moved, RateLimited, Rejected
from scheduler.draw.escape import short
from scheduler.errors import MeshbotError, Retryable

# GitHub names no time for some of its limits; it asks for a minute at least.
A_MINUTE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=2)
FAR = 2**32
# What GitHub says of a merge that met another one: nothing stands against trying again.
BASE_MOVED = "base branch was modified"
KEY_REMEDY = (
    "see that MESHBOT_GITHUB_APP_ID and the private key belong to the same App, and that this machine's clock is right"
)
MAY_NOT = "resource not accessible by integration"
LIMIT = re.compile(r"rate limit|abuse detection|wait a few minutes|retry your request again later", re.IGNORECASE)
STALE = re.compile(
    r"fast[ -]forward|head branch (was|is) (modified|out of date)|expected head|is at .+ but expected", re.IGNORECASE
)
TOKEN = re.compile(r"\b(gh[a-z]_\w+|github_pat_\w+|v1\.[0-9a-f]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]+)")


@dataclass(frozen=True)
class Asked:
    """What was asked of GitHub: in words, and which permission of the App it takes (`Checks: write`)."""

    doing: str
    needs: str = "Metadata: read"


def refusal(asked: Asked, status: int, headers: Mapping[str, Any], data: object, now: datetime) -> MeshbotError:
    """Return the fault that an answer of 400 or above means."""
    words = f"{asked.doing}: GitHub says: {said(data) or status}"
    if is_limit(status, headers, data):
        until = limited_until(headers, now)
        return RateLimited(f"{asked.doing}: GitHub asks us to wait until {until:%H:%M:%S} UTC", until)
    fault: MeshbotError
    match status:
        case HTTPStatus.UNAUTHORIZED:
            fault = KeyRefused(f"{words}; {KEY_REMEDY}")
        case HTTPStatus.FORBIDDEN:
            fault = _forbidden(asked, words, data)
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE | HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            fault = Gone(f"{asked.doing}: it is not there, or the App is not installed there any more")
        case HTTPStatus.CONFLICT:
            fault = Moved(words)
        case HTTPStatus.UNPROCESSABLE_ENTITY if STALE.search(said(data)):
            fault = Moved(words)
        case HTTPStatus.REQUEST_TIMEOUT:
            fault = Retryable(words)
        case HTTPStatus.METHOD_NOT_ALLOWED if BASE_MOVED in said(data).lower():
            fault = Retryable(words)
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            fault = Rejected(words)
        case _:
            fault = Retryable(f"{asked.doing}: GitHub answers {status}")
    return fault


def missing(asked: Asked) -> MissingPermission:
    """Say which permission is missing, and where it is granted."""
    words = (
        f"{asked.doing}: the App may not do that; grant `{asked.needs}` in the App's settings under Permissions & "
        "events, and accept it where the App is installed"
    )
    return MissingPermission(words, asked.needs)


def is_limit(status: int, headers: Mapping[str, Any], data: object) -> bool:
    """Whether the answer asks us to come back later."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if status != HTTPStatus.FORBIDDEN:
        return False
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or bool(LIMIT.search(said(data)))


def limited_until(headers: Mapping[str, Any], now: datetime) -> datetime:
    """Return when to come back: what GitHub says, or in a minute; always after now, and in two hours at the latest."""
    until = now + A_MINUTE
    if (seconds := _number(headers.get("retry-after"))) is not None:
        until = now + min(timedelta(seconds=seconds), LONGEST_WAIT)
    elif headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        until = until if reset is None else datetime.fromtimestamp(reset, UTC)
    return min(max(until, now + timedelta(seconds=1)), now + LONGEST_WAIT)


def said(data: object) -> str:
    """Return what GitHub gives as the reason, in one line, without anything that looks like a token."""
    if not isinstance(data, Mapping):
        return ""
    parts = [data.get("message"), *_details(data.get("errors"))]
    line = "; ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
    return short(TOKEN.sub("…", line), 300)


def _details(errors: object) -> list[object]:
    if not isinstance(errors, list):
        return [errors]
    return [one.get("message") or one.get("code") if isinstance(one, Mapping) else one for one in errors[:5]]


def _forbidden(asked: Asked, words: str, data: object) -> MeshbotError:
    reason = said(data).lower()
    if MAY_NOT in reason:
        return missing(asked)
    if "suspended" in reason:
        return Gone(f"{asked.doing}: the installation is suspended")
    if "archived" in reason:
        return Gone(f"{asked.doing}: the repository is archived, and read-only")
    return Rejected(words)


def _number(value: object) -> int | None:
    try:
        return max(0, min(int(float(str(value))), FAR))
    except (ValueError, OverflowError):
        return None
