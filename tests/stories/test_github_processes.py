"""`meshbot web` and `meshbot bot` as they are deployed: what was taken in is handled, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hooksamples import SECRET, body, signed
from waiting import until

from scheduler.store import Store

MESHBOT = Path(sys.executable).parent / "meshbot"
PUSH = body("push", ref="refs/heads/master")
PATIENCE = 60


class HangingGitHub(BaseHTTPRequestHandler):
    """A GitHub that is slow until it is let go, and then knows nothing of us."""

    asked = threading.Semaphore(0)
    go_on = threading.Event()

    def do_GET(self) -> None:
        self.asked.release()
        self.go_on.wait(PATIENCE)
        content = b'{"message": "Not Found"}'
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - http.server's own name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def github() -> Iterator[type[HangingGitHub]]:
    class Fresh(HangingGitHub):
        asked, go_on = threading.Semaphore(0), threading.Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    server.daemon_threads = True
    Fresh.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Fresh
    Fresh.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Deployment:
    folder: Path
    env: dict[str, str]
    store: Store
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://{self.env['MESHBOT_WEB_BIND']}"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen([MESHBOT, *arguments], env=self.env, cwd=self.folder, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except OSError:
            return False

    def deliver(self, content: bytes, guid: str, kind: str = "push") -> int:
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": kind,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": signed(content),
        }
        asked = urllib.request.Request(f"{self.address}/github", content, headers)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - our own
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


def private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    return made.private_bytes(*form).decode()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield int(taken.getsockname()[1])


@pytest.fixture
def deployment(tmp_path: Path, valkey_url: str, github: type[HangingGitHub]) -> Iterator[Deployment]:
    with taken_port() as port:
        bind = f"127.0.0.1:{port}"
    key = tmp_path / "key.pem"
    key.write_text(private_key())
    store = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    store.migrate()
    ours = {
        "MESHBOT_DATA_DIR": str(tmp_path),
        "MESHBOT_REDIS_URL": valkey_url,
        "MESHBOT_GITHUB_APP_ID": "7",
        "MESHBOT_GITHUB_PRIVATE_KEY_FILE": str(key),
        "MESHBOT_GITHUB_WEBHOOK_SECRETS": SECRET,
        "MESHBOT_GITHUB_API_URL": github.url,  # type: ignore[attr-defined]
        "MESHBOT_WEB_BIND": bind,
        "MESHBOT_BOT_WORKERS": "2",
        "MESHBOT_HEAL_INTERVAL": "PT1H",
    }
    made = Deployment(
        tmp_path, {**{n: v for n, v in os.environ.items() if not n.startswith("MESHBOT_")}, **ours}, store
    )
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in made.started:
        process.wait(40)
    store.close()


def below(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def at_work(bot: subprocess.Popen[bytes], store: Store) -> int:
    """Find the worker that holds the lease of an inbox: the one whose number is in the holder's name."""
    from sqlalchemy import text

    with store.reading() as connection:
        holders = connection.execute(text("SELECT holder FROM leases WHERE name LIKE 'repo:%'")).scalars().all()
    if not holders:
        return 0
    number = int(holders[0].rpartition(":")[2])
    return below(bot.pid)[number]  # the first child makes the rounds


linux = pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")


@linux
def test_a_worker_killed_in_the_middle_of_a_delivery_leaves_it_to_another(
    deployment: Deployment, github: type[HangingGitHub]
) -> None:
    deployment.start("web")
    bot = deployment.start("bot")
    until(deployment.is_ready, PATIENCE)
    assert deployment.deliver(PUSH, "first") == 202
    assert deployment.deliver(PUSH, "first") == 200
    assert github.asked.acquire(timeout=PATIENCE)
    victim = until(lambda: at_work(bot, deployment.store), PATIENCE)
    os.kill(victim, signal.SIGKILL)
    while github.asked.acquire(timeout=0.1):
        pass
    assert github.asked.acquire(timeout=15), "nobody has taken it over within 15 seconds"  # a lease is for 20
    github.go_on.set()
    row = until(lambda: (row := deployment.store.delivery("first")) and row.handled_at and row, PATIENCE)
    assert row.attempts >= 2
    assert deployment.store.pending_count() == 0
    assert "ended with signal 9; another one begins" in deployment.said("bot")


@linux
def test_what_web_took_in_while_everything_else_was_down_is_handled_later(
    deployment: Deployment, github: type[HangingGitHub]
) -> None:
    import redis

    github.go_on.set()
    web = deployment.start("web")
    until(deployment.is_ready, PATIENCE)
    for number in range(20):
        content = body("issue_comment created", comment__id=number + 1, comment__body="/meshbot status")  # on an issue
        assert deployment.deliver(content, f"d{number}", "issue_comment") == 202
    web.kill()
    with redis.Redis.from_url(deployment.env["MESHBOT_REDIS_URL"]) as valkey:
        valkey.flushall()
    assert deployment.store.pending_count() == 20
    bot = deployment.start("bot")
    until(lambda: deployment.store.pending_count() == 0, PATIENCE)
    bot.send_signal(signal.SIGTERM)
    assert bot.wait(30) == 0
    assert "Traceback" not in deployment.said("bot")


@linux
def test_the_bot_leaves_nothing_behind_when_told_to_end_and_when_killed(deployment: Deployment) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        bot = deployment.start("bot")
        children = until(lambda: len(found := below(bot.pid)) == 3 and found, PATIENCE)  # noqa: B023 - called at once
        bot.send_signal(number)
        assert bot.wait(30) == (0 if number == signal.SIGTERM else -number)
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 10)  # noqa: B023 - called at once


def test_web_ends_when_it_is_told_to(deployment: Deployment) -> None:
    web = deployment.start("web")
    until(deployment.is_ready, PATIENCE)
    assert deployment.deliver(PUSH, "first") == 202
    until(lambda: [beat.process for beat in deployment.store.heartbeats()] == ["web"], PATIENCE)
    web.send_signal(signal.SIGTERM)
    assert web.wait(30) == 0
    assert deployment.store.heartbeats() == []
    assert SECRET not in deployment.said("web")


@pytest.mark.parametrize(
    ("process", "unset", "said"),
    [
        ("web", "MESHBOT_GITHUB_WEBHOOK_SECRETS", "without one anybody could pass for GitHub"),
        ("bot", "MESHBOT_GITHUB_APP_ID", "MESHBOT_GITHUB_APP_ID is not set"),
        ("bot", "MESHBOT_GITHUB_PRIVATE_KEY_FILE", "set MESHBOT_GITHUB_PRIVATE_KEY_FILE to the .pem file"),
        ("bot", "MESHBOT_REDIS_URL", "there is no Valkey to work with"),
    ],
)
def test_what_is_not_set_is_one_sentence(process: str, unset: str, said: str, deployment: Deployment) -> None:
    del deployment.env[unset]
    assert deployment.start(process).wait(PATIENCE) != 0
    assert said in " ".join(deployment.said(process).split())
    assert "Traceback" not in deployment.said(process)


@linux
def test_up_takes_webhooks_without_a_local_repository(deployment: Deployment, github: type[HangingGitHub]) -> None:
    github.go_on.set()
    del deployment.env["MESHBOT_REDIS_URL"]
    up = deployment.start("up")
    until(deployment.is_ready, PATIENCE)
    assert deployment.deliver(PUSH, "first") == 202
    until(lambda: deployment.store.pending_count() == 0, PATIENCE)
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    told = " ".join(deployment.said("up").split())
    assert f"{deployment.address}/github takes the webhooks of App 7" in told
    assert "follows" not in told
