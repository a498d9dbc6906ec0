"""What the demo stands on: one folder in which everything lies, two warehouses, a Git repository, and a listener.

The rule: nothing is written outside the folder, and nothing that was started here is running when the stage is left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import psutil
from kettle import BIN, PROJECT, Ended, Warehouse, clone, surroundings, together
from narrator import Narrator

T = TypeVar("T")

AS_OF = "1 day ago"
GIT = ("git", "-c", "user.name=Kettle", "-c", "user.email=data@kettle.example", "-c", "commit.gpgsign=false")


@dataclass
class Listener:
    """Listens where Slack would, and keeps what was sent there."""

    url: str
    letters: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """Everything that the scenes need. Both warehouses are being made while the first scenes, which need none, play."""

    folder: Path
    repository: Path
    warehouses: Future[tuple[Warehouse, Warehouse]]
    slack: Listener
    tell: Narrator

    @property
    def shop(self) -> Warehouse:
        """The warehouse of Meshbot's runs. Waits until it is there."""
        return self.warehouses.result()[0]

    @property
    def plain(self) -> Warehouse:
        """A second warehouse, equal to `shop` when both are there. Waits until it is."""
        return self.warehouses.result()[1]

    @property
    def env(self) -> dict[str, str]:
        """The environment of Meshbot's commands."""
        return surroundings() | {
            "MESHBOT_DATA_DIR": str(self.folder / "meshbot"),
            "MESHBOT_SLACK_WEBHOOK_URL": self.slack.url,
            "COLUMNS": str(self.tell.console.width),
            **({"FORCE_COLOR": "1"} if self.tell.console.is_terminal else {"NO_COLOR": "1"}),
        }

    def page(self, *arguments: str) -> str:
        """Return what a command of meshbot prints for people."""
        return together([[BIN / "meshbot", *arguments]], self.env, self.repository)[0].output

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Return what a command of meshbot answers to a program. Exit code 1 is an answer: the run did not go well."""
        return self.ask_together(arguments)[0]

    def page_and_answer(self, *arguments: str) -> tuple[str, dict[str, Any]]:
        """Return both at once, what a command prints for people and what it answers to a program."""
        lines = [[BIN / "meshbot", *arguments, *form] for form in ([], ["--json"])]
        page, answer = together(lines, self.env, self.repository)
        return page.output, _answer(lines[1], answer)

    def ask_together(self, *commands: Sequence[str]) -> list[dict[str, Any]]:
        """Give several commands at once and return their answers."""
        lines = [[BIN / "meshbot", *command, "--json"] for command in commands]
        return [
            _answer(line, done) for line, done in zip(lines, together(lines, self.env, self.repository), strict=True)
        ]

    def commit(self, message: str) -> None:
        """Commit everything in the repository."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def git(self, *arguments: str) -> None:
        """Run git in the repository."""
        subprocess.run([*GIT, *arguments], cwd=self.repository, env=self.env, check=True, capture_output=True)

    @contextmanager
    def up(self) -> Iterator[None]:
        """Run `meshbot up` for the time of the block, and end it as Ctrl-C would."""
        log = self.folder / "up.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [BIN / "meshbot", "up"], cwd=self.repository, env=self.env, stdout=output, stderr=output
            )
            try:
                until(lambda: self._answers(process, log), 120)
                yield
            except Exception:
                self.tell.letter(self._last_words(log), "the last that `meshbot up` and its processes said")
                raise
            finally:
                process.terminate()
                process.wait(90)

    def _last_words(self, log: Path) -> str:
        logs = [log, *sorted((self.folder / "meshbot" / "processes").glob("*.log"))]
        return "\n".join(f"{path.name}:\n{path.read_text()[-1500:]}" for path in logs)

    def _answers(self, process: subprocess.Popen[bytes], log: Path) -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"`meshbot up` ended with {process.returncode}:\n{log.read_text()}")
        if not log.stat().st_size:
            return False
        [done] = together([[BIN / "meshbot", "jobs", "--json"]], self.env, self.repository)
        return done.code == 0 and bool(json.loads(done.output)["jobs"])


def _answer(command: Sequence[str | Path], done: Ended) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.output or '{"error": "no answer"}')
    if done.code not in {0, 1} or "error" in answer:
        words = " ".join(str(word) for word in command)
        raise RuntimeError(f"{words}: exit code {done.code}: {done.output}{done.errors}")
    return answer


@contextmanager
def ready(tell: Narrator) -> Iterator[Stage]:
    """Lay out the folder, the repository and both warehouses, and take all of it away again."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshbot-demo-")))
        _keep_inside(folder)
        repository, planned = _project(folder / "kettle"), _project(folder / "planned")
        # The thread puts the servers on this stack, above itself or, if the story ends early, while it is waited for.
        thread = stack.enter_context(ThreadPoolExecutor(1))
        warehouses = thread.submit(_warehouses, stack, folder, planned)
        slack = stack.enter_context(listening())
        stage = Stage(folder, repository, warehouses, slack, tell)
        (repository / ".gitignore").write_text(".cache/\nlogs/\n.meshbot/\n")
        (repository / "meshbot.yaml").unlink()  # the story begins before there is one
        stage.git("init", "--quiet", "--initial-branch", "main")
        stage.commit("The shop's models")
        yield stage


def _project(place: Path) -> Path:
    return Path(shutil.copytree(PROJECT, place, ignore=shutil.ignore_patterns(".cache", "logs")))


def _keep_inside(folder: Path) -> None:
    """Have everything that we start write below the folder, whatever it takes for its home."""
    for name in ("home", "run", "tmp"):
        (folder / name).mkdir(mode=0o700)
    os.environ |= {"HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "run"), "TMPDIR": str(folder / "tmp")}
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def _warehouses(stack: ExitStack, folder: Path, project: Path) -> tuple[Warehouse, Warehouse]:
    from scheduler import embedded

    first, second = folder / "pg", folder / "pg2"
    with embedded.postgres(first) as url:
        warehouse = Warehouse(url)
        warehouse.do_without_the_disk()
        warehouse.create()
        warehouse.plan(project, AS_OF, folder)
        warehouse.forget_evaluations()
        warehouse.keep()
    clone(first, second)
    shop, plain = (Warehouse(stack.enter_context(embedded.postgres(place))) for place in (first, second))
    _grant(folder, shop)
    return shop, plain


def _grant(folder: Path, shop: Warehouse) -> None:
    """Grant the project the one secret that its job file names."""
    granted = folder / "meshbot" / "secrets" / "kettle"
    granted.mkdir(parents=True)
    (granted / "KETTLE_DB_HOST").write_text(shop.host)


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen on a loopback port for what Meshbot would send to Slack."""
    letters: list[dict[str, Any]] = []

    class Slack(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            letters.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slack)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Listener(f"http://127.0.0.1:{server.server_port}/services/demo", letters)
    finally:
        server.shutdown()
        server.server_close()


def running_in(folder: Path) -> list[str]:
    """Return the command lines of all processes that work in the folder or name it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if str(folder) in f"{process.cwd()} {words}":
                found.append(words)
    return found


def until(probe: Callable[[], T], timeout: float) -> T:
    """Call `probe` until it returns something true and return that. Raises `TimeoutError` after `timeout` seconds."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s in vain")
        pause.wait(0.7)
    return value
