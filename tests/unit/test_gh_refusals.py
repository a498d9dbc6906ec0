"""What GitHub answers, and which of our faults it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.gh import Gone, KeyRefused, MissingPermission, Moved, RateLimited, Rejected
from bot.gh.refusals import LONGEST_WAIT, Asked, limited_until, refusal, said
from scheduler.errors import MeshbotError, Retryable, UserError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ASKED = Asked("acme/shop: making the check of 0123456789", "Checks: write")
MAY_NOT = {"message": "Resource not accessible by integration"}


def fault(status: int, message: object = "no", headers: dict[str, str] | None = None, **more: object) -> MeshbotError:
    return refusal(ASKED, status, headers or {}, {"message": message, **more}, NOW)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Problems parsing JSON", Rejected),
        (401, "Bad credentials", KeyRefused),
        (403, "Resource not accessible by integration", MissingPermission),
        (403, "This installation has been suspended", Gone),
        (403, "Repository was archived so is read-only.", Gone),
        (403, "Resource protected by organization SAML enforcement.", Rejected),
        (404, "Not Found", Gone),
        (405, "Pull Request is not mergeable", Rejected),
        (405, "Base branch was modified. Review and try the merge again.", Retryable),
        (408, "Request Timeout", Retryable),
        (409, "Head branch was modified. Review and try the merge again.", Moved),
        (410, "Gone", Gone),
        (422, "Validation Failed", Rejected),
        (422, "Update is not a fast forward", Moved),
        (429, "Too many", RateLimited),
        (451, "Repository access blocked", Gone),
        (500, "oops", Retryable),
        (502, "Server Error", Retryable),
        (503, "Unavailable", Retryable),
    ],
)
def test_each_refusal_is_a_fault(status: int, message: str, kind: type[MeshbotError]) -> None:
    found = fault(status, message)
    assert type(found) is kind
    assert str(found).startswith(ASKED.doing)


@pytest.mark.parametrize(
    ("status", "message", "headers"),
    [
        (403, "API rate limit exceeded for installation ID 7.", {}),
        (403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", {}),
        (403, "You have triggered an abuse detection mechanism.", {}),
        (403, "Forbidden", {"retry-after": "30"}),
        (403, "Forbidden", {"x-ratelimit-remaining": "0"}),
        (429, "", {}),
    ],
)
def test_every_way_to_say_a_limit_is_one(status: int, message: str, headers: dict[str, str]) -> None:
    assert isinstance(fault(status, message, headers), RateLimited)


def test_a_missing_permission_is_named_and_where_to_grant_it() -> None:
    found = fault(403, **MAY_NOT)
    assert isinstance(found, MissingPermission)
    assert found.permission == "Checks: write"
    assert str(found) == (
        "acme/shop: making the check of 0123456789: the App may not do that; grant `Checks: write` in the App's "
        "settings under Permissions & events, and accept it where the App is installed"
    )


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "30"}, timedelta(seconds=30)),
        ({"retry-after": "30", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, timedelta(seconds=30)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW.timestamp() + 900:.0f}"}, timedelta(minutes=15)),
        ({"x-ratelimit-remaining": "0"}, timedelta(minutes=1)),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": f"{NOW.timestamp() + 900:.0f}"}, timedelta(minutes=1)),
        ({}, timedelta(minutes=1)),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, timedelta(minutes=1)),
        ({"retry-after": "0"}, timedelta(seconds=1)),
        ({"retry-after": "-5"}, timedelta(seconds=1)),
        ({"retry-after": "9" * 40}, LONGEST_WAIT),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 40}, LONGEST_WAIT),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, timedelta(seconds=1)),
    ],
)
def test_a_limit_says_until_when(headers: dict[str, str], wait: timedelta) -> None:
    assert limited_until(headers, NOW) == NOW + wait


def test_what_github_says_is_one_line_with_its_details() -> None:
    data = {
        "message": "Validation\nFailed",
        "errors": [{"code": "custom", "message": "No commits between main and x"}, {"code": "missing"}, "plain"],
    }
    assert said(data) == "Validation Failed; No commits between main and x; missing; plain"


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"message": None}, {"message": 4, "errors": 4}, {"errors": [None]}]
)
def test_an_answer_of_any_shape_is_read(data: object) -> None:
    assert isinstance(refusal(ASKED, 422, {}, data, NOW), UserError)


@pytest.mark.parametrize("token", ["ghs_" + "a1B2" * 130, "github_pat_11AAA_bbb", "eyJhbGci.eyJpc3M.c2lnbmF0dXJl"])
def test_no_token_is_repeated(token: str) -> None:
    assert token[:12] not in str(fault(422, f"the header token {token} is odd"))
