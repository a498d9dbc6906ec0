"""What stands between us and GitHub may answer anything: it is told in words, and as something to try again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from ghworld import World
from ghworld import world as a_world

from bot.gh import wire
from bot.gh.refusals import Asked
from bot.gh.wire import Line, Wire
from scheduler.errors import Retryable

ASKED = Asked("reading a list")


@dataclass
class Script:
    """Answers in the order in which they are told: status, headers, body."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def script() -> Iterator[Script]:
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.asked.append(self.path)
            told.headers.append(dict(self.headers))
            status, headers, body = told.answers.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/api/v3"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


class Fixed:
    """A credential that is always the same."""

    def bearer(self) -> str:
        return "token"

    def renew(self) -> bool:
        return False


@pytest.fixture
def line(script: Script) -> Iterator[Line]:
    made = Line(Wire(script.url), Fixed())
    yield made
    made.wire.close()


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>a proxy says hello</html>"),
        (200, {}, b'{"an answer": that is no JSON'),
        (200, {}, b'"a word"'),
        (200, {}, b"\xff\xfe"),
        (200, {}, b""),
        (200, {}, b"null"),
        (200, {"Content-Length": "50", "Connection": "close"}, b"[]"),
        (500, {}, b"[]"),
        (502, {}, b'{"message": 7}'),
        (502, {}, b""),
        (301, {"Location": "http://elsewhere.example/api/v3/x"}, b""),
        (301, {"Location": "https://127.0.0.1/api/v3/x"}, b""),
        (200, {"Content-Encoding": "gzip"}, b"this is no gzip"),
    ],
)
def test_whatever_answers_in_githubs_place_is_something_to_try_again(
    script: Script, line: Line, answer: tuple[int, dict[str, str], bytes]
) -> None:
    script.answers = [answer]
    with pytest.raises(Retryable, match="reading a list"):
        list(line.pages(ASKED, "/x"))


def test_every_request_says_who_asks_and_for_which_version(script: Script, line: Line) -> None:
    script.answers = [(200, {}, b"[]")]
    list(line.pages(ASKED, "/x"))
    sent = script.headers[0]
    assert sent["User-Agent"].startswith("meshbot/")
    assert sent["Authorization"] == "Bearer token"
    assert sent["X-GitHub-Api-Version"] == "2022-11-28"
    assert sent["Accept"] == "application/vnd.github+json"


def test_a_request_without_a_token_is_not_signed(script: Script, line: Line) -> None:
    script.answers = [(200, {}, b"{}")]
    line.wire.send(ASKED, "", "GET", "/x", {})
    assert "Authorization" not in script.headers[0]


def test_pages_are_asked_for_here_wherever_the_link_leads(script: Script, line: Line) -> None:
    script.answers = [
        (200, {"Link": '<https://elsewhere.example/other?page=2&per_page=100>; rel="next"'}, b"[1, 2]"),
        (200, {"Link": '<https://elsewhere.example/other?page=1>; rel="prev"'}, b"[3]"),
    ]
    assert list(line.pages(ASKED, "/x", state="all")) == [1, 2, 3]
    assert script.asked == ["/api/v3/x?per_page=100&state=all", "/api/v3/x?page=2&per_page=100"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


@pytest.mark.parametrize("fault", [Fault.SILENT_BEFORE, Fault.SILENT_AFTER])
def test_silence_ends(world: World, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TIMEOUT", 1)
    pull = world.pull()
    world.app.slug  # noqa: B018 - it is read once
    world.goes_wrong(fault, "POST .*/comments")
    before = time.monotonic()
    with pytest.raises(Retryable, match="GitHub did not answer within"):
        world.door.put_comment(pull.number, "<!-- m -->", "<!-- m -->")
    assert time.monotonic() - before < 5
    world.door.put_comment(pull.number, "<!-- m -->", "<!-- m -->")
    assert len(world.repo.comments) == 1


def test_several_threads_ask_at_once_each_with_its_own_token(world: World) -> None:
    others = [world.github.repository(f"acme/shop-{number}") for number in range(6)]
    installed = world.github.install(*others)

    def name(repository: int) -> str:
        door = world.app.repository(installed.id, repository)
        return f"{door.info().full_name} {door.branch_head('main')}"

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(name, [repo.id for repo in others] * 3))
    assert found == [f"{repo.full_name} {repo.heads['main']}" for repo in others] * 3


def test_no_two_threads_share_a_connection(line: Line) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(line.wire._connection).result()
    mine = line.wire._connection()
    assert mine is not other
    assert mine[0] is line.wire._connection()[0]
    assert mine[0] is not other[0]


def test_a_slow_installation_keeps_no_other_one_waiting(world: World) -> None:
    other = world.github.install(world.github.repository("umbrella/labs"))
    repository = next(iter(other.repositories))
    world.app.slug  # noqa: B018 - it is read once
    world.goes_wrong(Fault.SILENT_BEFORE, f"POST /app/installations/{world.installed.id}/access_tokens")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(world.door.open_pulls)
        assert world.app.repository(other.id, repository).open_pulls() == []
        assert not slow.done()
        world.github.mischiefs.released.set()
        assert isinstance(slow.exception(), Retryable)


def test_the_app_gets_another_name_and_knows_it_in_a_while(world: World) -> None:
    assert world.app.login == "meshbot[bot]"
    world.github.app.slug = "meshbot-two"
    assert world.app.login == "meshbot[bot]"
    world.ahead = timedelta(minutes=11)
    assert world.app.login == "meshbot-two[bot]"
