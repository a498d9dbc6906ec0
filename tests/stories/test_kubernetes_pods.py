"""The pods of the manifests, begun here as containers: the real image, with what the manifests give each of them."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import images
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from manifests import Manifest, objects, rendered, why_not_rendered
from waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.xdist_group("images")]
KUBECONFIG = """
{"apiVersion": "v1", "kind": "Config", "current-context": "none",
 "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:9"}}],
 "users": [{"name": "none", "user": {"token": "none"}}],
 "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}]}
"""


@dataclass
class Pods:
    """What a cluster would make of the manifests, as options of containers."""

    objects: list[Manifest]
    folder: Path
    secrets: dict[str, dict[str, str]]
    ours: dict[str, str]
    """Variables that are different here than on a cluster."""

    def container(self, name: str) -> Manifest:
        spec: Manifest = self._spec(name)
        return dict(spec["containers"][0])

    def options(self, name: str) -> tuple[str, ...]:
        container = self.container(name)
        env = dict(self._data(container["envFrom"][0]["configMapRef"]["name"]))
        for one in container["env"]:
            ref = one.get("valueFrom", {}).get("secretKeyRef")
            found = self.secrets.get(ref["name"], {}).get(ref["key"]) if ref else one["value"]
            assert found is not None or (ref and ref.get("optional")), one
            env |= {} if found is None else {one["name"]: found}
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        volumes = {one["name"]: one for one in self._spec(name)["volumes"]}
        assert mounts.keys() == volumes.keys()
        brought = [self._brought(volumes[volume], path) for volume, path in mounts.items()]
        return (
            *(f"--env={key}={value}" for key, value in (env | self.ours).items()),
            *(f"--volume={one}" for one in brought if one),
            f"--volume={self.folder}:/shared",
        )

    def _spec(self, name: str) -> Manifest:
        (found,) = [
            one for one in self.objects if one["kind"] in {"Deployment", "Job"} and one["metadata"]["name"] == name
        ]
        return dict(found["spec"]["template"]["spec"])

    def _data(self, name: str) -> dict[str, str]:
        (found,) = [one for one in self.objects if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name]
        return dict(found["data"])

    def _brought(self, volume: Manifest, path: str) -> str | None:
        if "emptyDir" in volume:
            return None  # every container has those two
        here = self.folder / volume["name"]
        here.mkdir(exist_ok=True)
        if "persistentVolumeClaim" in volume:
            here.chmod(0o777)
            return f"{here}:{path}"
        if "configMap" in volume:
            files = self._data(volume["configMap"]["name"])
        else:
            secret = self.secrets[volume["secret"]["secretName"]]
            here = self.folder / f"{volume['name']}-{volume['secret']['items'][0]['key']}"
            here.mkdir(exist_ok=True)
            files = {one["path"]: secret[one["key"]] for one in volume["secret"]["items"]}
        for name, text in files.items():
            (here / name).write_text(text)
        return f"{here}:{path}:ro"


@pytest.fixture
def pods(valkey_url: str, tmp_path: Path) -> Pods:
    if why := images.why_not_tested() or why_not_rendered():
        pytest.skip(why)
    tmp_path.chmod(0o777)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secrets = {
        "meshbot-services": {"database-url": "sqlite:////shared/meshbot.db", "redis-url": valkey_url},
        "meshbot-github": {"private-key.pem": key.private_bytes(*form).decode(), "webhook-secrets": "of-the-webhook"},
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    nowhere = {"KUBECONFIG": "/shared/kubeconfig", "MESHBOT_GITHUB_API_URL": "http://127.0.0.1:9"}
    return Pods(objects(rendered()), tmp_path, secrets, nowhere | {"MESHBOT_WEB_BIND": bind})


@pytest.fixture
def image() -> str:
    if why := images.why_not_tested():
        pytest.skip(why)
    return images.build("server")


def test_each_pod_begins_with_what_it_is_given_and_its_probe_finds_it(pods: Pods, image: str) -> None:
    migrated = images.run(image, *pods.container("migrate")["args"], options=pods.options("migrate"))
    assert migrated.returncode == 0, migrated.stderr
    with ExitStack() as stack:
        names = ("web", "worker", "clock", "watch", "bot")
        begun = {
            name: stack.enter_context(images.started(image, *pods.container(name)["args"], options=pods.options(name)))
            for name in names
        }
        for name in names[1:]:
            probe = pods.container(name)["startupProbe"]["exec"]["command"]
            until(lambda: images.ask(begun[name], *probe).returncode == 0, timeout=120, every=1)  # noqa: B023 - at once
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = pods.container("web")[kind]["httpGet"]["path"]
            until(lambda: answers(f"http://{pods.ours['MESHBOT_WEB_BIND']}{path}"), timeout=60)  # noqa: B023 - at once
        assert {name: images.stop(container) for name, container in begun.items()} == dict.fromkeys(names, 0)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of this machine
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
