"""What a run says of its environment is what the job file is held against: changed, added, and unchanged models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from projects import Finished, Project, fresh_database, model, write_project

from bot import durations, files
from bot.services import Services
from scheduler.report import parse
from scheduler.settings import Settings
from scheduler.store import Store

pytestmark = [pytest.mark.xdist_group("promoted"), pytest.mark.slow]

JOB_FILE = """\
version: 1
project: shop
environment: prod
jobs:
  all: {schedule: "@daily"}
  cleanup: {type: janitor, schedule: "37 3 * * *"}
"""
ORDERS = "models/orders.sql"
MODELS = {
    "orders.sql": model("s.orders", "FULL", "SELECT works AS n FROM log.switch"),
    "report.sql": model("s.report", "VIEW", "SELECT o.n FROM s.orders AS o JOIN s.fees AS f ON TRUE"),
    "kept.sql": model(
        "s.kept", "INCREMENTAL_BY_TIME_RANGE (time_column ds)", "SELECT works AS n, @start_date AS ds FROM log.switch"
    ),
    "fees.sql": "MODEL (name s.fees, kind EMBEDDED);\nSELECT 1 AS fee\n",
    "countries.sql": "MODEL (name s.countries, kind SEED (path '../seeds/countries.csv'));\n",
    "../seeds/countries.csv": "id,name\n1,Norway\n",
    "../external_models.yaml": "- name: log.switch\n  columns:\n    works: int\n  audits:\n    - name: not_null\n"
    "      columns: '[works]'\n",
}


@pytest.fixture
def project(tmp_path: Path, postgres_server: str) -> Project:
    made = write_project(tmp_path / "project", fresh_database(postgres_server), MODELS)
    (made.folder / "meshbot.yaml").write_text(JOB_FILE)
    made.plan("prod", "--empty-backfill")
    made.owe()
    return made


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    made = Services(Settings(data_dir=tmp_path / "data"))
    (tmp_path / "data").mkdir()
    store = Store(made.settings.database)
    store.migrate()
    store.close()
    yield made
    made.close()


def keep(services: Services, ended: Finished) -> None:
    """Keep what a run said, as the reconciler does at its end."""
    said = parse(json.dumps(line).replace('{"meshrun": 1', '{"meshrun":1', 1).encode() + b"\n" for line in ended.lines)
    assert said.promoted is not None
    services.logs.keep_promoted(("shop", "prod"), datetime.now(UTC), said.promoted)


def found(services: Services, project: Project) -> dict[str, list[str]]:
    (file,) = files.check(project.folder / "meshbot.yaml", durations.measured(services))["files"]
    return {one["code"]: one["models"] for one in file["findings"]}


def told(ended: Finished) -> list[str]:
    assert ended.code == 0, ended.output
    return [line["event"] for line in ended.lines if line["event"] == "promoted"]


def test_a_job_file_is_held_against_what_is_promoted(project: Project, services: Services) -> None:
    assert found(services, project) == {}
    first = project.run()
    assert told(first) == ["promoted"], first.output
    keep(services, first)
    assert found(services, project) == {}
    assert told(project.run()) == []  # nothing is owed, and nothing is new

    orders = project.folder / ORDERS
    orders.write_text(orders.read_text().replace("works AS n", "works + 1 AS n"))
    (project.folder / "models" / "late.sql").write_text(model("s.late", "FULL", "SELECT 1 AS n"))
    assert found(services, project) == {"differs-from-promoted": ["s.orders"], "not-promoted": ["s.late"]}

    project.plan("prod")
    planned = project.run()
    assert told(planned) == ["promoted"]
    keep(services, planned)
    assert found(services, project) == {}


def test_many_processes_of_many_runs_tell_it_once(project: Project) -> None:
    running = [project.start("--run-id", f"run-{number // 2}") for number in range(4)]
    assert [told(each.finish()) for each in running].count(["promoted"]) == 1
