"""SQLMesh issue 3866: two overlapping runs evaluate a model twice with `sqlmesh run`, and never with `meshrun run`."""

from __future__ import annotations

import pytest
from projects import Project, fresh_database, model, write_project
from waiting import until

pytestmark = pytest.mark.xdist_group("double")

SECONDS = 3
DAY = "@start_ts::timestamp AS ds, 1 AS id, clock_timestamp() AS at"
MODELS = {
    "s.by_time": ("INCREMENTAL_BY_TIME_RANGE (time_column ds)", f"SELECT {DAY}"),
    "s.by_key": ("INCREMENTAL_BY_UNIQUE_KEY (unique_key id)", f"SELECT {DAY}"),
    "s.unmanaged": ("INCREMENTAL_UNMANAGED", f"SELECT {DAY}"),
    "s.full": ("FULL", "SELECT 1 AS id, clock_timestamp() AS at"),
    "s.by_scd_column": (
        "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [at])",
        "SELECT 1 AS id, clock_timestamp()::text AS at",
    ),
    "s.by_scd_time": (
        "SCD_TYPE_2_BY_TIME (unique_key id, updated_at_name at)",
        "SELECT 1 AS id, clock_timestamp()::timestamp AS at",
    ),
    "s.view": ("VIEW", "SELECT 1 AS id"),
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Project:
    models = {f"{name}.sql": model(name, kind, query, sleep=SECONDS) for name, (kind, query) in MODELS.items()}
    made = write_project(tmp_path_factory.mktemp("double") / "project", fresh_database(postgres_server), models)
    made.plan("prod", "--empty-backfill")
    return made


@pytest.fixture
def project(planned: Project) -> Project:
    planned.owe()
    return planned


@pytest.mark.slow
def test_plain_sqlmesh_evaluates_every_model_twice(project: Project) -> None:
    runs = [project.start_sqlmesh("run", "prod", "--skip-janitor") for _ in range(2)]
    done = [run.finish() for run in runs]
    assert [run.code for run in done] == [0, 0], [run.output for run in done]
    assert set(project.evaluations().values()) == {2}
    assert project.rows("SELECT count(*)::int FROM s.unmanaged") == [(2,)]


@pytest.mark.slow
@pytest.mark.parametrize("job", [(), ("--job", "hourly")], ids=["runs of no job", "runs of one job"])
def test_meshrun_evaluates_every_model_once(project: Project, job: tuple[str, ...]) -> None:
    first = project.start(*job)
    until(project.sleeping, timeout=60)
    second = project.start(*job)
    done = [first.finish(), second.finish()]
    assert [run.code for run in done] == [0, 0], [run.output for run in done]
    assert project.evaluations() == dict.fromkeys(MODELS, 1)
    counts = {name: project.rows(f"SELECT count(*)::int FROM {name}") for name in MODELS}  # noqa: S608
    assert counts == {name: [(1,)] for name in MODELS}
    assert done[0].evaluated() | done[1].evaluated() == set(MODELS)
    assert not done[0].evaluated() & done[1].evaluated()
    assert set(done[1].statuses().values()) <= {"evaluated", "up_to_date", "claimed_elsewhere"}
