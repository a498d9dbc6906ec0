"""What the GitHub App asks for: its permissions and events, each with the reason.

The rule: pure, and the one place: `config/github-app.yaml`, the tables in `docs/github.md`, what `setup-github` posts
and what `doctor` looks for are made from this. A permission that no request needs does not stand here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

HOOK_PATH = "/github"
LEVELS = ("none", "read", "write", "admin")
EXAMPLE = "https://meshbot.example.com/github"


@dataclass(frozen=True)
class Grant:
    """A permission: `name` in the API, `page` on GitHub's settings page. An optional one takes a setting to need it."""

    name: str
    level: str
    page: str
    reason: str
    optional: bool = False

    @property
    def written(self) -> str:
        """As GitHub's settings page has it: `Checks: write`."""
        return f"{self.page}: {self.level}"


GRANTS = (
    Grant(
        "checks", "write", "Checks", "the check `meshbot` on commits and pull requests, its notes on lines, its buttons"
    ),
    Grant(
        "contents",
        "write",
        "Contents",
        "reading job files and projects; the commits of `accept` and `set`, the onboarding branch, `merge`",
    ),
    Grant(
        "issues", "read", "Issues", "GitHub tells only who may read issues of comments, also of those on pull requests"
    ),
    Grant("metadata", "read", "Metadata", "every App has it; what somebody may do in a repository is read with it"),
    Grant(
        "pull_requests",
        "write",
        "Pull requests",
        "the comment, replies, suggestions and reactions; the onboarding pull request; reading reviews",
    ),
    Grant("statuses", "read", "Commit statuses", "`merge` waits for required checks, and some report as statuses"),
    Grant(
        "members",
        "read",
        "Members",
        "only when MESHBOT_GITHUB_PROTECTED_PEOPLE names a team: whether somebody is in it",
        optional=True,
    ),
)
EVENTS: Mapping[str, str] = {
    "check_run": "a button of the check is pressed, or it is to run again",
    "check_suite": "all checks of a commit are to run again",
    "issue_comment": "a command in the conversation of a pull request",
    "pull_request": "opened, pushed to, closed: the comment and the check follow",
    "pull_request_review": "a command in a review; an approval",
    "pull_request_review_comment": "a command on the lines of `meshbot.yaml`",
    "push": "the tracked branch has a new commit: its job files become the schedule",
    "repository": "renamed, transferred, archived, another default branch",
}


def manifest(name: str, hook_url: str, redirect_url: str | None = None, *, teams: bool = False) -> dict[str, Any]:
    """Make the manifest from which GitHub creates the App. `teams` asks for what it takes to look into teams."""
    parts = urlsplit(hook_url)
    made: dict[str, Any] = {
        "name": name,
        "url": f"{parts.scheme}://{parts.netloc}",
        "description": "Keeps SQLMesh environments up to date from Git.",
        "public": False,
        "hook_attributes": {"url": hook_url, "active": True},
        "default_permissions": permissions(teams=teams),
        "default_events": list(EVENTS),
    }
    return made if redirect_url is None else {**made, "redirect_url": redirect_url}


def permissions(*, teams: bool = False) -> dict[str, str]:
    """Return what is asked for, as the API names it."""
    return {one.name: one.level for one in GRANTS if teams or not one.optional}


def lacking(has: Mapping[str, str], *, teams: bool = False) -> list[Grant]:
    """Return what is needed and not granted, or not high enough."""
    return [one for one in GRANTS if (teams or not one.optional) and _level(has.get(one.name)) < _level(one.level)]


def unheard(events: Collection[str]) -> list[str]:
    """Return the events that the App is not sent."""
    return [name for name in EVENTS if name not in events]


def yaml_page() -> str:
    """Write `config/github-app.yaml`."""
    made = manifest("meshbot", EXAMPLE)
    width = max(map(len, map(_entry, GRANTS)))
    lines = [
        "# The GitHub App, as GitHub's manifest flow takes it. `meshbot setup-github` posts this with your name and",
        "# webhook; whoever creates the App by hand chooses the same. Written from bot/setup/manifest.py.",
        *(f"{key}: {made[key]}" for key in ("name", "url", "description")),
        "public: false",
        "hook_attributes:",
        f"  url: {EXAMPLE}",
        "  active: true",
        "default_permissions:",
    ]
    lines += [f"  {_entry(one):{width}}  # {one.reason}" for one in GRANTS]
    width = max(map(len, EVENTS))
    lines += ["default_events:", *(f"  - {name:{width}}  # {reason}" for name, reason in EVENTS.items())]
    return "\n".join(lines) + "\n"


def permissions_table() -> str:
    """Write the table of permissions in `docs/github.md`."""
    rows = [f"| {one.page} | {one.level} | {one.reason[0].upper()}{one.reason[1:]}. |" for one in GRANTS]
    return "\n".join(["| permission | level | what for |", "|---|---|---|", *rows]) + "\n"


def events_table() -> str:
    """Write the table of events in `docs/github.md`."""
    rows = [f"| `{name}` | {reason[0].upper()}{reason[1:]}. |" for name, reason in EVENTS.items()]
    return "\n".join(["| event | what it tells |", "|---|---|", *rows]) + "\n"


def _entry(grant: Grant) -> str:
    return f"{'# ' if grant.optional else ''}{grant.name}: {grant.level}"


def _level(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else 0
