"""Small SQLMesh projects for tests: a folder with a configuration and models, on a database of its own in Postgres.

Every model says in its first statement that it is evaluated, in the transaction of the evaluation: what is in
`log.evaluations` is what was really committed. `log.switch` turns off the models that read it, and a gated model is
not done before the gate is open.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql
from waiting import until
from zygote import ZYGOTE

DAY_MS = 86_400_000
QUIET = {"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true", "MAX_FORK_WORKERS": "1"}
SLEEPING = """
SELECT count(*)::int FROM pg_stat_activity
WHERE wait_event = 'PgSleep' AND state = 'active' AND datname = current_database()
"""
PHYSICAL = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE starts_with(schemaname, 'sqlmesh__')
"""
LOG = """
CREATE SCHEMA log;
CREATE TABLE log.switch AS SELECT 1 AS works;
CREATE TABLE log.gate AS SELECT true AS open;
CREATE TABLE log.evaluations (model text, low timestamptz, high timestamptz, at timestamptz);
CREATE TABLE log.statements (stage text);
CREATE FUNCTION log.pass() RETURNS void LANGUAGE plpgsql AS
'BEGIN WHILE NOT (SELECT open FROM log.gate) LOOP PERFORM pg_sleep(0.05); END LOOP; END';
"""
_numbers = itertools.count()


@dataclass(frozen=True)
class Finished:
    """What a process left: its exit code, its report lines if it was meshrun's, and what it printed."""

    code: int
    lines: list[dict[str, Any]]
    output: str

    @property
    def end(self) -> dict[str, Any]:
        return self.lines[-1]

    def models(self) -> dict[str, dict[str, Any]]:
        """The line of each model, by its name."""
        return {line["model"]: line for line in self.lines if line["event"] == "model"}

    def statuses(self) -> dict[str, str]:
        return {name: line["status"] for name, line in self.models().items()}

    def evaluated(self) -> set[str]:
        return {name for name, status in self.statuses().items() if status == "evaluated"}


