"""The pod of a run, as a manifest: a pure function of the order and of what the operator gives the project.

The rule: a Job has the name of its run, so that "already exists" is success, and each of its pods is started once and
never again: nothing is retried by the cluster. The token of the repository is seen by the container that fetches and
by no other. The surprise: a run's timeout is kept by the keeper inside the pod, which ends it gracefully and leaves its
log behind; the deadline in the manifest is a net below that, and so is the time to live of a Job that nobody looks at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from scheduler.launchers import Order
from scheduler.launchers.tenancy import Grant, Mount, Tenant

Manifest = dict[str, Any]

DOMAIN = "meshbot.dev"
MANAGED_BY = "app.kubernetes.io/managed-by"
RUN, PROJECT, JOB = f"{DOMAIN}/run", f"{DOMAIN}/project", f"{DOMAIN}/job"
FORGOTTEN = f"{DOMAIN}/forgotten"
"""A label of Jobs that the scheduler does not know any more; its value is when that was, in seconds since 1970."""
TOMBSTONE = f"{DOMAIN}/tombstone"
"""A label of Jobs that only keep a name from being used: they never have a pod."""
TOKEN = f"{DOMAIN}/token"
"""An annotation of Jobs whose pod waits for a Secret with the repository's token."""
CANCEL = f"{DOMAIN}/cancel"
"""An annotation of Jobs and pods: when their end was asked for. The keeper inside reads it."""
END = f"{DOMAIN}/end"
"""An annotation of Jobs that were ended from outside their pods: how, as JSON."""

RUNNER, FETCHER = "run", "fetch"
CODE = "/meshbot/code"
KEEPER, MESHRUN = f"{CODE}/keeper.pyz", f"{CODE}/meshrun.pyz"
WORK, HOME = "/meshbot/work", "/meshbot/home"
TOKEN_FOLDER, SECRETS, GIVEN, DOWNWARD = "/meshbot/token", "/meshbot/secrets", "/meshbot/given", "/meshbot/pod"
UNREAD = timedelta(days=14)
"""So long the Job of a run stays that ended and that no watch has looked at since."""


def job(order: Order, tenant: Tenant, code: str, *, token: bool = False, program: Sequence[str] = ()) -> Manifest:
    """Return the Job of a run that the project may have (`allowance.check`).

    `code` is the ConfigMap with the keeper and meshrun; `token` says that a Secret with a token will be there.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": order.run_id,
            "namespace": tenant.namespace,
            "labels": labels(order, tenant),
            "annotations": _annotations(order, tenant) | ({TOKEN: order.source.repository} if token else {}),
        },
        "spec": {
            "parallelism": order.parallelism,
            "completions": order.parallelism,
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _seconds(UNREAD),
            "template": {
                "metadata": {"labels": labels(order, tenant), "annotations": _annotations(order, tenant)},
                "spec": _pod(order, tenant, code, token=token, program=program),
            },
        },
    }


def tombstone(run_id: str, namespace: str) -> Manifest:
    """Return a Job that never has a pod: a run of this name then never begins."""
    marks = {MANAGED_BY: "meshbot", RUN: run_id, TOMBSTONE: "true"}
    idle = {"name": RUNNER, "image": "none", "command": ["none"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run_id, "namespace": namespace, "labels": marks},
        "spec": {
            "parallelism": 0,
            "completions": 1,
            "backoffLimit": 0,
            "template": {"metadata": {"labels": marks}, "spec": {"restartPolicy": "Never", "containers": [idle]}},
        },
    }


def labels(order: Order, tenant: Tenant) -> dict[str, str]:
    """Return what Job and pods are found by."""
    return {
        **tenant.labels,
        "app.kubernetes.io/name": "meshbot-run",
        "app.kubernetes.io/component": "run",
        MANAGED_BY: "meshbot",
        PROJECT: order.project,
        JOB: order.job,
        RUN: order.run_id,
    }


def token_name(run_id: str) -> str:
    """Name the Secret with the token of a run's repository."""
    return f"{run_id}-token"


def _annotations(order: Order, tenant: Tenant) -> dict[str, str]:
    tick = {f"{DOMAIN}/tick": order.tick.astimezone(UTC).isoformat()} if order.tick else {}
    return {**tenant.annotations, f"{DOMAIN}/sha": order.source.sha, f"{DOMAIN}/path": order.source.path, **tick}


def _pod(order: Order, tenant: Tenant, code: str, *, token: bool, program: Sequence[str]) -> Manifest:
    net = order.timeout + tenant.grace + tenant.start_within + timedelta(minutes=1)
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _seconds(net),
        "terminationGracePeriodSeconds": _seconds(tenant.grace) + 15,
        "serviceAccountName": tenant.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": tenant.run_as,
            "runAsGroup": tenant.run_as,
            "fsGroup": tenant.run_as,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": name} for name in tenant.image_pull_secrets],
        "nodeSelector": dict(tenant.node_selector),
        "tolerations": [one.model_dump(exclude_none=True) for one in tenant.tolerations],
        "priorityClassName": tenant.priority_class,
        "initContainers": [_fetcher(order, tenant, token=token)],
        "containers": [_runner(order, tenant, program)],
        "volumes": list(_volumes(order, tenant, code, token=token)),
    }
    return {key: value for key, value in spec.items() if value not in (None, [], {})}


