"""A place on a real cluster, with a namespace of its own: what `places` is for processes."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from kubehouse import IMAGE, House
from places import Place, make_repository
from waiting import until

from scheduler.launchers.cluster import Cluster
from scheduler.launchers.kubernetes import KubernetesLauncher
from scheduler.launchers.tenancy import Grant, Lodging, Mount, Tenancy, Tenant
from scheduler.observations import Exited, Observation, Running

RUNS = Path(__file__).parents[1] / "config" / "kubernetes" / "runs"
DATA = Path(__file__).parent / "data"
PROGRAM = ("python3", "-I", "-S", str(DATA / "program.py"))
_numbers = itertools.count()


@dataclass
class PodPlace(Place):
    """A launcher in a namespace of a cluster."""

    house: House = None  # type: ignore[assignment]
    namespace: str = ""
    kubeconfig: Path = Path()
    """That of an account which may do what `config/kubernetes/runs` allows, and nothing else."""
    lodging: dict[str, Any] = field(default_factory=dict)
    grants: dict[str, dict[str, Grant]] = field(default_factory=dict)
    env_from: dict[str, tuple[str, ...]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    launchers: list[KubernetesLauncher] = field(default_factory=list)

    def settle(self, **lodging: Any) -> None:  # noqa: ANN401 - keys of the operator's file
        """Write the operator's file anew, and begin with it."""
        self.lodging |= lodging
        tenants = {
            name: Tenant(**self.lodging, secrets=self.grants.get(name, {}), env_from=self.env_from.get(name, ()))
            for name in {*self.grants, *self.env_from}
        }
        tenancy = Tenancy("test", Lodging(**self.lodging), tenants)
        self.launcher = KubernetesLauncher(Cluster(self.kubeconfig), tenancy, **self.options)  # type: ignore[assignment]
        self.launchers.append(self.launcher)  # type: ignore[arg-type]
        self.launcher.known()  # as a watch does: the cluster is followed

    def grant(self, name: str, value: str, project: str = "shop", **options: Any) -> None:  # noqa: ANN401 - of a grant
        secret = f"granted-{next(_numbers)}"
        self.kubectl("create", "secret", "generic", secret, f"--from-literal=value={value}")
        self.grants.setdefault(project, {})[name] = Grant(secret=secret, key="value", **options)
        self.settle()

    def kubectl(self, *arguments: str, **options: Any) -> str:  # noqa: ANN401 - of kubectl
        return self.house.kubectl("-n", self.namespace, *arguments, **options)

    def pods(self, run_id: str) -> list[dict[str, Any]]:
        listed = self.house.get("pods", "-n", self.namespace, "-l", f"meshbot.dev/run={run_id}")
        return list(listed["items"])

    def job(self, run_id: str) -> dict[str, Any]:
        return dict(self.house.get("job", run_id, "-n", self.namespace))

    def ended(self, run_id: str, timeout: float = 120) -> Exited:
        return self._seen(run_id, Exited, timeout)  # type: ignore[return-value]

    def running(self, run_id: str) -> Running:
        return self._seen(run_id, Running, 120)  # type: ignore[return-value]

    def _seen(self, run_id: str, kind: type, timeout: float) -> Observation:
        def look() -> Observation | None:
            seen = self.launcher.observe(run_id)
            return seen if isinstance(seen, kind) else None

        return until(look, timeout=timeout)  # type: ignore[return-value]

    def close(self) -> None:
        for launcher in self.launchers:
            launcher.close()
        with suppress(subprocess.CalledProcessError):
            self.kubectl("delete", "jobs", "--all", "--wait=false")
            self.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
            self.house.kubectl("delete", "namespace", self.namespace, "--wait=false")


def make_pod_place(root: Path, house: House, **options: Any) -> PodPlace:  # noqa: ANN401 - of the launcher
    os.umask(0)  # the pods have a user of their own, and write into folders of the test
    root.chmod(0o777)
    repository, data = root / "repository", root / "data"
    sha = make_repository(repository)
    data.mkdir()
    namespace = f"t-{uuid.uuid4().hex[:8]}"
    house.kubectl("create", "namespace", namespace)
    place = PodPlace(data, None, repository, sha, house=house, namespace=namespace)  # type: ignore[arg-type]
    place.options = {"program": PROGRAM, **options}
    mounts = {
        str(root): Mount(host_path=str(root), read_only=False),
        str(DATA): Mount(host_path=str(DATA)),
    }
    place.kubeconfig = _restricted(place)
    place.settle(
        namespace=namespace,
        service_account="meshbot-run",
        image=IMAGE,
        mounts=mounts,
        grace=timedelta(seconds=1),
        resources={"cpu": "10m", "memory": "64Mi"},
    )
    return place


def _restricted(place: PodPlace) -> Path:
    """Make an account as an operator would, and a kubeconfig file for it."""
    here = "    namespace: meshbot\n", f"    namespace: {place.namespace}\n"
    files = [(RUNS / name).read_text().replace(*here) for name in ("access.yaml", "accounts.yaml", "network.yaml")]
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: meshbot}\n"
    place.kubectl("apply", "-f", "-", text="\n---\n".join([*files, account]))
    token = until(lambda: _token(place))
    config = json.loads(place.house.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    path = place.root / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def _token(place: PodPlace) -> str:
    """Return a token of the account: made on demand, or on an old cluster found in its Secret."""
    with suppress(subprocess.CalledProcessError):
        named = json.loads(place.kubectl("get", "serviceaccount", "meshbot", "-o", "json")).get("secrets")
        if not named:
            return place.kubectl("create", "token", "meshbot").strip()
        secret = json.loads(place.kubectl("get", "secret", named[0]["name"], "-o", "json"))
        return base64.b64decode(secret["data"]["token"]).decode()
    return ""
