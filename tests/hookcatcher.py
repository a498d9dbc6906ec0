"""A receiver of webhooks that is not Meshbot: it keeps what comes and answers as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class HookCatcher:
    """What was received. `signed` says of each delivery whether its signature is the secret's."""

    url: str = ""
    secret: str = ""
    status: int = 202
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    signed: list[bool] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    catcher: HookCatcher

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        made = "sha256=" + hmac.new(self.catcher.secret.encode(), body, hashlib.sha256).hexdigest()
        self.catcher.signed.append(hmac.compare_digest(made, self.headers["X-Hub-Signature-256"]))
        self.catcher.received.append((self.headers["X-GitHub-Event"], json.loads(body)))
        self.send_response(self.catcher.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal of the tests."""


@contextlib.contextmanager
def hook_catcher() -> Iterator[HookCatcher]:
    catcher = HookCatcher()
    handler = type("Handler", (_Handler,), {"catcher": catcher})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        catcher.url = f"http://127.0.0.1:{server.server_port}/hooks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield catcher
        server.shutdown()
        thread.join()
