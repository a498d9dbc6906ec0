"""What claiming costs and what it gives: plain `sqlmesh run` beside `meshrun run`, paired on the same database."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from bench import slowdag
from bench.conftest import Results, Row
from kettle import BIN, PROJECT, Warehouse, together
from waiting import until

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

PAIRS = 5
SLOTS = 2
Command = Sequence[str | Path]


def plain(project: Path, *options: str) -> Command:
    return [BIN / "sqlmesh", "-p", project, "run", "prod", "--skip-janitor", *options]


def ours(project: Path, job: str, run_id: str, *options: str) -> Command:
    return [BIN / "meshrun", "run", project, "prod", "--job", job, "--run-id", run_id, *options]


@dataclass(frozen=True)
class Shop:
    """The sample project, planned as of yesterday: all of its models are due."""

    warehouse: Warehouse
    project: Path


@pytest.fixture(scope="module")
def shop(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    project = Path(shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns(".cache")))
    warehouse = Warehouse(postgres_server)
    warehouse.create()
    warehouse.plan(project, "1 day ago", folder)
    warehouse.forget_evaluations()
    warehouse.keep()
    return Shop(warehouse, project)


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds on the wall, and seconds of processor."""

    wall: float
    cpu: float


def cost(command: Command, env: Mapping[str, str], cwd: Path) -> Cost:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    [ended] = together([command], env, cwd)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.code == 0, ended.output + ended.errors
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def paired(shop: Shop, *, due: bool, pairs: int) -> tuple[list[Cost], list[Cost]]:
    """Measure pairs, and let each side begin in turn; with `due`, on the database as it was kept.

    Each side runs once before, unmeasured: files are then in memory, and with `due` off nothing is due any more.
    """
    commands = {"plain": plain(shop.project), "ours": ours(shop.project, "bench", "bench-1")}
    for command in commands.values():
        cost(command, shop.warehouse.env, shop.project.parent)
    costs: dict[str, list[Cost]] = {"plain": [], "ours": []}
    for pair in range(pairs):
        for side in sorted(commands, reverse=bool(pair % 2)):
            if due:
                shop.warehouse.restore()
            costs[side].append(cost(commands[side], shop.warehouse.env, shop.project.parent))
    return costs["ours"], costs["plain"]


def compare(what: str, ours: list[float], other: list[float], aim: str, again: str) -> Row:
    """Compare the fastest of each side: what other processes of the machine take is never less than nothing."""
    mine, theirs = min(ours), min(other)
    return Row(what, f"{mine:.2f} s", f"{theirs:.2f} s", mine / theirs, aim, again)


def test_one_run_costs_what_a_plain_run_costs(shop: Shop, results: Results, again: str) -> None:
    mine, theirs = paired(shop, due=True, pairs=PAIRS)
    for what, of in (("on the wall", "wall"), ("processor", "cpu")):
        results.add(
            compare(
                f"one run, 15 models due, {what} (fastest of {PAIRS}, alternated; plain sqlmesh run)",
                [getattr(cost, of) for cost in mine],
                [getattr(cost, of) for cost in theirs],
                "at most 1.03",
                again,
            )
        )


def test_a_run_with_nothing_to_do(shop: Shop, results: Results, again: str) -> None:
    mine, theirs = paired(shop, due=False, pairs=3)
    what = "one run, nothing due, on the wall (fastest of 3, alternated; plain sqlmesh run)"
    results.add(compare(what, [cost.wall for cost in mine], [cost.wall for cost in theirs], "", again))


@pytest.mark.parametrize("runs", [2, 5])
def test_overlapping_runs_do_nothing_twice(shop: Shop, results: Results, again: str, runs: int) -> None:
    found = {}
    end = ("--end", f"{datetime.now(UTC):%Y-%m-%d %H:%M}")  # nothing new becomes due meanwhile
    for side in ("plain", "ours"):
        shop.warehouse.restore()
        shop.warehouse.switch("slow_seconds", 1.0)
        commands = [
            plain(shop.project, *end) if side == "plain" else ours(shop.project, f"job-{n}", f"job-{n}-1", *end)
            for n in range(runs)
        ]
        ended = together(commands, shop.warehouse.env, shop.project.parent)
        found[side] = (shop.warehouse.evaluations(), shop.warehouse.double_rows(), [run.code for run in ended])
        print(f"\n{runs} overlapping, {side}: {found[side]}")  # noqa: T201
    evaluations, doubles, codes = found["ours"]
    words = {
        side: f"{sum(counts.values())} evaluations, {sum(rows.values())} rows twice"
        for side, (counts, rows, _) in found.items()
    }
    what = f"{runs} overlapping runs that owe 15 models (plain sqlmesh run)"
    results.add(Row(what, words["ours"], words["plain"], None, "15 evaluations, 0 rows twice", again))
    assert (set(evaluations.values()), len(evaluations), doubles, set(codes)) == ({1}, 15, {}, {0})


@dataclass(frozen=True)
class Dag:
    """A planned project of sleeping models."""

    warehouse: Warehouse
    project: Path


