"""A project that nobody has read is described in a pod of a real cluster: with the graph of the local sandbox, and no
harm done. Its image is the one that is shipped for runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import describables
import hostiles
import images
import kubehouse
import pytest
from kubehouse import House
from podplaces import PodPlace, make_pod_place
from waiting import until

from bot import describing, sandbox
from bot.errors import Refused
from bot.sandbox import Limits, pods
from scheduler import dagjson
from scheduler.launchers.cluster import Cluster
from scheduler.launchers.describer import Describer
from scheduler.launchers.tenancy import Lodging, Tenancy
from scheduler.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.xdist_group("cluster")]
SECRET = "the-key-of-the-house"  # noqa: S105
SMALL = Limits(seconds=180, memory_mb=1200, output_mb=8, processes=60, disk_mb=64)
SHORT = Limits(seconds=15, memory_mb=1200, output_mb=8, processes=60, disk_mb=64)
HOSTILE = {
    "an endless loop": (describables.LOOP, SHORT, "limit on time: it was not done after 15 s"),
    "one that sleeps and hears no signal": (hostiles.NEVER_ENDS, SHORT, "limit on time: it was not done after 15 s"),
    "ten gigabytes of memory": (describables.MEMORY, SMALL, "limit on memory: "),
    "a fork bomb": (describables.FORKS, Limits(processes=40, memory_mb=16000), "limit on processes: "),
    "a flood of words": (describables.FLOOD, SMALL, "limit on output: it wrote more than 8 MB"),
    "one that fills its folder": (hostiles.WRITES, SMALL, "limit on (disk|memory): "),
}


@dataclass
class Place:
    """A namespace with the shipped image, and what describes in it."""

    pods: PodPlace
    lodging: Lodging

    def describer(self) -> Describer:
        return Describer(Cluster(self.pods.kubeconfig), Tenancy("test", self.lodging, {}))

    def describe(self, tree: Path, path: str = ".", limits: Limits | None = None) -> str:
        return pods.describing(self.describer().describe, limits)(tree, path)

    def jobs(self) -> list[str]:
        listed = self.pods.house.get("jobs", "-n", self.pods.namespace)["items"]
        return [one["metadata"]["name"] for one in listed]

    def left(self) -> list[str]:
        found = [*self.jobs()]
        for kind in ("pods", "configmaps"):
            listed = self.pods.house.get(kind, "-n", self.pods.namespace, "-l", "meshbot.dev/describing")["items"]
            found += [one["metadata"]["name"] for one in listed]
        return found


@pytest.fixture(scope="module")
def place(cluster: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    node = kubehouse.RUN / "node" / "containerd.sock"
    if why := images.why_not_tested() or (
        None if node.exists() else "no images: the cluster's nodes are somebody else's"
    ):
        pytest.skip(why)
    image = images.build("run")
    images.carry(image, node)
    made = make_pod_place(tmp_path_factory.mktemp("describing"), cluster)
    lodging = Lodging(namespace=made.namespace, image=image, env={"WAREHOUSE": SECRET}, service_account="meshbot-run")
    yield Place(made, lodging)
    made.close()


@pytest.mark.parametrize("name", ["PLAIN", "BESIDE", "PYTHON_CONFIG"])
def test_an_honest_project_has_the_same_graph_as_without_a_pod(name: str, place: Place, tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", getattr(describables, name))
    (folder / ".git").mkdir(exist_ok=True)
    path = "warehouse" if name == "BESIDE" else "."
    assert dagjson.parse(place.describe(folder, path)) == describing.describe(folder / path)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_limit_holds_and_is_named(name: str, place: Place, tmp_path: Path) -> None:
    project, limits, words = HOSTILE[name]
    folder = describables.write(tmp_path / "tree", project)
    began = time.monotonic()
    with pytest.raises(sandbox.Broken, match=f"^describing .: stopped by the {words}") as caught:
        place.describe(folder, limits=limits)
    assert "--" not in str(caught.value)
    assert time.monotonic() - began < 240


def test_one_that_kills_its_guard_has_no_graph(place: Place, tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", hostiles.KILLS)
    with pytest.raises(Refused, match=r"describing .: what watches over it was ended from inside"):
        place.describe(folder, limits=SHORT)


def test_there_is_nothing_to_take(place: Place, tmp_path: Path) -> None:
    token = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where it would be
    place.pods.grant("WAREHOUSE_PASSWORD", SECRET)
    attempts = [
        ("environment", SECRET),
        ("environment", "MESHBOT_"),
        ("environment", "KUBERNETES_"),
        ("environments_of_others", SECRET),
        ("first_process", ""),
        ("file", "/proc/1/environ"),
        ("file", f"{token}/token"),
        ("folder", token),
        ("file", "/meshbot/token/token"),
        ("folder", "/meshbot/secrets"),
        ("file", "/proc/1/fd/1"),
        ("write", "/"),
        ("write", "/meshbot/code"),
        ("root", ""),
        ("device", "/dev/sda"),
    ]
    found = dagjson.parse(place.describe(describables.write(tmp_path / "tree", hostiles.burglar(attempts))))
    said = repr(found.faults)
    assert f"tried {len(attempts)}, got []" in said, said


def test_what_is_printed_is_no_graph(place: Place, tmp_path: Path) -> None:
    found = dagjson.parse(place.describe(describables.write(tmp_path / "tree", hostiles.PRINTS)))
    assert [model.name for model in found.models] == ["x.a"]


def test_two_bots_describe_the_same_tree_once(place: Place, tmp_path: Path) -> None:
    folder = describables.write(
        tmp_path / "tree", describables.PLAIN | {"models/z.sql": describables.model("two.bots")}
    )
    before = set(place.jobs())
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: place.describe(folder), range(2))
    assert first == second
    assert len(set(place.jobs()) - before) == 1


DIES = """
import os, sys
from pathlib import Path
from scheduler.launchers import describer
from scheduler.launchers.cluster import Cluster
from scheduler.launchers.seclusion import Allowed
from scheduler.launchers.tenancy import Lodging, Tenancy

