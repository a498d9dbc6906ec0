"""A call of the REST API: who makes it, on what, and which function answers it.

The rule: authentication and permissions are settled here, before an answer is sought, as GitHub settles them: a bad
token is 401, what a token may not see is 404, what it may see but not do is 403.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import jwt
from fakegithub.github import GitHub
from fakegithub.operations import ANYBODY, JWT, OPERATIONS
from fakegithub.problems import Problem, bad_credentials, not_accessible, not_found
from fakegithub.world import Account, Comment, Pull, Repository, ReviewComment, Token

JSON = dict[str, Any]
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
LONGEST_JWT = timedelta(minutes=10)
SKEW = 60


@dataclass
class Answer:
    """What is answered."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request, understood."""

    github: GitHub
    method: str
    operation: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    authorization: str
    path: str

    @cached_property
    def token(self) -> Token:
        """The installation's token that came along. Raises 401 when it is none, or over."""
        _, _, text = self.authorization.partition(" ")
        found = self.github.tokens.get(text)
        if found is None or found.revoked or found.expires_at <= self.github.now() or found.installation.removed:
            raise bad_credentials()
        if found.installation.suspended_at:
            raise Problem(403, "This installation has been suspended")
        return found

    @property
    def me(self) -> Account:
        return self.github.app.bot

    @cached_property
    def repo(self) -> Repository:
        """The repository that the path names, when the token may see it."""
        full_name = f"{self.parameters['owner']}/{self.parameters['repo']}"
        found = self.github.find(full_name)
        if found is None:
            raise self._moved(full_name)
        if found.id not in self.token.repositories and found.private:
            raise not_found()
        return found

    def _moved(self, full_name: str) -> Problem:
        moved = self.github.moved.get(full_name.lower())
        found = self.github.repositories.get(moved) if moved else None
        if found is None or found.deleted:
            return not_found()
        rest = self.path.split("/", 4)[4:]
        address = "/".join([f"{self.github.api_url}/repositories/{found.id}", *rest])
        status = 301 if self.method == "GET" else 307
        word = "Moved Permanently" if status == 301 else "Temporary Redirect"
        return Problem(status, word, {"Location": address}, url=address)

    @property
    def pull(self) -> Pull:
        return _known(self.repo.pull(int(self.parameters["pull_number"])))

    def find(self, comments: Sequence[Comment], name: str = "comment_id") -> Any:  # noqa: ANN401 - of the kind that was given
        wanted = int(self.parameters[name])
        return _known(next((one for one in comments if one.id == wanted), None))

    def review_comment(self) -> ReviewComment:
        found: ReviewComment = self.find(self.repo.review_comments)
        return found

    def commit(self, name: str) -> str:
        sha = self.repo.bare.resolve(self.parameters[name])
        if sha is None:
            raise Problem(422, f"No commit found for SHA: {self.parameters[name]}")
        return sha

    def listed(self, found: Sequence[Any], wrap: str | None = None) -> Answer:
        """One page of a list, with links to the others."""
        size = min(int(self.query.get("per_page", 30)), self.github.page)
        number = int(self.query.get("page", 1))
        last = max(1, -(-len(found) // size))
        shown = list(found[(number - 1) * size : number * size])
        links = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number <= 1:
            links = {name: page for name, page in links.items() if name in {"next", "last"}}
        if number >= last:
            links = {name: page for name, page in links.items() if name in {"prev", "first"}}
        address = f"{self.github.api_url}{self.path}"
        words = [f'<{address}?{urlencode({**self.query, "page": page})}>; rel="{name}"' for name, page in links.items()]
        headers = {"Link": ", ".join(words)} if words and last > 1 else {}
        return Answer(200, {"total_count": len(found), wrap: shown} if wrap else shown, headers)


Answerer = Callable[[Call], Answer]
answerers: dict[str, Answerer] = {}


def answers(operation: str) -> Callable[[Answerer], Answerer]:
    """Say which operation of the description a function answers."""
    assert operation in OPERATIONS, operation

    def keep(answerer: Answerer) -> Answerer:
        answerers[operation] = answerer
        return answerer

    return keep


def match(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Find the operation of a request, and the parameters in its path."""
    for operation, pattern in _patterns().items():
        if operation.startswith(f"{method} ") and (found := pattern.fullmatch(path)):
            return operation, found.groupdict()
    return None


def authorise(call: Call) -> None:
    """Raise what GitHub answers to somebody who may not do this."""
    needed = OPERATIONS[call.operation]
    if needed == "nobody":
        return
    if needed == JWT:
        _check_jwt(call)
        return
    token = call.token
    if "repo" in call.parameters:
        repo = call.repo
        if repo.archived and call.method in WRITES:
            raise Problem(403, "Repository was archived so is read-only.")
        if repo.id not in token.repositories and (call.method in WRITES or not _public(needed)):
            raise not_accessible()
    if needed != ANYBODY and not _granted(token, needed):
        raise not_accessible()


def _public(needed: str) -> bool:
    return needed.endswith(":read") and not needed.startswith(("administration", "members"))


def _granted(token: Token, needed: str) -> bool:
    names, _, level = needed.partition(":")
    levels = {"read": {"read", "write", "admin"}, "write": {"write", "admin"}}[level]
    has = {**token.permissions, "metadata": "read"}
    return any(has.get(name) in levels for name in names.split("|"))


def _check_jwt(call: Call) -> None:
    github = call.github
    _, _, text = call.authorization.partition(" ")
    try:
        claims = jwt.decode(
            text,
            github.app.public_key,
            algorithms=["RS256"],
            leeway=SKEW,
            options={"require": ["exp", "iat", "iss"], "verify_exp": False, "verify_iat": False, "verify_iss": False},
        )
    except jwt.PyJWTError as error:
        raise Problem(401, "A JSON web token could not be decoded") from error
    now = github.now().timestamp()
    if claims["exp"] < now - SKEW or claims["iat"] > now + SKEW:
        raise Problem(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which "
            "the assertion expires",
        )
    if claims["exp"] > now + LONGEST_JWT.total_seconds() + SKEW:
        raise Problem(401, "'Expiration time' claim ('exp') is too far in the future")
    if str(claims["iss"]) not in {str(github.app.id), github.app.client_id}:
        raise Problem(401, "Integration not found")


def _known(found: Any) -> Any:  # noqa: ANN401 - whatever was looked for
    if found is None:
        raise not_found()
    return found


def since(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _patterns() -> dict[str, re.Pattern[str]]:
    if not _compiled:
        # Words before parameters: `/pulls/comments/{id}` is not a pull request's number.
        for operation in sorted(OPERATIONS, key=lambda one: (one.count("{"), -one.count("/"))):
            template = operation.split(" ")[1]
            parts = [
                _part(part, last=number == template.count("/") - 1)
                for number, part in enumerate(template[1:].split("/"))
            ]
            _compiled[operation] = re.compile("/" + "/".join(parts))
    return _compiled


def _part(part: str, *, last: bool) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part[1:-1]
    if name.endswith(("_id", "_number")):
        return rf"(?P<{name}>\d+)"
    # Branches and paths have slashes: GitHub takes the rest of the address for them.
    return f"(?P<{name}>{'.+' if name in MANY and (last or name in {'ref', 'branch'}) else '[^/]+'})"


MANY = {"ref", "path", "branch", "basehead", "tree_sha"}
_compiled: dict[str, re.Pattern[str]] = {}