@dataclass
class Running:
    """A process that was started and not awaited."""

    pid: int
    out: Path
    err: Path
    code: int | None = None

    def finish(self, timeout: float = 120) -> Finished:
        until(lambda: self.ended() is not None, timeout)
        code = self.ended()
        assert code is not None
        return Finished(code, self.lines(), self.out.read_text() + self.err.read_text())

    def lines(self) -> list[dict[str, Any]]:
        """The whole report lines so far."""
        text = self.out.read_text() if self.out.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith('{"meshrun": 1,')]

    def ended(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.code is None:
            self.code = ZYGOTE.poll(self.pid)
        return self.code

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def evaluates(self) -> bool:
        """Whether this process has said that it evaluates something."""
        return any(line["event"] == "evaluating" for line in self.lines())

    def evaluated(self) -> set[str]:
        """The models that this process has evaluated so far."""
        return {line["model"] for line in self.lines() if line.get("status") == "evaluated"}

    def await_evaluating(self, name: str) -> None:
        """Wait until this process says that it evaluates a model."""
        until(lambda: any(line.get("model") == name and line["event"] == "evaluating" for line in self.lines()), 60)


@dataclass
class Project:
    """A project's folder and the database that it works in."""

    folder: Path
    url: str
    environ: dict[str, str] = field(default_factory=dict)
    programs: dict[str, list[str]] = field(default_factory=dict)
    """Other commands to run for `meshrun` and `sqlmesh`, such as those of another version."""

    def plan(self, environment: str = "prod", *arguments: str) -> None:
        """Apply a plan, and remember what it left as done."""
        ended = self.sqlmesh("plan", environment, "--auto-apply", "--no-prompts", "--skip-tests", *arguments)
        assert ended.code == 0, ended.output
        self.execute("DROP TABLE IF EXISTS log.intervals")
        self.execute("CREATE TABLE log.intervals AS SELECT * FROM sqlmesh._intervals")

    def owe(self, days: int = 1) -> None:
        """Start over: all tables empty, no claims, nothing evaluated, and every model owes the last days."""
        for schema, table in self.rows(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'sqlmesh\\_\\_%'"
        ):
            self.execute(f'TRUNCATE "{schema}"."{table}"')
        self.execute("DROP TABLE IF EXISTS sqlmesh._meshbot_claims")
        self.owe_again(days)

    def owe_again(self, days: int = 1) -> None:
        """Forget that the last days are done and what was evaluated, but leave tables and claims as they are."""
        self.execute("TRUNCATE log.evaluations, log.statements, sqlmesh._intervals; UPDATE log.switch SET works = 1")
        self.gate(is_open=True)
        self.execute("INSERT INTO sqlmesh._intervals SELECT * FROM log.intervals")
        self.execute(f"UPDATE sqlmesh._intervals SET end_ts = end_ts - {days * DAY_MS}")  # noqa: S608

    def gate(self, *, is_open: bool) -> None:
        """Let gated models end, or not."""
        self.execute(f"UPDATE log.gate SET open = {is_open}")  # noqa: S608

    def sqlmesh(self, *arguments: str) -> Finished:
        return self.start_sqlmesh(*arguments).finish()

    def start_sqlmesh(self, *arguments: str) -> Running:
        return self._start("sqlmesh", ["-p", str(self.folder), *arguments], {})

    def start(self, *arguments: str, environment: str = "prod", **environ: str) -> Running:
        """Start `meshrun run` on this project."""
        return self.start_command("run", str(self.folder), environment, *arguments, **environ)

    def start_command(self, *arguments: str, **environ: str) -> Running:
        return self._start("meshrun", list(arguments), environ)

    def run(self, *arguments: str, environment: str = "prod", **environ: str) -> Finished:
        """Run `meshrun run` on this project to its end."""
        return self.start(*arguments, environment=environment, **environ).finish()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def evaluations(self) -> dict[str, int]:
        """How many evaluations of each model were committed."""
        return dict(self.rows("SELECT model, count(*)::int FROM log.evaluations GROUP BY 1"))

    def sleeping(self) -> int:
        """How many models are in the middle of their evaluation now."""
        return int(self.rows(SLEEPING)[0][0])

    def environment(self) -> dict[str, str]:
        """The environment variables of a process that works on this project."""
        return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | QUIET | self.environ

    def _start(self, program: str, arguments: list[str], environ: dict[str, str]) -> Running:
        outputs = Path(tempfile.mkdtemp(dir=self.folder.parent))
        out, err = outputs / "out", outputs / "err"
        program, *first = self.programs.get(program, [program])
        arguments = [*first, *arguments]
        return Running(ZYGOTE.start(program, arguments, self.environment() | environ, out, err), out, err)


def fresh_database(server: str) -> str:
    """Create an empty database on a Postgres server; return its URL."""
    name = f"project_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server.replace("/postgres?", f"/{name}?")


def postgres_gateway(url: str) -> str:
    """Write the connection of a Postgres URL (TCP, or a socket in `?host=`) as SQLMesh configuration."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]
    return (
        f"{{type: postgres, host: '{host}', port: {parts.port or 5432}, user: '{parts.username or 'postgres'}', "
        f"password: '{parts.password or ''}', database: '{parts.path.strip('/')}'}}"
    )


def write_project(folder: Path, url: str, models: Mapping[str, str], config: str = "") -> Project:
    """Write a project whose warehouse and state are in one Postgres database; `models` maps file names to texts."""
    (folder / "models").mkdir(parents=True)
    gateway = f"gateways:\n  here:\n    connection: {postgres_gateway(url)}\n"
    defaults = "default_gateway: here\nmodel_defaults: {dialect: postgres, start: 2026-01-01}\n"
    (folder / "config.yaml").write_text(gateway + defaults + config)
    for name, text in models.items():
        path = folder / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project = Project(folder, url)
    project.execute(LOG)
    return project


def model(name: str, kind: str, query: str, *, sleep: float = 0.0, gated: bool = False, more: str = "") -> str:
    """Write a SQL model that logs each evaluation; it takes at least `sleep` seconds, or until the gate is open."""
    values = f"('{name}', @start_ts::timestamptz, @end_ts::timestamptz, clock_timestamp())"
    log = f"@IF(@runtime_stage = 'evaluating', INSERT INTO log.evaluations VALUES {values});"  # noqa: S608
    pause = f"pg_sleep({sleep})" if sleep else "log.pass()"
    nap = f"@IF(@runtime_stage = 'evaluating', SELECT {pause});" if sleep or gated else ""
    extra = f", {more}" if more else ""
    return f"MODEL (name {name}, kind {kind}, cron '@daily'{extra});\n{log}\n{nap}\n{query};\n"
