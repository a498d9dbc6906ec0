"""How fast webhooks are answered at 100 a second while GitHub hangs, beside a route that only answers; none is lost."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench.conftest import Results, Row
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hooksamples import SECRET, body, signed
from waiting import until

from scheduler.store import Store

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

A_SECOND, SECONDS, SENDERS = 100, 20, 24
PULLS = 50
BARE = Path(__file__).with_name("barehook.py")
MESHBOT = Path(sys.executable).parent / "meshbot"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def process(*arguments: object, env: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "said").open("ab") as log:
        started = subprocess.Popen([*map(str, arguments)], env=env, cwd=folder, stdout=log, stderr=log)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)


@contextmanager
def hanging_github() -> Iterator[str]:
    """A GitHub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def latencies(port: int, deliveries: list[bytes]) -> list[float]:
    """Send deliveries at a steady pace; return the milliseconds from when each was due to its answer."""
    start = time.perf_counter() + 0.5

    def send(first: int) -> list[float]:
        connection, took = http.client.HTTPConnection("127.0.0.1", port, timeout=30), list[float]()
        for number in range(first, len(deliveries), SENDERS):
            due = start + number / A_SECOND
            threading.Event().wait(max(0.0, due - time.perf_counter()))
            connection.request("POST", "/github", deliveries[number], headers_of(number, deliveries[number]))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 202
            took.append((time.perf_counter() - due) * 1000)
        connection.close()
        return took

    with ThreadPoolExecutor(SENDERS) as pool:
        return [one for some in pool.map(send, range(SENDERS)) for one in some]


def comment(number: int) -> bytes:
    """Make a command in a comment: each is stored, and each has the bot ask GitHub, which hangs."""
    pull = {"url": "https://api.example/pulls/1"}
    return body(
        "issue_comment created",
        comment__id=number + 1,
        comment__body="/meshbot status",
        issue__number=number % PULLS + 1,
        issue__pull_request=pull,
    )


def headers_of(number: int, content: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issue_comment",
        "X-GitHub-Delivery": f"bench-{number}",
        "X-Hub-Signature-256": signed(content),
    }


def percentile(values: list[float], part: int) -> float:
    return statistics.quantiles(values, n=100)[part - 1]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_hundred_deliveries_a_second(
    database: str,
    tmp_path: Path,
    valkey_url: str,
    request: pytest.FixtureRequest,
    results: Results,
    again: str,
) -> None:
    port, bare_port = free_port(), free_port()
    fresh: Callable[[], str] | None = request.getfixturevalue("postgres_url") if database == "postgres" else None
    url = fresh() if fresh else f"sqlite:///{tmp_path / 'meshbot.db'}"
    store = Store(url)
    store.migrate()
    deliveries = [comment(number) for number in range(A_SECOND * SECONDS)]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    with hanging_github() as github:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MESHBOT_")},
            "MESHBOT_DATA_DIR": str(tmp_path),
            "MESHBOT_DATABASE_URL": url,
            "MESHBOT_REDIS_URL": valkey_url,
            "MESHBOT_GITHUB_APP_ID": "7",
            "MESHBOT_GITHUB_PRIVATE_KEY": key.private_bytes(*form).decode(),
            "MESHBOT_GITHUB_WEBHOOK_SECRETS": SECRET,
            "MESHBOT_GITHUB_API_URL": github,
            "MESHBOT_WEB_BIND": f"127.0.0.1:{port}",
        }
        with process(sys.executable, BARE, f"127.0.0.1:{bare_port}", env=env, folder=tmp_path):
            until(lambda: is_ready(bare_port))
            bare = latencies(bare_port, deliveries)
        with process(MESHBOT, "bot", env=env, folder=tmp_path), process(MESHBOT, "web", env=env, folder=tmp_path):
            until(lambda: is_ready(port) and {one.process for one in store.heartbeats()} >= {"web", "bot"})
            ours = latencies(port, deliveries)
    kept = store.known(f"bench-{number}" for number in range(len(deliveries)))
    store.close()
    assert len(kept) == len(deliveries), "some deliveries were answered with 202 and lost"
    results.add(
        Row(
            f"p99 of a webhook's answer at {A_SECOND}/s while GitHub hangs, {database}; all {len(kept)} kept",
            f"{percentile(ours, 99):.1f} ms (median {percentile(ours, 50):.1f})",
            f"{percentile(bare, 99):.1f} ms (median {percentile(bare, 50):.1f}): a route that only answers 202",
            percentile(ours, 99) / percentile(bare, 99),
            "under 50 ms",
            again,
        )
    )
