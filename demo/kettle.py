"""The warehouse of the sample shop: make it, put it back, disturb it, and count what runs have done to it.

A SQLMesh state knows its database by name, so a copy must have that name again: `keep` and `restore` go through a
template database, and a second copy at the same time lives on a server of its own (`clone`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

PROJECT = Path(__file__).parent / "project"
ENVIRONMENT = "prod"
BIN = Path(sys.executable).parent
# What makes a row unique, where a row could be there twice.
KEYS = {
    "raw.orders": "order_id",
    "raw.page_views": "viewed_at",
    "raw.payments": "payment_id",
    "raw.subscriptions": "customer_id",
    "shop.sessions": "session_id",
    "shop.payments": "payment_id",
    "shop.subscription_history": "customer_id, valid_from",
    "live.pulse": "slice",
    "live.conversion": "slice",
    "finance.revenue_hourly": "hour, method",
    "finance.revenue_daily": "day",
    "finance.mrr": "plan",
    "growth.retention": "cohort",
    "growth.forecast": "day",
}


@dataclass(frozen=True)
class Warehouse:
    """A database of that name on the Postgres at `server` (a URL of any database of it)."""

    server: str
    database: str = "kettle"

    @property
    def host(self) -> str:
        """The host, or the folder of the Unix socket."""
        parts = urlsplit(self.server)
        return parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]

    @property
    def env(self) -> dict[str, str]:
        """The environment in which the project finds this warehouse, and nothing of Meshbot's."""
        return surroundings() | {"KETTLE_DB_HOST": self.host}

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 (whatever Postgres takes)
        """Run one statement in the database and return its rows, if it has any."""
        return self._on(self.database, sql.SQL(statement), *values)

    def create(self) -> None:
        """Make the database, empty."""
        self._on("postgres", sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))

    def do_without_the_disk(self) -> None:
        """Have the server write lazily: what is in it is thrown away soon."""
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            self._on("postgres", sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        self._on("postgres", sql.SQL("SELECT pg_reload_conf()"))

    def plan(self, project: Path, as_of: str, cwd: Path) -> str:
        """Apply the project as of a past moment, so that something is due since then; return what SQLMesh says."""
        return subprocess.run(
            [BIN / "sqlmesh", "-p", project, "plan", "--auto-apply", "--no-prompts", "--execution-time", as_of],
            env=self.env,
            cwd=cwd,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ).stdout

    def keep(self) -> None:
        """Remember the database as it is now."""
        self._copy(self.database, f"{self.database}_kept")

    def restore(self) -> None:
        """Put the database back as it was kept. Ends every connection to it."""
        self._copy(f"{self.database}_kept", self.database)

    def switch(self, name: str, value: float) -> None:
        """Disturb the project: `slow_seconds` or `provider_bug` (0 is undisturbed)."""
        self.query(
            "INSERT INTO ops.switches VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
            name,
            value,
        )

    def evaluations(self) -> dict[str, int]:
        """Count how often the data of each model were computed since `forget_evaluations`."""
        rows = self.query("SELECT REPLACE(model, '\"', ''), COUNT(*) FROM ops.evaluations GROUP BY 1 ORDER BY 1")
        return {model.removeprefix(f"{self.database}."): count for model, count in rows}

    def forget_evaluations(self) -> None:
        """Empty the ledger of evaluations."""
        self.query("DELETE FROM ops.evaluations")

    def double_rows(self) -> dict[str, int]:
        """Count, in each table that has some, the rows that are there although their key is there already."""
        counted = {
            table: self.query(f"SELECT COUNT(*) - COUNT(DISTINCT ({key})) FROM {table}")[0][0]
            for table, key in KEYS.items()
        }
        return {table: count for table, count in counted.items() if count}

    def _copy(self, source: str, target: str) -> None:
        names = {"source": sql.Identifier(source), "target": sql.Identifier(target)}
        self._on("postgres", sql.SQL("DROP DATABASE IF EXISTS {target} WITH (FORCE)").format(**names))
        self._on("postgres", sql.SQL("CREATE DATABASE {target} TEMPLATE {source}").format(**names))

    def _on(self, database: str, statement: sql.Composable, *values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        with psycopg.connect(self.server, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


def surroundings() -> dict[str, str]:
    """Return our environment with our commands first on the PATH, and nothing that would tell where a warehouse is."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MESHBOT_") and name != "KETTLE_DB_HOST"
    }
    return ours | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def clone(source: Path, target: Path) -> None:
    """Copy the folder of a Postgres that does not run. The owner is kept: as root, Postgres runs as another user."""
    shutil.copytree(source, target)
    for path in (source, *source.rglob("*")):
        owner = path.stat()
        os.chown(target / path.relative_to(source), owner.st_uid, owner.st_gid)


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, and all that it printed."""

    code: int
    output: str
    errors: str


def together(commands: Sequence[Sequence[str | Path]], env: Mapping[str, str], cwd: Path) -> list[Ended]:
    """Start all commands at once, wait for all, and return how each ended. None of them outlives the call."""
    with ExitStack() as stack:
        # Files, not pipes: a full pipe would stop a process until its turn to be read has come.
        files = [[stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2)] for _ in commands]
        processes = []
        for command, (output, errors) in zip(commands, files, strict=True):
            processes.append(subprocess.Popen(command, env=env, cwd=cwd, stdout=output, stderr=errors))
            stack.callback(processes[-1].wait)
            stack.callback(processes[-1].kill)
        codes = [process.wait() for process in processes]
        return [Ended(code, *map(_text, pair)) for code, pair in zip(codes, files, strict=True)]


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
