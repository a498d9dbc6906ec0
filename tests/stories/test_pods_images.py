"""A run on a real cluster in the images that are shipped: one fetches the commit, the other one runs SQLMesh."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import images
import kubehouse
import pytest
from kubehouse import House
from places import commit
from podplaces import PodPlace, make_pod_place
from projects import QUIET, Project, fresh_database, model, write_project
from running import Running
from schedules import job
from waiting import until

from scheduler.launchers.tenancy import Mount
from scheduler.runs import ModelStatus
from scheduler.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.xdist_group("cluster")]
MODELS = {f"{n}.sql": model(f"s.m{n}", "FULL", f"SELECT {n} AS id", sleep=0) for n in range(2)}
HOST = "SQLMESH__GATEWAYS__HERE__CONNECTION__HOST"


@pytest.fixture
def project(tmp_path: Path, postgres_server: str) -> Project:
    made = write_project(tmp_path / "shop", fresh_database(postgres_server), MODELS)
    made.plan("prod", "--empty-backfill")
    made.owe()
    return made


@pytest.fixture
def place(cluster: House, tmp_path: Path, project: Project) -> Iterator[PodPlace]:
    """A place whose pods have the images, and the address of the database from a Secret of the operator's."""
    node = kubehouse.RUN / "node" / "containerd.sock"
    if why := images.why_not_tested() or (
        None if node.exists() else "no images: the cluster's nodes are somebody else's"
    ):
        pytest.skip(why)
    run, server = images.build("run"), images.build("server")
    for image in (run, server):
        images.carry(image, node)
    made = make_pod_place(tmp_path, cluster, program=())
    database = parse_qs(urlsplit(project.url).query)["host"][0]
    found = [project.folder / "config.yaml", *sorted((project.folder / "models").iterdir())]
    files = {f"project/{path.relative_to(project.folder)}": path.read_text() for path in found}
    files["project/config.yaml"] = files["project/config.yaml"].replace(database, "nowhere.invalid")
    made.sha = commit(made.repository, files)
    made.kubectl("create", "secret", "generic", "state", f"--from-literal={HOST}={database}")
    made.env_from["shop"] = ("state",)
    made.settle(
        image=run,
        fetch_image=server,
        mounts=made.lodging["mounts"] | {database: Mount(host_path=database)},
        env=QUIET,
        run_as=Path(database).stat().st_uid or 10001,
        resources={"cpu": "10m", "memory": "900Mi"},
        grace=timedelta(seconds=20),
    )
    yield made
    made.close()


def test_the_shipped_images_evaluate_models(tmp_path: Path, place: PodPlace, project: Project) -> None:
    store = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    store.migrate()
    running = Running(store, place)
    spec = job("shared")
    running.push(spec)
    run = running.tick(spec)

    def over() -> bool:
        running.look()
        return running.run(run).state.is_final

    until(over, timeout=300, every=0.5)
    log = running.logs.read(run).decode()
    assert running.run(run).state.value == "succeeded", f"{running.run(run).message}\n{log[-4000:]}"
    assert {one.model: one.status for one in store.results(run)} == {f"s.m{n}": ModelStatus.EVALUATED for n in (0, 1)}
    assert set(project.evaluations().values()) == {1}
    (pod,) = place.pods(run)
    containers = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
    assert [one["image"].partition(":")[0] for one in containers] == [images.NAMES["server"], images.NAMES["run"]]
    store.close()
