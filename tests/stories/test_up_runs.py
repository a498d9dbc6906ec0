"""`meshbot up` with a real SQLMesh project: what a run does is told where it happens, and asked for from elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from places import commit, git
from waiting import until

from bot import beacon

BIN = Path(sys.executable).parent
PATIENCE = 150
CONFIG = """
gateways:
  local:
    connection: {{type: duckdb, database: {folder}/warehouse.db}}
    state_connection: {{type: duckdb, database: {folder}/state.db}}
model_defaults: {{dialect: duckdb, start: 2026-01-01}}
"""
MODELS = {
    "orders": "select 1 as id",
    "refunds": "select error('the vendor sent rubbish')::int as id",
    "revenue": "select o.id from shop.orders o join shop.refunds r using (id)",
}
FILE = """
version: 1
project: shop
environment: prod
jobs:
  daily: {schedule: "@daily", description: "everything, once a day"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A committed project whose models are promoted and have everything still to do."""
    folder = tmp_path / "project"
    folder.mkdir()
    git("init", "--quiet", "--initial-branch=main", at=folder)
    models = {
        f"models/{name}.sql": f"MODEL (name shop.{name}, kind FULL, cron '@daily');\n{query}\n"
        for name, query in MODELS.items()
    }
    commit(folder, {**models, "config.yaml": CONFIG.format(folder=tmp_path), "meshbot.yaml": FILE})
    plan = [BIN / "sqlmesh", "plan", "prod", "--skip-backfill", "--skip-tests", "--auto-apply", "--no-prompts"]
    subprocess.run(plan, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_a_run_is_told_by_up_and_answered_elsewhere(project: Path) -> None:
    def ask(*arguments: str, code: int = 0) -> str:
        done = subprocess.run([BIN / "meshbot", *arguments], cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    with subprocess.Popen([BIN / "meshbot", "up", "--json"], cwd=project, stdout=subprocess.PIPE, text=True) as up:
        try:
            until(lambda: beacon.look(project / ".meshbot"), PATIENCE)
            until(lambda: "every model" in ask("jobs"), PATIENCE)
            answer = json.loads(ask("run", "daily", "--wait", "--json", code=1))
            assert answer["run"]["state"] == "partial"
            told = {model["model"].replace('"', "").rpartition(".")[2]: model for model in answer["models"]}
            assert {name: model["status"] for name, model in told.items()} == {
                "orders": "evaluated",
                "refunds": "failed",
                "revenue": "blocked",
            }
            assert "the vendor sent rubbish" in told["refunds"]["error"]

            log = ask("logs", answer["run"]["id"])
            assert "✔" in log
            assert "the vendor sent rubbish" in log
            assert ask("claims", "shop").strip() == "No model is held."
            assert "shop/daily fails since" in ask("status")
        finally:
            up.terminate()
            lines = [json.loads(line)["line"] for line in up.communicate(timeout=PATIENCE)[0].splitlines()]
    assert up.returncode == 0
    assert any("▶ shop/daily began" in line for line in lines)
    assert any("1 evaluated, 1 blocked, 1 failed" in line for line in lines)
    assert any("! " in line and "shop" in line for line in lines), "the alert is told too"
