"""Three pods share the models of one run through claims on a real Postgres, with the real meshrun and SQLMesh."""

from __future__ import annotations

import site
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from kubehouse import House
from places import commit
from podplaces import PodPlace, make_pod_place
from projects import QUIET, Project, fresh_database, model, write_project
from running import Running, now
from schedules import job
from waiting import until

from scheduler.launchers.tenancy import Mount
from scheduler.runs import ModelStatus, RunState
from scheduler.store import Store

pytestmark = pytest.mark.xdist_group("cluster")
MODELS = {f"{n}.sql": model(f"s.m{n}", "FULL", f"SELECT {n} AS id", sleep=3) for n in range(6)}
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
HOST = "SQLMESH__GATEWAYS__HERE__CONNECTION__HOST"


@pytest.fixture
def project(tmp_path: Path, postgres_server: str) -> Project:
    made = write_project(tmp_path / "shop", fresh_database(postgres_server), MODELS)
    made.plan("prod", "--empty-backfill")
    made.owe()
    return made


@pytest.fixture
def place(cluster: House, tmp_path: Path, project: Project) -> Iterator[PodPlace]:
    """A place whose runs have this machine's SQLMesh, and the database's address from a Secret of the operator's."""
    made = make_pod_place(tmp_path, cluster, program=())
    database = parse_qs(urlsplit(project.url).query)["host"][0]
    files = {f"project/{path.relative_to(project.folder)}": path.read_text() for path in _files(project.folder)}
    files["project/config.yaml"] = files["project/config.yaml"].replace(database, "nowhere.invalid")
    assert "nowhere.invalid" in files["project/config.yaml"]
    made.sha = commit(made.repository, files)
    made.kubectl("create", "secret", "generic", "state", f"--from-literal={HOST}={database}")
    made.env_from["shop"] = ("state",)
    packages = site.getsitepackages()[0]
    machine = {database: database, packages: packages, "/lib/x86_64-linux-gnu": LIBRARIES}
    made.settle(
        mounts=made.lodging["mounts"] | {path: Mount(host_path=found) for path, found in machine.items()},
        env=QUIET | {"PYTHONPATH": packages},
        run_as=Path(database).stat().st_uid or 10001,
        resources={"cpu": "10m", "memory": "900Mi"},
        grace=timedelta(seconds=20),
    )
    yield made
    made.close()


def _files(folder: Path) -> list[Path]:
    return [folder / "config.yaml", *sorted((folder / "models").iterdir())]


@pytest.mark.slow
def test_three_pods_evaluate_each_model_once_between_them(tmp_path: Path, place: PodPlace, project: Project) -> None:
    store = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    store.migrate()
    running = Running(store, place)
    spec = job("shared", parallelism=3, max_concurrent_models=1)
    running.push(spec)
    run = running.tick(spec)

    def over() -> bool:
        running.look()
        return running.run(run).state.is_final

    until(over, timeout=240, every=0.5)
    ended, log = running.run(run), running.logs.read(run).decode()
    assert ended.state is RunState.SUCCEEDED, f"{ended.message}\n{log[-4000:]}"
    assert set(project.evaluations().values()) == {1}
    assert len(project.evaluations()) == len(MODELS)
    assert {one.status for one in store.results(run)} == {ModelStatus.EVALUATED}
    assert log.count('"event": "end"') == 3
    again = running.tick(spec)
    until(lambda: running.is_in(again, RunState.NOOP), timeout=120, every=0.5)
    assert running.run(again).ended_at or now()
    store.close()
