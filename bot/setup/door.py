"""The web server of `setup-github`: on this machine alone, for one App, until GitHub has sent the browser back.

The rule: nothing but two addresses is answered, only to who calls this machine by its own name, and only the code that
comes with our state counts; so no page elsewhere can slip an App of its own in.
"""

from __future__ import annotations

import hmac
import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from bot.errors import Refused
from bot.setup import page as setuppage

HERE = "127.0.0.1"
BACK = "/created"
Manifest = Callable[[str], Mapping[str, Any]]


class SetupDoor:
    """Serves the form, and takes the code. `manifest` is made with the URL to which GitHub sends the browser back."""

    def __init__(self, manifest: Manifest, web: str, organization: str | None, port: int = 0) -> None:
        self._codes: queue.Queue[str] = queue.Queue()
        self.state = secrets.token_urlsafe(32)
        handler = type("Handler", (_Handler,), {"door": self})
        try:
            self._server = ThreadingHTTPServer((HERE, port), handler)
        except OSError as error:
            raise Refused(f"listening on {HERE}:{port}: {error.strerror}; give another `--port`") from error
        self.url = f"http://{HERE}:{self._server.server_port}"
        action = setuppage.form_action(web, organization, self.state)
        self._start = setuppage.start(manifest(f"{self.url}{BACK}"), action)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def code(self, patience: float) -> str:
        """Wait until GitHub has sent the browser back. Raises `Refused` after so many seconds."""
        try:
            return self._codes.get(timeout=patience)
        except queue.Empty:
            raise Refused("creating the GitHub App: nobody came back from GitHub within an hour; start again") from None

    def answer(self, path: str, host: str) -> tuple[HTTPStatus, str]:
        """Answer a request. The browser's address counts: a name that leads here is not ours."""
        parts = urlsplit(path)
        if host not in {urlsplit(self.url).netloc, f"localhost:{self._server.server_port}"}:
            return HTTPStatus.FORBIDDEN, setuppage.refused(f"This is only answered at {self.url}.")
        if parts.path == "/":
            return HTTPStatus.OK, self._start
        if parts.path != BACK:
            return HTTPStatus.NOT_FOUND, setuppage.refused("There is nothing here.")
        given = parse_qs(parts.query)
        state, code = (given.get(name, [""])[0] for name in ("state", "code"))
        if not hmac.compare_digest(state.encode(), self.state.encode()):
            return HTTPStatus.FORBIDDEN, setuppage.refused(f"This belongs to another set-up. Begin at {self.url}.")
        if not code:
            return HTTPStatus.BAD_REQUEST, setuppage.refused(f"GitHub sent no code. Begin again at {self.url}.")
        self._codes.put(code)
        return HTTPStatus.OK, setuppage.done()

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with every page."""
        return {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "DENY",
        }


class _Handler(BaseHTTPRequestHandler):
    door: SetupDoor

    def do_GET(self) -> None:
        """Answer the browser."""
        status, page = self.door.answer(self.path, self.headers.get("Host", ""))
        body = page.encode()
        self.send_response(status)
        for name, value in {**self.door.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the address holds the code."""
