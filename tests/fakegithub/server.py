"""The fake GitHub over HTTP: the REST API under /api/v3, and git beside it, on a free port of this machine.

The rule: every request and every answer is held against GitHub's description; what does not fit is kept in
`GitHub.faults`, and a test that uses the fake ends by looking there. Mischief (`mischief.py`) meets calls here.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import traceback
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fakegithub import api_app, api_pulls, api_repos, gitdoor
from fakegithub.calls import WRITES, Answer, Call, answerers, authorise, match
from fakegithub.conformance import Asked, wrong_request, wrong_response
from fakegithub.github import GitHub, Seen
from fakegithub.mischief import Fault, Mischief
from fakegithub.operations import OPERATIONS
from fakegithub.problems import DOCS, Problem, not_found

API = "/api/v3"
UNICORN = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
missing = OPERATIONS.keys() - answerers.keys()
assert not missing, f"described, but not answered: {missing} ({api_app}, {api_pulls}, {api_repos})"


class _Vanish(Exception):
    """The connection ends without an answer."""


class _Handler(BaseHTTPRequestHandler):
    github: GitHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        body = self._read()
        try:
            if self.path.startswith(API):
                self._api(body)
            else:
                self._git(body)
        except _Vanish:
            self._reset()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - their names

    def _api(self, raw: bytes) -> None:
        github, parts = self.github, urlsplit(self.path)
        path = by_name(github, unquote(parts.path.removeprefix(API)) or "/")
        call = f"{self.command} {path}"
        number = self._begins(call)
        mischief = github.mischiefs.of(call, self._installation(), github.now())
        if github.mischiefs.delay:
            github.mischiefs.released.wait(github.mischiefs.delay)
        if mischief and not mischief.fault.after:
            self._seen(number, call, None, 0, raw)
            return self._meet(mischief)
        found = match(self.command, path)
        answer = self._answer(found, path, dict(parse_qsl(parts.query, keep_blank_values=True)), raw)
        self._seen(number, call, found and found[0], answer.status, raw)
        if mischief:
            return self._meet(mischief)
        return self._say(answer)

    def _begins(self, call: str) -> int:
        github = self.github
        with github.lock:
            github.counted += 1
            number = github.counted
        github.before(number, call)
        return number

    def _seen(self, number: int, call: str, operation: str | None, status: int, raw: bytes) -> None:
        changed = call.split(" ", maxsplit=1)[0] in WRITES and 200 <= status < 300
        agent = self.headers.get("User-Agent", "")
        seen = Seen(number, call, operation, status, changed, _loaded(raw), agent)
        self.github.seen.append(seen)
        self.github.after(seen)

    def _answer(self, found: tuple[str, dict[str, str]] | None, path: str, query: dict[str, str], raw: bytes) -> Answer:
        github = self.github
        if found is None:
            github.faults.append(f"{self.command} {path}: not among the operations that the fake knows")
            return _refusal(not_found())
        operation, parameters = found
        body = _loaded(raw)
        asked = Asked(operation, parameters, {k: v for k, v in query.items() if k != "cursor"}, body)
        github.faults += wrong_request(asked)
        call = Call(
            github, self.command, operation, parameters, query, body, self.headers.get("Authorization", ""), path
        )
        try:
            with github.lock:
                authorise(call)
                answer = answerers[operation](call)
        except Problem as problem:
            answer = _refusal(problem)
        except Exception:  # noqa: BLE001 - a fault of the fake is told, too
            github.faults.append(f"{operation}: {traceback.format_exc()}")
            answer = Answer(500, {"message": "Server Error", "documentation_url": DOCS})
        github.faults += wrong_response(operation, answer.status, answer.body)
        return answer

    def _git(self, body: bytes) -> None:
        github, parts = self.github, urlsplit(self.path)
        call = f"GIT {unquote(parts.path)}"
        number = self._begins(call)
        mischief = github.mischiefs.of(call, self._installation(), github.now())
        if mischief and not mischief.fault.after:
            self._seen(number, call, None, 0, b"")
            return self._meet(mischief)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = gitdoor.answer(github, gitdoor.GitAsked(self.command, unquote(parts.path), parts.query, headers, body))
        found = answer or gitdoor.GitAnswer(404, {"Content-Type": "text/html"}, b"<html>Not Found</html>")
        self._seen(number, call, None, found.status, b"")
        if mischief:
            return self._meet(mischief)
        return self._send(found.status, found.body, found.headers)

    def _meet(self, mischief: Mischief) -> None:
        now = int(self.github.now().timestamp())
        match mischief.fault:
            case Fault.RESET_BEFORE | Fault.RESET_AFTER:
                raise _Vanish
            case Fault.SILENT_BEFORE | Fault.SILENT_AFTER:
                self.github.mischiefs.released.wait(60)
                raise _Vanish
            case Fault.BROKEN_BEFORE | Fault.BROKEN_AFTER:
                self._send(502, UNICORN, {"Content-Type": "text/html"})
            case Fault.LIMITED:
                reset = int(mischief.until.timestamp()) if mischief.until else now + 60
                limits = {"x-ratelimit-remaining": "0", "x-ratelimit-used": "5000", "x-ratelimit-reset": str(reset)}
                self._say(_refusal(Problem(403, "API rate limit exceeded for installation ID 1.", limits)))
            case Fault.SECONDARY_403 | Fault.SECONDARY_429:
                wait = {} if mischief.retry_after is None else {"Retry-After": str(mischief.retry_after)}
                status = 403 if mischief.fault is Fault.SECONDARY_403 else 429
                self._say(_refusal(Problem(status, SECONDARY, wait)))
            case Fault.UNAUTHORIZED:
                self._say(_refusal(Problem(401, "Bad credentials")))

    def _say(self, answer: Answer) -> None:
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        limits = {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "4999",
            "x-ratelimit-used": "1",
            "x-ratelimit-reset": str(int(self.github.now().timestamp()) + 3600),
            "x-ratelimit-resource": "core",
        }
        kind = {"Content-Type": "application/json; charset=utf-8"} if answer.body is not None else {}
        self._send(answer.status, body, {**limits, **kind, **answer.headers})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("X-GitHub-Request-Id", uuid.uuid4().hex[:16])
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _installation(self) -> int | None:
        text = self.headers.get("Authorization", "").partition(" ")[2]
        found = self.github.tokens.get(text)
        return found.installation.id if found else None

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal of the tests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that goes away in the middle is none of our faults."""