def _fetcher(order: Order, tenant: Tenant, *, token: bool) -> Manifest:
    source = order.source
    command = [tenant.python, "-I", "-S", KEEPER, "fetch", f"--into={WORK}", f"--home={HOME}"]
    command += [f"--repository={source.repository}", f"--sha={source.sha}", f"--path={source.path}"]
    mounts = [_mount("code", CODE), _mount("work", WORK, writable=True), _mount("fetcher", HOME, writable=True)]
    if token:
        command.append(f"--token={TOKEN_FOLDER}/token")
        mounts.append(_mount("token", TOKEN_FOLDER))
    mounts += [_mount(f"mount-{n}", path) for n, (path, one) in enumerate(tenant.mounts.items()) if not one.secret]
    return {
        "name": FETCHER,
        "image": tenant.fetch_image or _image(order, tenant),
        "command": [_literal(word) for word in command],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": _locked(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def _runner(order: Order, tenant: Tenant, program: Sequence[str]) -> Manifest:
    started = [*(program or (tenant.python, "-P", MESHRUN)), *order.arguments]
    kept = [f"--work={WORK}", f"--cancel={DOWNWARD}/cancel", f"--given={GIVEN}"]
    kept += [f"--timeout={order.timeout.total_seconds():g}", f"--grace={tenant.grace.total_seconds():g}"]
    kept += [f"--hide={name}" for name in order.secrets] + (["--together"] if order.parallelism > 1 else [])
    command = [tenant.python, "-I", "-S", KEEPER, "keep", *kept, "--", *started]
    mounts = [_mount("code", CODE), _mount("work", WORK, writable=True), _mount("home", HOME, writable=True)]
    mounts += [_mount("tmp", "/tmp", writable=True), _mount("pod", DOWNWARD)]  # noqa: S108 - of the pod, and its own
    mounts += [_mount("secrets", SECRETS)] if _files(order, tenant) else []
    mounts += [_mount(f"given-{n}", f"{GIVEN}/{name}") for n, name in enumerate(tenant.env_from)]
    mounts += [
        _mount(f"mount-{n}", path, writable=not one.read_only) for n, (path, one) in enumerate(tenant.mounts.items())
    ]
    return {
        "name": RUNNER,
        "image": _image(order, tenant),
        "command": [_literal(word) for word in command],
        "env": _env(order, tenant),
        "envFrom": [{"secretRef": {"name": name}} for name in tenant.env_from],
        "resources": _resources(order, tenant),
        "securityContext": _locked(),
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }


def _env(order: Order, tenant: Tenant) -> list[Manifest]:
    plain = {"HOME": HOME, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **tenant.env, **order.env}
    plain["MESHRUN_GRACE"] = f"{tenant.grace.total_seconds() * 0.8:g}"  # it ends before it is ended
    plain |= {name: f"{SECRETS}/{name}" for name in _files(order, tenant)}
    granted = {name: tenant.secrets[name] for name in order.secrets if not tenant.secrets[name].file}
    return [
        *({"name": name, "value": _literal(value)} for name, value in plain.items() if name not in granted),
        *({"name": name, "valueFrom": {"secretKeyRef": _key(one)}} for name, one in granted.items()),
    ]


def _files(order: Order, tenant: Tenant) -> dict[str, Grant]:
    return {name: tenant.secrets[name] for name in order.secrets if tenant.secrets[name].file}


def _key(grant: Grant) -> Manifest:
    return {"name": grant.secret, "key": grant.key}


def _volumes(order: Order, tenant: Tenant, code: str, *, token: bool) -> list[Manifest]:
    cancel = {"path": "cancel", "fieldRef": {"fieldPath": f"metadata.annotations['{CANCEL}']"}}
    found: list[Manifest] = [
        {"name": "code", "configMap": {"name": code}},
        *({"name": name, "emptyDir": {}} for name in ("work", "home", "fetcher", "tmp")),
        {"name": "pod", "downwardAPI": {"items": [cancel]}},
    ]
    if token:
        found.append({"name": "token", "secret": {"secretName": token_name(order.run_id), "defaultMode": 0o440}})
    files = [
        {"secret": {"name": one.secret, "items": [{"key": one.key, "path": name}]}}
        for name, one in _files(order, tenant).items()
    ]
    if files:
        found.append({"name": "secrets", "projected": {"sources": files, "defaultMode": 0o440}})
    found += [
        {"name": f"given-{n}", "secret": {"secretName": name, "defaultMode": 0o440}}
        for n, name in enumerate(tenant.env_from)
    ]
    return found + [{"name": f"mount-{n}", **_kind(one)} for n, one in enumerate(tenant.mounts.values())]


def _kind(mount: Mount) -> Manifest:
    if mount.config_map:
        return {"configMap": {"name": mount.config_map}}
    if mount.secret:
        return {"secret": {"secretName": mount.secret, "defaultMode": 0o440}}
    if mount.claim:
        return {"persistentVolumeClaim": {"claimName": mount.claim, "readOnly": mount.read_only}}
    return {"hostPath": {"path": mount.host_path}}


def _mount(volume: str, path: str, *, writable: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path, **({} if writable else {"readOnly": True})}


def _locked() -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
    }


def _resources(order: Order, tenant: Tenant) -> Manifest:
    """Ask for what the job names; nothing but the processor may be used beyond what was asked for."""
    asked = {**tenant.resources, **order.resources}
    return {"requests": asked, "limits": {name: amount for name, amount in asked.items() if name != "cpu"}}


def _image(order: Order, tenant: Tenant) -> str:
    return order.image or tenant.image or ""


def _literal(text: str) -> str:
    """Keep the cluster from reading `$(NAME)` in a text."""
    return text.replace("$", "$$")


def _seconds(length: timedelta) -> int:
    return math.ceil(length.total_seconds())
