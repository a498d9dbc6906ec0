"""What `meshrun describe` takes beside SQLMesh's own load of the same project: cold, warm, and unchanged."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import describables
import pytest
from bench.conftest import Results, Row

from scheduler import dagjson

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

MODELS = int(os.environ.get("BENCH_MODELS", "1000"))
OWN = """
import sys
from sqlmesh.core.context import Context
for model in sorted(Context(paths=[sys.argv[1]]).models.values(), key=lambda model: model.name):
    print(model.name, *sorted(one.replace('"', '').removeprefix('memory.') for one in model.depends_on))
"""


@dataclass(frozen=True)
class Took:
    """Seconds of the wall clock, seconds of processors, and what was printed."""

    wall: float
    computed: float
    out: str


def project(folder: Path) -> Path:
    files = {"config.yaml": describables.DUCKDB}
    for number in range(MODELS):
        query = "SELECT 1 AS id, 'a' AS name, 2.0 AS amount"
        if number >= 20:
            query = (
                f"SELECT a.id, a.name, SUM(b.amount) AS amount FROM s.m{number - 20} AS a "  # noqa: S608 - a file is written
                f"JOIN s.m{number - 13} AS b ON a.id = b.id WHERE a.amount > {number} GROUP BY a.id, a.name"
            )
        files[f"models/part_{number % 10}/m{number}.sql"] = describables.model(f"s.m{number}", query, kind="FULL")
    return describables.write(folder, files)


def timed(*arguments: str, cwd: Path) -> Took:
    environ = {"PATH": os.environ["PATH"], "HOME": str(cwd), "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true"}
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-P", *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.monotonic() - began, computed, done.stdout)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Took]:
    folder = tmp_path_factory.mktemp("bench")
    place, cache = project(folder / "project"), folder / "cache"
    ask = ("-m", "meshrun", "describe", str(place), "--cache", str(cache))
    timed("-c", "import sqlmesh.core.context", cwd=folder)  # whoever comes first would pay for the disk
    found = {"own cold": timed("-c", OWN, str(place), cwd=folder), "own warm": timed("-c", OWN, str(place), cwd=folder)}
    shutil.rmtree(place / ".cache", ignore_errors=True)
    found["cold"] = timed(*ask, cwd=folder)
    (place / "models/part_3/m3.sql").write_text(
        describables.model("s.m3", "SELECT 4 AS id, 'b' AS name, 1.0 AS amount")
    )
    found["warm"] = timed(*ask, cwd=folder)
    found["unchanged"] = timed(*ask, cwd=folder)
    return found


def test_describing_beside_loading(measured: dict[str, Took], results: Results, again: str) -> None:
    graph = dagjson.parse(measured["cold"].out)
    ours = [" ".join((model.name, *model.depends_on)) for model in graph.models]
    assert ours == [line.strip() for line in measured["own cold"].out.splitlines()], "the edges are SQLMesh's"
    what = f"describe {MODELS:,} models"
    for mine, other, aim in (("cold", "own cold", "under 1.1"), ("warm", "own warm", "")):
        one, two = measured[mine], measured[other]
        ratio = one.computed / two.computed
        shown = [f"{took.computed:.1f} s of CPU, {took.wall:.1f} s" for took in (one, two)]
        results.add(Row(f"{what}, {mine}", shown[0], f"{shown[1]} (SQLMesh's load)", ratio, aim, again))
    last = measured["unchanged"]
    shown = [f"{last.computed:.2f} s of CPU, {last.wall:.2f} s", "no sqlmesh imported"]
    results.add(Row(f"{what}, unchanged", *shown, None, "under 1 s", again))
    assert measured["unchanged"].out == measured["warm"].out
