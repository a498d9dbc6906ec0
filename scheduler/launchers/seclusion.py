"""The pod in which a project that nobody has read is described, as manifests: pure functions.

The rule: there is nothing in it to take. No Secret, no token, no account with rights, nothing of the operator's `env`
and `mounts`, no network where the cluster keeps its NetworkPolicy; and nothing to fill but memory of a fixed size. The
surprise: its Job is made without a pod. The tree follows in ConfigMaps that the Job owns, and then the Job may have
its pod, so that whoever dies in between leaves what ends and goes by itself, and whoever comes next goes on.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.launchers import hermit, pod
from scheduler.launchers.tenancy import Lodging

Manifest = dict[str, Any]

NAME = "meshbot-describing"
"""Of the pods, by which the NetworkPolicy finds them, and of their account."""
DESCRIBING = f"{pod.DOMAIN}/describing"
PATIENCE = 300
"""Seconds that a pod may take to get a node, and then again to begin."""
SLACK = 60
KEPT = 60
"""Seconds that an answer stays, for others who wait for it."""
PART = 900 * 1024
"""Bytes in a ConfigMap, of which a cluster takes 1 MiB."""
OVERHEAD_MB = 320
"""What meshrun's guard, its exactness and the hermit may hold besides."""
STRANGERS = 5000
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Allowed:
    """What a load may use: time, memory, answer, processes at once, and what it may write beside the tree."""

    seconds: float
    memory_mb: int
    output_mb: int
    processes: int
    disk_mb: int


@dataclass(frozen=True)
class Packed:
    """A tree as one archive, and how many bytes it takes unpacked."""

    data: bytes
    unpacked: int

    @property
    def parts(self) -> list[bytes]:
        """The archive in pieces, each of which fits into a ConfigMap."""
        return [self.data[start : start + PART] for start in range(0, len(self.data), PART)] or [b""]


def name(packed: Packed, path: str, allowed: Allowed, image: str, code: str) -> str:
    """Name the Job by all that decides the answer: who asks for the same finds the same Job."""
    found = hashlib.sha256(f"{path}\0{allowed}\0{image}\0{code}\0".encode(errors="surrogateescape") + packed.data)
    return f"describing-{found.hexdigest()[:32]}"


def job(named: str, packed: Packed, path: str, allowed: Allowed, lodging: Lodging, codes: tuple[str, str]) -> Manifest:
    """Return the Job, which has no pod yet; `codes` are the ConfigMap with the code and the beginning of the parts'."""
    code, beginning = codes
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": named, "namespace": lodging.namespace, "labels": labels(named, lodging)},
        "spec": {
            "parallelism": 0,
            "completions": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": deadline(allowed),
            "ttlSecondsAfterFinished": KEPT,
            "template": {
                "metadata": {"labels": labels(named, lodging)},
                "spec": {
                    **_place(named, lodging),
                    "containers": [_container(packed, path, allowed, lodging)],
                    "volumes": _volumes(packed, allowed, code, beginning),
                },
            },
        },
    }


def deadline(allowed: Allowed) -> int:
    """Say after how many seconds the cluster ends it, whoever is left to see it."""
    return math.ceil(allowed.seconds) + SLACK + 2 * PATIENCE


def labels(named: str, lodging: Lodging) -> dict[str, str]:
    """Return what Job, pod and parts are found by; never that of a run, which they are not."""
    ours = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "describing", pod.MANAGED_BY: "meshbot"}
    return {**lodging.labels, **ours, DESCRIBING: named}


def part(owner: Manifest, named: str, data: bytes) -> Manifest:
    """Return a ConfigMap with a piece of the tree; it goes with the Job."""
    about = owner["metadata"]
    owning = {"apiVersion": "batch/v1", "kind": "Job", "name": about["name"], "uid": about["uid"]}
    marks = {pod.MANAGED_BY: "meshbot", DESCRIBING: about["name"]}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": named,
            "namespace": about["namespace"],
            "labels": marks,
            "ownerReferences": [owning],
        },
        "immutable": True,
        "binaryData": {"part": base64.b64encode(data).decode()},
    }


def part_names(made: Manifest) -> list[str]:
    """Say by which names a Job waits for its parts."""
    volumes = made["spec"]["template"]["spec"]["volumes"]
    (given,) = [one for one in volumes if one["name"] == "given"]
    return [one["configMap"]["name"] for one in given["projected"]["sources"]]


def _place(named: str, lodging: Lodging) -> Manifest:
    user = lodging.run_as + 1 + int(named[-8:], 16) % STRANGERS  # the kernel counts processes by user, over all pods
    place = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": one} for one in lodging.image_pull_secrets],
        "nodeSelector": dict(lodging.node_selector),
        "tolerations": [one.model_dump(exclude_none=True) for one in lodging.tolerations],
        "priorityClassName": lodging.priority_class,
    }
    return {key: value for key, value in place.items() if value not in (None, [], {})}


def _container(packed: Packed, path: str, allowed: Allowed, lodging: Lodging) -> Manifest:
    command = [lodging.python, "-I", "-S", f"{hermit.CODE}/hermit.py", f"--path={path}", f"--seconds={allowed.seconds}"]
    command += [f"--memory-mb={allowed.memory_mb}", f"--output-mb={allowed.output_mb}"]
    command += [f"--processes={allowed.processes}"]
    most = allowed.memory_mb + allowed.disk_mb + _room(packed, allowed) + OVERHEAD_MB
    return {
        "name": pod.RUNNER,
        "image": lodging.image or "",
        "command": [word.replace("$", "$$") for word in command],
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
            "limits": {"cpu": "2", "memory": f"{most}Mi", "ephemeral-storage": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "code", "mountPath": hermit.CODE, "readOnly": True},
            {"name": "given", "mountPath": hermit.GIVEN, "readOnly": True},
            {"name": "repository", "mountPath": hermit.REPOSITORY},
            {"name": "tmp", "mountPath": hermit.SCRATCH},
        ],
    }


def _volumes(packed: Packed, allowed: Allowed, code: str, beginning: str) -> Sequence[Manifest]:
    sources = [
        {"configMap": {"name": f"{beginning}-{n}", "items": [{"key": "part", "path": f"part-{n:03}"}]}}
        for n in range(len(packed.parts))
    ]
    return [
        {"name": "code", "configMap": {"name": code}},
        {"name": "given", "projected": {"sources": sources}},
        {"name": "repository", "emptyDir": {"medium": "Memory", "sizeLimit": f"{_room(packed, allowed)}Mi"}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": f"{allowed.disk_mb}Mi"}},
    ]


def _room(packed: Packed, allowed: Allowed) -> int:
    """Say how many MB the tree takes, and what may be written beside it."""
    return math.ceil(packed.unpacked / MEGABYTE) + allowed.disk_mb
