"""Meshbot installed on a real cluster by its own manifests: migrated, rolled out, and a run brought to its end.

The cluster of the tests has no network of pods, no storage and one node: so pods use the node's network, and the folder
of logs is one of the test. All else is as the manifests say, the rights of the account in the pods above all.
"""

from __future__ import annotations

import json
import socket
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import images
import kubehouse
import pytest
from kubehouse import House
from manifests import Manifest, objects, rendered, why_not_rendered
from places import make_repository
from schedules import job, jobfile
from waiting import until

from scheduler.store import Origin, Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.xdist_group("cluster")]
PROCESSES = ("web", "worker", "clock", "watch", "bot")


@dataclass
class Install:
    """One installation, in two namespaces of its own."""

    house: House
    folder: Path
    name: str
    database: str

    @property
    def socket_folder(self) -> str:
        return parse_qs(urlsplit(self.database).query)["host"][0]

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return self.house.kubectl("-n", self.name, *arguments, text=text)

    def bring_secrets(self, redis: str) -> None:
        url = self.database.replace("postgresql://", "postgresql+psycopg://")
        services = (f"--from-literal=database-url={url}", f"--from-literal=redis-url={redis}")
        self.kubectl("create", "secret", "generic", "meshbot-services", *services)
        github = ("--from-literal=private-key.pem=none", "--from-literal=webhook-secrets=of-the-webhook")
        self.kubectl("create", "secret", "generic", "meshbot-github", *github)

    def apply(self, server: str, run: str) -> None:
        text = rendered().replace("namespace: meshbot", f"namespace: {self.name}")
        text = text.replace("registry.example.com/meshbot-run:0.1.0", run)
        text = text.replace("registry.example.com/meshbot:0.1.0", server)
        found = [self._here(one) for one in objects(text) if one["kind"] not in {"Namespace", "PodDisruptionBudget"}]
        everything = {"apiVersion": "v1", "kind": "List", "items": [*found, self._disk()]}
        self.house.kubectl("apply", "-f", "-", text=json.dumps(everything))

    def _here(self, one: Manifest) -> Manifest:
        """Adapt an object to a cluster without a network of pods and without storage."""
        if one["kind"] == "PersistentVolumeClaim":
            one["spec"] |= {"storageClassName": "", "volumeName": self.name}
        if one["kind"] == "ConfigMap" and "kubernetes.yaml" in one["data"]:
            seen = f'  mounts: {{"{self.folder}": {{host_path: "{self.folder}"}}}}\nprojects:'
            one["data"]["kubernetes.yaml"] = one["data"]["kubernetes.yaml"].replace("projects:", seen)
        if one["kind"] not in {"Deployment", "Job"}:
            return one
        spec = one["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        spec["hostNetwork"] = True
        spec["volumes"].append({"name": "socket", "hostPath": {"path": self.socket_folder}})
        container["volumeMounts"].append({"name": "socket", "mountPath": self.socket_folder})
        container["env"].append({"name": "MESHBOT_GITHUB_API_URL", "value": "http://127.0.0.1:9"})
        if one["metadata"]["name"] == "web":
            port = free_port()
            container["ports"][0]["containerPort"] = port
            container["env"].append({"name": "MESHBOT_WEB_BIND", "value": f"0.0.0.0:{port}"})
        return one

    def _disk(self) -> Manifest:
        logs = self.folder / "logs"
        logs.mkdir()
        logs.chmod(0o777)
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": self.name},
            "spec": {
                "capacity": {"storage": "20Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(logs)},
                "claimRef": {"namespace": self.name, "name": "meshbot-logs"},
            },
        }

    def remove(self) -> None:
        for name in (self.name, f"{self.name}-runs"):
            self.house.kubectl("delete", "namespace", name, "--wait=false")
        self.house.kubectl("delete", "persistentvolume", self.name, "--wait=false")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def install(cluster: House, tmp_path: Path, postgres_url: object) -> Iterator[Install]:
    node = kubehouse.RUN / "node" / "containerd.sock"
    missing = None if node.exists() else "no images: the cluster's nodes are somebody else's"
    if why := images.why_not_tested() or why_not_rendered() or missing:
        pytest.skip(why)
    for target in images.NAMES:
        images.carry(images.build(target), node)
    made = Install(cluster, tmp_path, f"t-{uuid.uuid4().hex[:8]}", postgres_url())  # type: ignore[operator] # a fixture
    tmp_path.chmod(0o777)
    for folder in (Path(made.socket_folder), Path(made.socket_folder).parent):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    for name in (made.name, f"{made.name}-runs"):
        cluster.kubectl("create", "namespace", name)
    yield made
    made.remove()


def test_the_manifests_make_an_installation_that_runs_jobs(install: Install, valkey_url: str) -> None:
    install.bring_secrets(valkey_url)
    install.apply(images.build("server"), images.build("run"))
    install.kubectl("wait", "--for=condition=complete", "--timeout=600s", "job/migrate")
    for name in PROCESSES:
        install.kubectl("rollout", "status", "--timeout=600s", f"deployment/{name}")
    store = Store(install.database.replace("postgresql://", "postgresql+psycopg://"))
    sha = make_repository(install.folder / "repository", {"project/readme.txt": "no project of SQLMesh"})
    origin = Origin(str(install.folder / "repository"), "project", "main", sha)
    store.merge_schedule(jobfile(job(schedule="0 0 1 1 *"), project="shop"), origin, datetime.now(UTC))
    run = store.manual_run("shop", "hourly", datetime.now(UTC))
    assert run
    ended = until(
        lambda: found if (found := store.run(run.id)) and found.state.is_final else None, timeout=240, every=1
    )
    assert ended
    assert ended.state.value == "failed", ended.message
    log = install.kubectl("exec", "deployment/bot", "--", "meshbot", "logs", run.id)
    assert "SQLMesh" in log or "sqlmesh" in log
    store.close()
