"""A server of one repository over HTTP, by git's own `http-backend`, that looks around while git is talking to it."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Source:
    """What the server does, and what it saw. `go` holds back what a fetch gets until it is set."""

    repository: Path
    url: str = ""
    redirect: str | None = None
    status: int | None = None
    wanted: str | None = None
    headers: list[str | None] = field(default_factory=list)
    processes: list[tuple[bytes, bytes]] = field(default_factory=list, repr=False)
    go: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Note the arguments and the environment of every git that runs now."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if b"git" in words.split(b"\0")[0]:
                    self.processes.append((words, (entry / "environ").read_bytes()))


class _Handler(BaseHTTPRequestHandler):
    source: Source

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.source.asked.set()
        self.source.go.wait(60)
        self._answer(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        source = self.source
        source.headers.append(self.headers.get("Authorization"))
        source.look()
        if source.redirect is not None:
            self._say(302, {"Location": source.redirect + self.path})
        elif source.wanted is not None and self.headers.get("Authorization") != source.wanted:
            self._say(401, {"WWW-Authenticate": 'Basic realm="x"'})
        elif source.status is not None:
            self._say(source.status, {})
        else:
            head, _, content = self._backend(body).partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self._say(int(headers.pop("Status", "200").split()[0]), headers, content)

    def _backend(self, body: bytes) -> bytes:
        url = urlsplit(self.path)
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.source.repository),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path.removeprefix("/o/n.git"),
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        return subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=True, env=environ).stdout

    def _say(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)


@contextmanager
def serving(repository: Path) -> Iterator[Source]:
    """Serve the `.git` folder of a repository at `/o/n.git`."""
    source = Source(repository / ".git")
    source.go.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"source": source})) as server:
        server.daemon_threads = True
        source.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield source
        source.go.set()
        server.shutdown()
        thread.join()
