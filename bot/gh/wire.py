"""One request to GitHub and its answer: where PyGithub is used, and where its errors become ours.

The rule: one call is one request. PyGithub's objects ask by themselves for what they miss, at a moment that nobody
foresees, so its Requester is used, which signs, sends and reads; the answers stay plain data, and only `reading` looks
into them. Nothing is repeated here, and nothing waits: PyGithub's own retries would post twice what was done already.

The surprise: errors are raised `from None`. What the network says may quote a header, and a header holds the token. For
the same reason the log of PyGithub is kept from telling what was answered, which may be a token.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

import github
import requests
import urllib3
from github import Auth
from github.Requester import Requester

from bot.gh.faults import KeyRefused
from bot.gh.refusals import Asked, refusal
from scheduler.errors import MeshbotError, Retryable

TIMEOUT = 10
PAGE = 100
API_VERSION, MEDIA_TYPE = "2022-11-28", "application/vnd.github+json"
# How PyGithub takes an answer that is no JSON, or other JSON than it expects.
UNREADABLE = (ValueError, AttributeError, TypeError, KeyError)
Verb = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Clock = Callable[[], datetime]
# Below this level PyGithub writes whole answers to the log.
logging.getLogger("github").setLevel(logging.INFO)


def wall_clock() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Credential(Protocol):
    """What requests are signed with."""

    def bearer(self) -> str:
        """Return the token of the next request."""
        ...

    def renew(self) -> bool:
        """GitHub did not take the token: throw it away. Says whether another one can be had."""
        ...


@dataclass(frozen=True)
class Answer:
    """What GitHub answered: the names of the headers are in lower case."""

    headers: Mapping[str, Any]
    data: Any


class _Bearer(Auth.Auth):
    """The token of the request that this thread makes."""

    def __init__(self) -> None:
        self.current = ""

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    def token(self) -> str:
        return self.current

    def authentication(self, headers: dict[str, Any]) -> None:
        if self.current:
            super().authentication(headers)


class Wire:
    """The connections to one GitHub: one for each thread and process, because PyGithub's may not be shared."""

    def __init__(self, api_url: str, clock: Clock = wall_clock) -> None:
        self.api_url = api_url
        self.clock = clock
        self._mine = threading.local()

    def send(self, asked: Asked, token: str, verb: Verb, path: str, given: Mapping[str, Any]) -> Answer:
        """Make one request, unsigned when there is no token.

        `given` are the parameters of a GET, and the body of everything else. Raises the faults of `bot.gh`, and
        `Retryable` when it is not known whether GitHub did it.
        """
        requester, bearer = self._connection()
        bearer.current = token
        how: dict[str, Any] = {"headers": {"Accept": MEDIA_TYPE}}
        if given:
            how["parameters" if verb == "GET" else "input"] = dict(given)
        try:
            return Answer(*requester.requestJsonAndCheck(verb, path, **how))
        except MeshbotError:
            raise
        except github.GithubException as error:
            raise refusal(asked, error.status, error.headers or {}, error.data, self.clock()) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, *UNREADABLE) as error:
            raise Retryable(f"{asked.doing}: {_broken(error)}") from None
        except (RuntimeError, AssertionError):
            raise Retryable(f"{asked.doing}: {self.api_url} leads elsewhere; see MESHBOT_GITHUB_API_URL") from None
        finally:
            bearer.current = ""

    def close(self) -> None:
        """Close the connection of this thread."""
        if (requester := getattr(self._mine, "requester", None)) is not None:
            requester.close()
        self._mine = threading.local()

    def _connection(self) -> tuple[Requester, _Bearer]:
        if getattr(self._mine, "process", None) != os.getpid():
            self._mine.process = os.getpid()
            self._mine.bearer = _Bearer()
            self._mine.requester = _requester(self.api_url, self._mine.bearer)
        return self._mine.requester, self._mine.bearer


class Line:
    """A wire and what is said on it is signed with. A token that GitHub does not take is renewed once."""

    def __init__(self, wire: Wire, credential: Credential) -> None:
        self.wire = wire
        self.credential = credential

    def ask(self, asked: Asked, verb: Verb, path: str, **given: Any) -> Answer:  # noqa: ANN401 - JSON
        """Make one request, and once more with a new token when the first one has ended."""
        token = self.credential.bearer()
        try:
            return self.wire.send(asked, token, verb, path, given)
        except KeyRefused:
            if not self.credential.renew():
                raise
        return self.wire.send(asked, self.credential.bearer(), verb, path, given)

    def pages(self, asked: Asked, path: str, item: str | None = None, **given: Any) -> Iterator[Any]:  # noqa: ANN401
        """Read a list to its end, page by page; `item` names the list when the answer is an object."""
        params: Mapping[str, Any] | None = {"per_page": PAGE, **given}
        while params is not None:
            answer = self.ask(asked, "GET", path, **params)
            found = answer.data.get(item) if item and isinstance(answer.data, dict) else answer.data
            if not isinstance(found, list):
                raise Retryable(f"{asked.doing}: GitHub answers with something that is no list")
            yield from found
            params = following(answer.headers)


def following(headers: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the parameters of the next page; None on the last one.

    Only the parameters: the path stays ours, also when GitHub answers with the URL of another host or of another name.
    """
    for link in str(headers.get("link", "")).split(","):
        url, _, relation = link.partition(";")
        if 'rel="next"' in relation:
            return {name: values[0] for name, values in parse_qs(urlsplit(url.strip(" <>")).query).items()}
    return None


def _requester(api_url: str, bearer: _Bearer) -> Requester:
    return github.Github(
        auth=bearer,
        base_url=api_url,
        timeout=TIMEOUT,
        user_agent=f"meshbot/{metadata.version('meshbot')}",
        per_page=PAGE,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=True,
        api_version=API_VERSION,
    ).requester


def _broken(error: Exception) -> str:
    match error:
        case requests.Timeout():
            return f"GitHub did not answer within {TIMEOUT} seconds"
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError() | requests.exceptions.RetryError():
            return "the connection to GitHub was lost, or could not be made"
        case OSError() if not isinstance(error, requests.RequestException):
            return "the connection to GitHub was lost, or could not be made"
        case _:
            return "GitHub's answer could not be read"