@pytest.fixture(scope="module")
def dag(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Dag:
    warehouse = Warehouse(postgres_server, "chains")
    project = slowdag.lay_out(tmp_path_factory.mktemp("chains") / "project", warehouse, slowdag.chains())
    warehouse.query("INSERT INTO ops.gate VALUES (CLOCK_TIMESTAMP())")
    warehouse.plan(project, "1 day ago", project.parent)
    warehouse.query("TRUNCATE ops.gate, ops.done")
    warehouse.query("UPDATE ops.sleep SET seconds = %s", slowdag.SECONDS)
    warehouse.keep()
    return Dag(warehouse, project)


def test_processes_share_one_run(dag: Dag, results: Results, again: str) -> None:
    work = f"{slowdag.CHAINS} chains of {slowdag.LENGTH} models of {slowdag.SECONDS} s"
    for processes in (1, 2, 4):
        dag.warehouse.restore()
        started, took = shared(dag, processes)
        least = slowdag.SECONDS * slowdag.LENGTH * max(1, slowdag.CHAINS / (SLOTS * processes))
        what = (
            f"one run on {processes} process{'es' * (processes > 1)} with {SLOTS} models at a time each: {work} "
            f"(the critical path; all were up after {started:.1f} s, not counted)"
        )
        aim = "near 1 (the rest is SQLMesh's own work for a model)"
        results.add(Row(what, f"{took:.2f} s", f"{least:.2f} s", took / least, aim, again))


def shared(dag: Dag, processes: int) -> tuple[float, float]:
    """Run one run in several processes; return the seconds until all are up, and from the gate to the last model."""
    command = ours(dag.project, "chains", "chains-1", "--max-concurrent-models", str(SLOTS))
    began = time.monotonic()
    with running([command] * processes, dag) as outputs:
        until(lambda: all('"event":"start"' in text(output).replace(" ", "") for output in outputs), 120)
        started = time.monotonic() - began
        dag.warehouse.query("INSERT INTO ops.gate VALUES (CLOCK_TIMESTAMP())")
    [(took, models)] = dag.warehouse.query(
        "SELECT EXTRACT(EPOCH FROM MAX(done_at) - (SELECT opened_at FROM ops.gate))::FLOAT, COUNT(*) FROM ops.done"
    )
    assert models == slowdag.CHAINS * slowdag.LENGTH + 1
    return started, took


@contextmanager
def running(commands: Sequence[Command], dag: Dag) -> Iterator[list[IO[str]]]:
    """Start commands, yield their outputs, and wait for them; each must end well."""
    outputs = [(dag.project.parent / f"output-{time.monotonic_ns()}").open("w+") for _ in commands]
    processes = [
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=dag.project.parent)
        for command, output in zip(commands, outputs, strict=True)
    ]
    try:
        yield outputs
        codes = [process.wait() for process in processes]
        assert set(codes) == {0}, [text(output) for output in outputs]
    finally:
        for process, output in zip(processes, outputs, strict=True):
            process.kill()
            process.wait()
            output.close()


def text(output: IO[str]) -> str:
    return Path(output.name).read_text()


@pytest.fixture(scope="module")
def fresh(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Dag:
    """A five-minute model, and a daily one beside it that takes long."""
    warehouse = Warehouse(postgres_server, "fresh")
    models = {
        "slices": slowdag.slices(),
        "long": slowdag.full("long", slowdag.SLEEP, None),
    }
    project = slowdag.lay_out(tmp_path_factory.mktemp("fresh") / "project", warehouse, models)
    warehouse.plan(project, "2 days ago", project.parent)
    warehouse.query("TRUNCATE ops.done; UPDATE ops.sleep SET seconds = 25")
    warehouse.keep()
    return Dag(warehouse, project)


def test_a_five_minute_model_stays_fresh_beside_a_long_one(fresh: Dag, results: Results, again: str) -> None:
    waits = {side: freshness(fresh, side) for side in ("plain", "ours")}
    results.add(
        Row(
            "a five-minute model's delay while another takes 25 s (one job of plain sqlmesh run, each after the last)",
            f"{waits['ours']:.1f} s",
            f"{waits['plain']:.1f} s",
            waits["ours"] / waits["plain"],
            "does not grow with the long model",
            again,
        )
    )


def freshness(fresh: Dag, side: str) -> float:
    """Return the seconds from a tick that comes while the long model runs to the data of that tick."""
    fresh.warehouse.restore()
    before = ("--end", (datetime.now(UTC) - timedelta(minutes=20)).strftime("%Y-%m-%d %H:%M:%S"))
    first, second = (
        [plain(fresh.project, *before), plain(fresh.project)]
        if side == "plain"
        else [ours(fresh.project, "all", "all-1", *before), ours(fresh.project, "all", "all-2")]
    )
    with running([first], fresh):
        until(lambda: is_long_running(fresh), 120)
        tick = time.monotonic()
        if side == "ours":
            return until_fresh(fresh, second, tick)
    return until_fresh(fresh, second, tick)


def is_long_running(fresh: Dag) -> bool:
    asked = """
        SELECT 1 FROM pg_stat_activity
        WHERE state = 'active' AND query LIKE '%PG_SLEEP(MAX(%' AND pid <> PG_BACKEND_PID()
    """
    return bool(fresh.warehouse.query(asked))


def until_fresh(fresh: Dag, command: Command, tick: float) -> float:
    asked = "SELECT 1 FROM dag.slices HAVING MAX(slice) >= CLOCK_TIMESTAMP() AT TIME ZONE 'UTC' - INTERVAL '11 minutes'"
    with running([command], fresh):
        until(lambda: fresh.warehouse.query(asked), 120)
        return time.monotonic() - tick
