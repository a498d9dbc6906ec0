"""A MariaDB of the machine's own packages, started by a test in a folder of its own and ended with it."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from waiting import until

PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def find(program: str) -> str | None:
    """Find a program of MariaDB on PATH or where packages put it."""
    return shutil.which(program) or shutil.which(program, path=PLACES)


@contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """Run a MariaDB on a free loopback port whose `root` has no password; yield the port."""
    data, port = folder / "data", _free_port()
    create = find("mariadb-install-db") or "mariadb-install-db"
    options = [f"--datadir={data}", f"--user={getpass.getuser()}"]
    subprocess.run(
        [create, "--no-defaults", *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    server = subprocess.Popen(
        [
            *(find("mariadbd") or "mariadbd", "--no-defaults", *options, f"--port={port}", "--bind-address=127.0.0.1"),
            *(f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--tmpdir={folder}"),
            *("--skip-networking=0", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=16M"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port), timeout=60)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def _answers(port: int) -> bool:
    try:
        pymysql.connect(host="127.0.0.1", port=port, user="root").close()
    except pymysql.err.MySQLError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
