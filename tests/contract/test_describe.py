"""`meshrun describe` prints what `scheduler.dag` reads: the true graph of each project, whatever it misses here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import describables
import pytest
from waiting import until

from scheduler import dagjson
from scheduler.dag import Flag, Graph

pytestmark = pytest.mark.xdist_group("describe")
GOLDEN = {
    "plain": (describables.PLAIN, ["."]),
    "warehouse": (describables.WAREHOUSE, ["."]),
    "python_config": (describables.PYTHON_CONFIG, ["."]),
    "cloud": (describables.CLOUD, ["."]),
    "dbt_with_profile": (describables.DBT_WITH_PROFILE, ["."]),
    "broken": (describables.BROKEN, ["."]),
    "blueprints": (describables.BLUEPRINTS, ["."]),
    "beside": (describables.BESIDE, ["warehouse"]),
    "multi": (describables.MULTI, ["one", "two"]),
    "foreign": (describables.MULTI, ["two", "--beside", "one"]),
    "dbt": (describables.DBT, ["."]),
    "calls_home": (describables.CALLS_HOME, ["."]),
}
HOSTILE = {
    "endless loop": (describables.LOOP, ["--seconds=8"], "the limit on time"),
    "ten gigabytes": (describables.MEMORY, ["--memory-mb=1500"], "the limit on memory"),
    "fork bomb": (describables.FORKS, ["--processes=40"], "the limit on processes"),
    "flood": (describables.FLOOD, ["--output-mb=8"], "the limit on output"),
}


@dataclass(frozen=True)
class Described:
    """What one call printed, and the project's files before and after it."""

    code: int
    out: str
    said: str
    seconds: float

    @property
    def graph(self) -> Graph:
        assert self.code == 0, self.said
        return dagjson.parse(self.out)


def describe(folder: Path, *arguments: str, **environ: str) -> Described:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "meshrun", "describe", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Described(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


@pytest.fixture(scope="module")
def all_described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Described]:
    """Every project, two at a time: each call is a process that imports sqlmesh."""
    folder = tmp_path_factory.mktemp("describables")

    def one(name: str) -> Described:
        project, arguments = GOLDEN[name]
        place = describables.write(folder / name, project)
        before = listing(place)
        done = describe(place, *arguments, "--cache", str(folder / f"{name}.cache"))
        assert listing(place) == before, "describing writes nothing into the project"
        return done

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(GOLDEN, pool.map(one, GOLDEN), strict=True))


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def lasting(graph: Graph) -> str:
    """Write a graph without what is another thing with each version of SQLMesh: hashes, and words that are its own."""
    text = re.sub(r', "fingerprint": "[^"]*"', "", dagjson.dump(graph))
    text = re.sub(r'"sqlmesh": "[^"]*"', '"sqlmesh": "*"', text)
    text = re.sub(r"twice(_again)?\.sql", "twice*.sql", text)  # whichever of the two came first
    return re.sub(r"/\S*/test_|/\S*/describables\d+", "/", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDEN)
def test_a_project_has_its_true_graph(
    name: str, all_described: dict[str, Described], golden: Callable[[str, str], None]
) -> None:
    golden(f"describe/{name}.json", lasting(all_described[name].graph))


@pytest.mark.slow
def test_what_only_audits_and_statements_read_is_told_apart(all_described: dict[str, Described]) -> None:
    graph = all_described["plain"].graph
    assert graph["shop.orders"].hidden_reads == ("crm.people", "log.template")
    assert {Flag.EXTERNAL, Flag.UNDECLARED} <= graph["crm.people"].flags
    assert Flag.UNDECLARED not in graph["raw.customers"].flags
    assert [audit.name for audit in graph.audits] == ["no_holes"]
    assert graph.faults == ()


@pytest.mark.slow
def test_a_broken_file_costs_its_own_model_what_its_text_does_not_tell(all_described: dict[str, Described]) -> None:
    graph = all_described["broken"].graph
    assert graph["ok.good"].depends_on == ("ok.learned", "ok.syntax")
    assert graph["ok.syntax"].depends_on == ("ok.seeded", "raw.elsewhere")
    assert graph["ok.syntax"].cron == "@hourly"
    assert Flag.SEED in graph["ok.seeded"].flags
    assert "ok.twice" in graph
    places = {fault.where for fault in graph.faults}
    assert {"models/syntax.sql", "models/unparsable.py", "macros/broken.py", "audits/bad.sql"} <= places


@pytest.mark.slow
def test_engines_and_catalogs_are_those_of_the_configuration(all_described: dict[str, Described]) -> None:
    graph = all_described["warehouse"].graph
    assert (graph.default_catalog, graph.state_engine, graph.project) == ("ANALYTICS", "postgres", "finance")
    assert graph["finance.c"].depends_on == ("analytics.finance.b",)
    assert (graph["big.d"].gateway, graph["big.d"].engine) == ("big", "bigquery")
    assert any("SNOW_ACCOUNT" in fault.problem for fault in graph.faults)


@pytest.mark.slow
def test_nothing_reaches_the_network(all_described: dict[str, Described]) -> None:
    done = all_described["calls_home"]
    assert [model.name for model in done.graph.models] == ["x.a"]
    assert "needs no network" in done.graph.faults[0].problem


@pytest.mark.slow
def test_an_unchanged_tree_is_answered_without_sqlmesh(tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "one", describables.MULTI) / "one"
    cache = str(tmp_path / "cache")
    first = describe(folder, ".", "--cache", cache)
    os.utime(folder / "config.yaml")
    broken = tmp_path / "broken" / "sqlmesh"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('sqlmesh was imported')")
    again = describe(folder, ".", "--cache", cache, PYTHONPATH=str(broken.parent))
    assert again.out == first.out
    assert again.code == 0
    (folder / "models" / "more.sql").write_text(describables.model("one.more", "SELECT * FROM one.a"))
    assert "one.more" in describe(folder, ".", "--cache", cache).graph


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_limit_holds_and_is_named(name: str, tmp_path: Path) -> None:
    project, limits, words = HOSTILE[name]
    folder = describables.write(tmp_path / "hostile", project)
    done = describe(folder, ".", "--no-cache", *limits)
    assert (done.code, done.out) == (2, "")
    assert words in done.said
    assert living(folder) == []


@pytest.mark.slow
def test_a_killed_describe_leaves_nothing(tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "endless", describables.LOOP)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "meshrun", "describe", str(folder), "--no-cache"], stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: living(folder), 60)
        process.kill()
    until(lambda: not living(folder), 10)


def living(folder: Path) -> list[str]:
    """Return the processes that still stand in a project's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    missing = describe(tmp_path, "nowhere")
    assert (missing.code, missing.out) == (2, "")
    assert "nowhere: no such folder" in missing.said
    empty = describe(tmp_path, ".", "--no-cache")
    assert empty.code == 2
    assert "config could not be found" in empty.said


def test_variables_are_given_by_name(tmp_path: Path) -> None:
    wrong = describe(tmp_path, ".", "--env", "NAME")
    assert wrong.code == 2
    assert "write NAME=VALUE" in wrong.said


def test_the_document_has_its_version_first(tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "x", {"config.yaml": describables.DUCKDB})
    done = describe(folder, ".", "--no-cache")
    assert next(iter(json.loads(done.out))) == "meshbot_graph"
    assert done.graph.models == ()