def by_name(github: GitHub, path: str) -> str:
    """Name a repository or a team that is addressed by its number, as GitHub's description names them."""
    if found := re.fullmatch(r"/repositories/(\d+)(/.*)?", path):
        repo = github.repositories.get(int(found[1]))
        name = repo.full_name if repo and not repo.deleted else "nobody/nothing"
        return f"/repos/{name}{found[2] or ''}"
    if found := re.fullmatch(r"/organizations/(\d+)/team/(\d+)(/.*)?", path):
        for team in github.teams:
            if team.id == int(found[2]):
                return f"/orgs/{team.org.login}/teams/{team.slug}{found[3] or ''}"
    return path


def _refusal(problem: Problem) -> Answer:
    return Answer(problem.status, problem.body, problem.headers)


def _loaded(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode("utf-8", "replace")


@contextlib.contextmanager
def fake_github(folder: Path) -> Iterator[GitHub]:
    """Run a fake GitHub on a free port of this machine; its repositories are in a folder."""
    github = GitHub(folder)
    handler = type("Handler", (_Handler,), {"github": github})
    with _Server(("127.0.0.1", 0), handler) as server:
        github.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield github
        finally:
            github.mischiefs.released.set()
            github.courier.end()
            server.shutdown()
            thread.join()


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
