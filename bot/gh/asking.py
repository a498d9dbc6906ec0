"""How the parts of a repository ask GitHub about it.

The rule: every request says in words what is being done and which permission it takes, so that whatever goes wrong can
be told to a person. All of them name the repository by its number, which stays when it is renamed or transferred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr

from bot.gh import reading
from bot.gh.faults import Gone
from bot.gh.refusals import Asked
from bot.gh.shapes import RepoInfo
from bot.gh.tokens import FETCH, TEAMS, WORK, Scope, Tokens, installed
from bot.gh.wire import Line, Verb, Wire
from scheduler.draw.escape import short
from scheduler.errors import Retryable

# As GitHub's settings page writes them.
CHECKS, CONTENTS, PULLS = "Checks: write", "Contents: write", "Pull requests: write"
READ_CONTENTS, READ_PULLS, READ_STATUSES, READ_MEMBERS = (
    "Contents: read",
    "Pull requests: read",
    "Commit statuses: read",
    "Members: read",
)
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


class Asking:
    """A repository of an installation, and the line on which it is asked about."""

    def __init__(self, wire: Wire, tokens: Tokens, place: tuple[int, int], login: Callable[[], str]) -> None:
        self.installation, self.id = place
        self._wire = wire
        self._tokens = tokens
        self._login = login
        self._line = self._signed(WORK)

    def info(self) -> RepoInfo:
        """Read the repository: once, this object is for one delivery."""
        return self._info

    def git_token(self, *, anew: bool = False) -> SecretStr:
        """Return a token that may only read this content; `anew` when git was told that it is not valid."""
        scope = Scope(self.installation, self.id, FETCH)
        if anew:
            self._tokens.forget(scope)
        return self._tokens.of(scope)

    @property
    def clone_url(self) -> str:
        """Where git fetches it from: made from the API's URL and the name, never taken from a payload."""
        return f"{self.web_url}.git"

    @property
    def web_url(self) -> str:
        """Where people see it."""
        name = self.info().full_name
        if not NAME.fullmatch(name):
            raise Retryable(f"reading repository {self.id}: GitHub gives a name that none can have")
        return f"{site(self._wire.api_url)}/{name}"

    @cached_property
    def _info(self) -> RepoInfo:
        found = reading.repository(self._ask("reading it", "Metadata: read", "GET", "").data)
        if found.id != self.id:
            raise Retryable(f"reading repository {self.id}: GitHub answers with another one")
        return found

    def _ask(self, doing: str, needs: str, verb: Verb, path: str, **given: Any) -> Any:  # noqa: ANN401 - JSON
        return self._line.ask(self._asked(doing, needs), verb, self._path(path), **given)

    def _pages(self, doing: str, needs: str, path: str, item: str | None = None, **given: Any) -> Iterator[Any]:  # noqa: ANN401
        return self._line.pages(self._asked(doing, needs), self._path(path), item, **given)

    def _here(self) -> None:
        """See that the repository itself is there, after something in it was not. Raises `Gone`."""
        self._ask("reading it", "Metadata: read", "GET", "")

    def _signed(self, permissions: tuple[tuple[str, str], ...]) -> Line:
        return installed(self._wire, self._tokens, Scope(self.installation, self.id, permissions))

    def _teams(self) -> Line:
        return self._signed(TEAMS)

    def _path(self, path: str) -> str:
        return f"/repositories/{self.id}{path}"

    def _asked(self, doing: str, needs: str) -> Asked:
        known: RepoInfo | None = self.__dict__.get("_info")
        return Asked(f"{known.full_name if known else f'repository {self.id}'}: {doing}", needs)


def quoted(part: str) -> str:
    """Return a part of a path in which nothing has a meaning."""
    return quote(part, safe="")


def branch_path(name: str) -> str:
    """Return the name of a branch for a path. Raises `Gone` for what git takes for no name, such as `../x`."""
    if not name or any(part.startswith(".") or not part for part in name.split("/")) or ".." in name:
        raise Gone(f"reading branch {short(name)}: no branch can have that name")
    return quote(name)


def site(api_url: str) -> str:
    """Return the URL under which people and git find the repositories of an API.

    `https://api.github.com` serves `https://github.com`, `https://HOST/api/v3` serves `https://HOST`.
    """
    parts = urlsplit(api_url)
    path = parts.path.rstrip("/").removesuffix("/api/v3")
    return urlunsplit((parts.scheme, parts.netloc.removeprefix("api."), path, "", ""))
