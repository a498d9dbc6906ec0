"""Small SQLMesh projects for tests: a folder with a configuration and models, on a fresh Postgres database.

Every model may say, in a first statement, that it was evaluated: `logged()` writes one row per evaluation into a table
outside of the models, in its own connection (dblink is not there), so that a test counts what really ran.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

SQLMESH = str(Path(sys.executable).with_name("sqlmesh"))
MESHRUN = (sys.executable, "-m", "meshrun")
QUIET = {"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true", "MAX_FORK_WORKERS": "1"}


@dataclass(frozen=True)
class Finished:
    """What a meshrun process left: its exit code, its report lines and its standard error."""

    code: int
    lines: list[dict[str, Any]]
    errors: str

    @property
    def end(self) -> dict[str, Any]:
        return self.lines[-1]

    def models(self) -> dict[str, dict[str, Any]]:
        """The line of each model, by its name."""
        return {line["model"]: line for line in self.lines if line["event"] == "model"}

    def statuses(self) -> dict[str, str]:
        return {name: line["status"] for name, line in self.models().items()}


@dataclass
class Running:
    """A meshrun process that was started and not awaited."""

    process: subprocess.Popen[str]

    def finish(self, timeout: float = 120) -> Finished:
        out, err = self.process.communicate(timeout=timeout)
        return Finished(self.process.returncode, [json.loads(line) for line in out.splitlines()], err)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)


@dataclass
class Project:
    """A project's folder and the database that it works in."""

    folder: Path
    url: str
    environ: dict[str, str] = field(default_factory=dict)

    def plan(self, environment: str = "prod", *arguments: str) -> None:
        """Apply a plan; `--skip-backfill` or `--empty-backfill` are the caller's choice."""
        command = ["plan", environment, "--auto-apply", "--no-prompts", "--skip-tests", *arguments]
        self.sqlmesh(*command).check_returncode()

    def sqlmesh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [SQLMESH, "-p", str(self.folder), *arguments]
        return subprocess.run(command, env=self._env(), capture_output=True, text=True, check=False)

    def popen_sqlmesh(self, *arguments: str) -> subprocess.Popen[str]:
        command = [SQLMESH, "-p", str(self.folder), *arguments]
        return subprocess.Popen(command, env=self._env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def start(self, *arguments: str, environment: str = "prod", **environ: str) -> Running:
        """Start `meshrun run` on this project."""
        return self.start_command("run", str(self.folder), environment, *arguments, **environ)

    def start_command(self, *arguments: str, **environ: str) -> Running:
        process = subprocess.Popen(
            [*MESHRUN, *arguments],
            env=self._env() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Running(process)

    def run(self, *arguments: str, environment: str = "prod", **environ: str) -> Finished:
        """Run `meshrun run` on this project to its end."""
        return self.start(*arguments, environment=environment, **environ).finish()

    def rewind(self, days: int = 1) -> None:
        """Forget the last days of what is done, so that every model owes them."""
        self.execute(f"UPDATE sqlmesh._intervals SET end_ts = end_ts - {days * 86_400_000}")  # noqa: S608

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def evaluations(self) -> dict[str, int]:
        """How often each model was evaluated, as its own first statement says."""
        return dict(self.rows("SELECT model, count(*)::int FROM log.evaluations GROUP BY 1"))

    def _env(self) -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | QUIET | self.environ


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
    project.execute("CREATE SCHEMA log")
    project.execute("CREATE TABLE log.switch AS SELECT 1 AS works")  # a test turns models off by 0
    project.execute("CREATE TABLE log.evaluations (model text, low timestamptz, high timestamptz, at timestamptz)")
    return project


def model(name: str, kind: str, query: str, *, sleep: float = 0.0, cron: str = "@daily", more: str = "") -> str:
    """Write a SQL model that logs each evaluation and takes at least `sleep` seconds."""
    values = f"('{name}', @start_ts::timestamptz, @end_ts::timestamptz, clock_timestamp())"
    log = f"@IF(@runtime_stage = 'evaluating', INSERT INTO log.evaluations VALUES {values});"  # noqa: S608
    nap = f"@IF(@runtime_stage = 'evaluating', SELECT pg_sleep({sleep}));" if sleep else ""
    extra = f", {more}" if more else ""
    return f"MODEL (name {name}, kind {kind}, cron '{cron}'{extra});\n{log}\n{nap}\n{query}\n"
