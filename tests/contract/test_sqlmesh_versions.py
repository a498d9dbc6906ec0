"""Claiming works on every SQLMesh version that is stated as tested, run as a zipapp beside that version alone.

The versions are installed by uv into `.venv-sqlmesh-<version>` beside the project's own and kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path

import describables
import pytest
from projects import Project, fresh_database, model, write_project
from waiting import until

from scheduler import dagjson

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OLDER = ("0.228.5", "0.220.2")
DAY = "SELECT @start_ts::timestamp AS ds, 1 AS x"
AUDITS = "audits (some(at_least := 1))"
MODELS = {
    "by_time.sql": model("s.by_time", "INCREMENTAL_BY_TIME_RANGE (time_column ds)", DAY, gated=True),
    "appended.sql": model("s.appended", "INCREMENTAL_UNMANAGED", DAY, gated=True),
    "full.sql": model("s.full", "FULL", "SELECT count(*)::int AS n FROM s.by_time", more=AUDITS),
    "switched.sql": model("s.switched", "FULL", "SELECT 1 / works AS n FROM log.switch"),
    "view.sql": model("s.view", "VIEW", "SELECT n FROM s.switched"),
    "../audits/some.sql": "AUDIT (name some); SELECT * FROM @this_model WHERE n < @at_least;",
}


@pytest.fixture(scope="module", params=OLDER)
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The commands of an environment in which only this version of SQLMesh is."""
    folder = ROOT / f".venv-sqlmesh-{request.param}"
    if not (folder / "ready").exists():
        install(folder, request.param)
    packed = pack(tmp_path_factory.mktemp("packed"))
    binaries = folder / "bin"
    return {"meshrun": [str(binaries / "python"), str(packed)], "sqlmesh": [str(binaries / "sqlmesh")]}


def install(folder: Path, version: str) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    made = [
        subprocess.run([uv, *arguments], capture_output=True, text=True, check=False)
        for arguments in (
            ["venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)],
            ["pip", "install", "--quiet", "--python", str(folder), f"sqlmesh[postgres,mysql]=={version}"],
        )
    ]
    if any(each.returncode for each in made):
        pytest.skip(f"sqlmesh {version} cannot be installed here: {made[-1].stderr[-300:]}")
    (folder / "ready").touch()


def pack(folder: Path) -> Path:
    """Pack meshrun as it travels to a pod: the package and a first file, nothing else."""
    source = folder / "source"
    shutil.copytree(ROOT / "meshrun", source / "meshrun", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "__main__.py").write_text("import sys\nfrom meshrun.__main__ import main\nsys.exit(main())\n")
    zipapp.create_archive(source, folder / "meshrun.pyz")
    return folder / "meshrun.pyz"


@pytest.fixture
def project(tmp_path: Path, postgres_server: str, older: dict[str, list[str]]) -> Project:
    made = write_project(tmp_path / "project", fresh_database(postgres_server), MODELS)
    made.programs = older
    made.plan("prod", "--empty-backfill")
    made.owe()
    return made


def test_overlapping_runs_evaluate_once_fail_alone_and_go_on(project: Project) -> None:
    project.gate(is_open=False)
    project.execute("UPDATE log.switch SET works = 0")
    first = project.start("--job", "a")
    until(lambda: project.sleeping() == 2, timeout=120)
    second = project.start("--job", "b")
    until(second.lines, timeout=120)
    project.gate(is_open=True)
    done = [first.finish(), second.finish()]
    assert done[0].statuses()["s.by_time"] == done[0].statuses()["s.appended"] == "evaluated", done[0].output
    assert done[1].statuses()["s.by_time"] == done[1].statuses()["s.appended"] == "up_to_date", done[1].output
    assert {each.statuses().get("s.view") for each in done} == {"blocked"}, [each.output for each in done]
    assert project.evaluations()["s.full"] == project.evaluations()["s.appended"] == 1
    assert project.rows("SELECT count(*)::int FROM s.appended") == [(1,)]
    project.execute("UPDATE log.switch SET works = 1")
    last = project.run("--job", "a")
    assert last.code == 0, last.output


@pytest.mark.parametrize("name", ["PLAIN", "WAREHOUSE", "BLUEPRINTS", "BROKEN"])
def test_the_graph_is_the_same_as_by_the_newest(older: dict[str, list[str]], tmp_path: Path, name: str) -> None:
    folder = describables.write(tmp_path / "project", getattr(describables, name))
    newest, old = (
        subprocess.run(
            [*command, "describe", str(folder), "--cache", str(tmp_path / f"cache{number}")],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        for number, command in enumerate(([sys.executable, "-P", "-m", "meshrun"], older["meshrun"]))
    )
    assert old.returncode == newest.returncode == 0, old.stderr + newest.stderr
    graphs = [dagjson.parse(each.stdout) for each in (newest, old)]
    drawn = [[(m.name, m.kind, m.cron, m.depends_on, m.flags) for m in graph.models] for graph in graphs]
    assert drawn[0], "the project has models"
    assert drawn[0] == drawn[1]
