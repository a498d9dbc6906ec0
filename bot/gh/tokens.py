"""What requests are signed with: the App's key, and the tokens of its installations.

The rule: a token is for one repository and for as little as its use takes, is kept in memory alone, and is thrown away
five minutes before its end or when GitHub does not take it.

The surprise: an installation may not have accepted a permission that the App asks for by now. GitHub then refuses the
whole token; so one is asked for with what was accepted, and only what needs the rest is refused, by its name.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import jwt
from github import Auth
from pydantic import SecretStr

from bot.gh.faults import Gone, Rejected
from bot.gh.reading import field, moment
from bot.gh.refusals import Asked, missing
from bot.gh.wire import Line, Wire
from scheduler.errors import UserError

SIGNED = "RS256"
EARLY = timedelta(minutes=5)
Permissions = tuple[tuple[str, str], ...]
FETCH: Permissions = (("contents", "read"),)
LIST: Permissions = (("metadata", "read"),)
TEAMS: Permissions = (("members", "read"),)
WORK: Permissions = (
    ("checks", "write"),
    ("contents", "write"),
    ("issues", "read"),
    ("pull_requests", "write"),
    ("statuses", "read"),
)
LEVELS = ("read", "write", "admin")


@dataclass(frozen=True)
class Scope:
    """What a token is for: `repository` None means all that the installation has."""

    installation: int
    repository: int | None
    permissions: Permissions


@dataclass(frozen=True)
class _Token:
    secret: SecretStr
    until: datetime


class AppKey:
    """The App's own credential: each request is signed anew, with a key that is read once, because that is slow."""

    def __init__(self, app_id: int, key: SecretStr) -> None:
        self._app_id = app_id
        self._key = key

    def bearer(self) -> str:
        """Sign. Raises `UserError` when the key is none."""
        try:
            return self._signer.token
        except Exception:  # noqa: BLE001 - whatever it is, its text may hold the key
            raise UserError(
                "signing with the App's private key: it is no RSA key in PEM form; see MESHBOT_GITHUB_PRIVATE_KEY_FILE"
            ) from None

    def renew(self) -> bool:
        """Say that there is no other key."""
        return False

    @cached_property
    def _signer(self) -> Auth.AppAuth:
        key = jwt.get_algorithm_by_name(SIGNED).prepare_key(self._key.get_secret_value())
        return Auth.AppAuth(self._app_id, sign_func=lambda said: jwt.encode(said, key, SIGNED))


class Tokens:
    """The installation tokens of this process."""

    def __init__(self, app: Line) -> None:
        self._app = app
        self._kept: dict[Scope, _Token] = {}
        self._lock = threading.Lock()

    def of(self, scope: Scope) -> SecretStr:
        """Return a token that lives for five minutes at least.

        Raises `Gone` when the installation or the repository in it is no longer there, or suspended.
        """
        now = self._app.wire.clock()
        with self._lock:
            self._kept = {one: token for one, token in self._kept.items() if token.until > now}
            if (kept := self._kept.get(scope)) is not None:
                return kept.secret
        made = self._made(scope)  # not under the lock: others need not wait for GitHub
        with self._lock:
            self._kept[scope] = made
        return made.secret

    def forget(self, scope: Scope) -> None:
        """Throw a token away that GitHub does not take."""
        with self._lock:
            self._kept.pop(scope, None)

    def installation_of(self, repository: int) -> int:
        """Return the installation through which the App sees a repository. Raises `Gone` when there is none."""
        asked = Asked(f"looking where repository {repository} is installed")
        return field(self._app.ask(asked, "GET", f"/repositories/{repository}/installation").data, "id", int)

    def _made(self, scope: Scope) -> _Token:
        try:
            return self._asked(scope, dict(scope.permissions))
        except Rejected as error:
            if "permission" not in str(error).lower():
                raise Gone(f"{_doing(scope).doing}: the repository is not in it") from error
            return self._asked(scope, self._accepted(scope))

    def _asked(self, scope: Scope, permissions: Mapping[str, str]) -> _Token:
        given: dict[str, object] = {"permissions": permissions}
        if scope.repository is not None:
            given["repository_ids"] = [scope.repository]
        path = f"/app/installations/{scope.installation}/access_tokens"
        data = self._app.ask(_doing(scope), "POST", path, **given).data
        return _Token(SecretStr(field(data, "token", str)), moment(data, "expires_at") - EARLY)

    def _accepted(self, scope: Scope) -> dict[str, str]:
        """Return what of the permissions the installation has accepted."""
        path = f"/app/installations/{scope.installation}"
        has = field(self._app.ask(_doing(scope), "GET", path).data, "permissions", dict)
        accepted = {name: _lower(level, str(has[name])) for name, level in scope.permissions if name in has}
        if not accepted:
            name, level = scope.permissions[0]
            raise missing(Asked(_doing(scope).doing, f"{name.replace('_', ' ').capitalize()}: {level}"))
        return accepted


class Installed:
    """The credential of one scope."""

    def __init__(self, tokens: Tokens, scope: Scope) -> None:
        self._tokens = tokens
        self._scope = scope

    def bearer(self) -> str:
        """Return a token."""
        return self._tokens.of(self._scope).get_secret_value()

    def renew(self) -> bool:
        """Throw the token away."""
        self._tokens.forget(self._scope)
        return True


def installed(wire: Wire, tokens: Tokens, scope: Scope) -> Line:
    """Return the line on which requests are signed with a token of that scope."""
    return Line(wire, Installed(tokens, scope))


def _doing(scope: Scope) -> Asked:
    about = "" if scope.repository is None else f" for repository {scope.repository}"
    return Asked(f"asking for a token of installation {scope.installation}{about}")


def _lower(one: str, other: str) -> str:
    return min(one, other, key=lambda level: LEVELS.index(level) if level in LEVELS else 0)
