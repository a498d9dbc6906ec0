"""A model that restates itself is restated once, although two runs find at the same time that it is due."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project, fresh_database, model, write_project
from waiting import until

pytestmark = pytest.mark.slow

KIND = """INCREMENTAL_BY_TIME_RANGE (
  time_column ds, auto_restatement_cron '@weekly', auto_restatement_intervals 2
)"""
QUERY = "SELECT day AS ds FROM generate_series(@start_ts::timestamp, @end_ts, '1 day'::interval) AS t(day)"


@pytest.fixture
def project(tmp_path: Path, postgres_server: str) -> Project:
    models = {"m.sql": model("s.restated", KIND, QUERY, gated=True)}
    made = write_project(tmp_path / "project", fresh_database(postgres_server), models)
    made.plan("prod", "--empty-backfill")
    made.owe(days=0)
    assert made.run().end["outcome"] == "noop"  # the first run writes down when it is due next
    made.execute("UPDATE sqlmesh._auto_restatements SET next_auto_restatement_ts = 1764547200000")
    return made


def test_overlapping_runs_restate_once(project: Project) -> None:
    project.gate(is_open=False)
    running = [project.start("--job", job) for job in ("a", "b")]
    until(lambda: all(each.lines() for each in running) and project.sleeping(), timeout=60)
    project.gate(is_open=True)
    done = [each.finish() for each in running]
    assert [each.code for each in done] == [0, 0], [each.output for each in done]
    assert sorted(each.statuses()["s.restated"] for each in done) == ["evaluated", "up_to_date"]
    assert project.evaluations() == {"s.restated": 1}
    assert project.run().end["outcome"] == "noop"
