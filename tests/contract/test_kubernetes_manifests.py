"""The manifests on a real cluster: it takes them, and the launcher does all of its work with the rights they give."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubehouse import House
from manifests import Manifest, objects, rendered, why_not_rendered, written
from podplaces import PROGRAM, PodPlace, make_pod_place
from ruamel.yaml import YAML
from waiting import until

from scheduler.errors import Retryable
from scheduler.launchers import baggage
from scheduler.launchers.cluster import Cluster
from scheduler.launchers.kubernetes import KubernetesLauncher
from scheduler.launchers.tenancy import Lodging, Tenancy
from scheduler.observations import Absent

pytestmark = pytest.mark.xdist_group("cluster")
ACCOUNT = "meshbot-launcher"


def served(house: House) -> tuple[int, int]:
    found = json.loads(house.kubectl("version", "-o", "json"))["serverVersion"]
    return int(found["major"]), int(found["minor"].rstrip("+"))


def as_served(one: Manifest, version: tuple[int, int]) -> Manifest:
    """Write an object as an older cluster takes it. This is the whole difference down to 1.20."""
    if one["kind"] == "PodDisruptionBudget" and version < (1, 21):
        return one | {"apiVersion": "policy/v1beta1"}
    return one


def test_a_cluster_takes_every_object(cluster: House) -> None:
    if why := why_not_rendered():
        pytest.skip(why)
    version, mark = served(cluster), uuid.uuid4().hex[:6]
    text = rendered().replace("namespace: meshbot", f"namespace: t-{mark}")
    found = [as_served(one, version) for one in objects(text) if one["kind"] != "Namespace"]
    names = {one["metadata"]["namespace"] for one in found}
    assert names == {f"t-{mark}", f"t-{mark}-runs"}
    for name in names:
        cluster.kubectl("create", "namespace", name)
    try:
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
        said = cluster.kubectl("apply", "--dry-run=server", "--validate=true", "-f", "-", text=everything)
    finally:
        for name in names:
            cluster.kubectl("delete", "namespace", name, "--wait=false")
    assert len(said.splitlines()) == len(found)
    assert all(line.endswith("created (server dry run)") for line in said.splitlines())


@pytest.fixture
def place(cluster: House, tmp_path: Path) -> Iterator[PodPlace]:
    """A launcher that may do what the manifests grant in its namespace, and nothing else."""
    made = make_pod_place(tmp_path, cluster)
    for one in written("runs/rights.yaml"):
        one["metadata"]["namespace"] = made.namespace
        for subject in one.get("subjects", []):
            subject["namespace"] = made.namespace
        cluster.apply(one)
    made.kubectl("create", "serviceaccount", ACCOUNT)
    limited = tmp_path / "kubeconfig"
    limited.write_text(json.dumps(kubeconfig(made)))
    tenancy = Tenancy("test", Lodging(**made.lodging), {})
    launcher = KubernetesLauncher(Cluster(limited), tenancy, program=PROGRAM, tokens=lambda _: "of-the-repository")
    made.launchers.append(launcher)
    made.launcher = launcher  # type: ignore[assignment] # as PodPlace does
    yield made
    made.close()


def kubeconfig(place: PodPlace) -> Any:  # noqa: ANN401 - plain data
    """Return the cluster's own with the account's token in place of whoever it was for."""
    found = YAML(typ="safe").load(place.house.kubeconfig.read_text())
    found["users"] = [{"name": ACCOUNT, "user": {"token": token(place)}}]
    for context in found["contexts"]:
        context["context"]["user"] = ACCOUNT
    return found


def token(place: PodPlace) -> str:
    with suppress(subprocess.CalledProcessError):
        return place.kubectl("create", "token", ACCOUNT).strip()

    def made() -> Any:  # noqa: ANN401 - plain data; before 1.24 the cluster makes one
        account = place.house.get("serviceaccount", ACCOUNT, "-n", place.namespace)
        return account.get("secrets")

    (named,) = until(made)
    secret = place.house.get("secret", named["name"], "-n", place.namespace)
    return base64.b64decode(secret["data"]["token"]).decode()


def test_the_launcher_needs_no_other_right(place: PodPlace) -> None:
    launcher: Any = place.launcher
    launcher.known()
    place.launch("run-a", "say=up", "exit=0")
    place.launch("run-b", "say=up", "graceful", "forever")
    assert place.ended("run-a").code == 0
    assert place.log("run-a") == "up\n"
    place.running("run-b")
    launcher.cancel("run-b")
    assert place.ended("run-b").reason == "cancelled"
    launcher.cancel("run-c")  # before it was launched
    for run in ("run-a", "run-b", "run-c"):
        launcher.forget(run)
    launcher.prune(datetime.now(UTC) + timedelta(days=30))
    until(lambda: isinstance(launcher.observe("run-a"), Absent))
    with pytest.raises(Retryable, match="403"):
        Cluster(place.root.parent / "kubeconfig").get("secrets", place.namespace, "run-a-token")
    with pytest.raises(Retryable, match="403"):
        Cluster(place.root.parent / "kubeconfig").get("configmaps", place.namespace, baggage.name())