kubeconfig, namespace, image, tree, step = sys.argv[1:]

class Dying(Cluster):
    def patch(self, *args):
        if step == "before the pod":
            os.kill(os.getpid(), 9)
        super().patch(*args)
        os.kill(os.getpid(), 9)

    def create(self, kind, manifest):
        made = super().create(kind, manifest)
        if step == "before the tree":
            os.kill(os.getpid(), 9)
        return made

tenancy = Tenancy("test", Lodging(namespace=namespace, image=image), {})
describer.Describer(Dying(Path(kubeconfig)), tenancy).describe(Path(tree), ".", Allowed(60.0, 2048, 8, 100, 64))
"""


@pytest.mark.parametrize("step", ["before the tree", "before the pod", "while it works"])
def test_whoever_comes_after_a_death_goes_on_and_all_of_it_goes_by_itself(
    step: str, place: Place, tmp_path: Path
) -> None:
    text = describables.model(f"dies.{step.replace(' ', '_')}")
    folder = describables.write(tmp_path / "tree", {"config.yaml": describables.DUCKDB, "models/a.sql": text})
    about = [str(place.pods.kubeconfig), place.pods.namespace, str(place.lodging.image), str(folder), step]
    before = set(place.jobs())
    done = subprocess.run([sys.executable, "-c", DIES, *about], check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (mine,) = set(place.jobs()) - before
    found = dagjson.parse(place.describe(folder, limits=Limits(60.0, 2048, 8, 100, 64)))
    assert [model.name for model in found.models] == [f"dies.{step.replace(' ', '_')}"]
    assert place.jobs().count(mine) == 1
    assert set(place.jobs()) - before <= {mine}
    until(lambda: not [one for one in place.left() if one.startswith(mine)], timeout=150, every=2)


def test_a_pod_that_cannot_be_is_said_with_what_to_change(place: Place, tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", describables.LOOP | {"models/b.sql": describables.model("no.image")})
    nowhere = Place(place.pods, place.lodging.model_copy(update={"python": "no-such-python"}))
    with pytest.raises(
        sandbox.NoSandbox, match=r"no-such-python cannot be started in its image.*config/kubernetes/runs"
    ):
        nowhere.describe(folder)


def test_the_settings_choose_it(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kubernetes.yaml"
    file.write_text(
        f"version: 1\ndefaults:\n  namespace: {place.pods.namespace}\n  image: {place.lodging.image}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("KUBECONFIG", str(place.pods.kubeconfig))
    describe, reader = sandbox.chosen(Settings(launcher="kubernetes", kubernetes_file=file))
    folder = describables.write(tmp_path / "tree", describables.BESIDE)
    assert dagjson.parse(describe(folder, "warehouse")) == describing.describe(folder / "warehouse")
    assert reader == f"image {place.lodging.image}"
