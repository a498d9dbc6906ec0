"""The Jobs and pods of runs, found by the run's name: out of a copy that follows the cluster, or read directly.

The rule: a run's project, and with it its namespace, cannot be told from its name, so every namespace of the operator's
file is asked. Only a watch keeps a copy; others read directly, which they rarely do.
"""

from __future__ import annotations

from typing import Any

from scheduler.launchers import pod
from scheduler.launchers.cluster import Cluster, Found
from scheduler.launchers.informer import Informer


class Roster:
    """Finds what runs consist of, in some namespaces of a cluster."""

    def __init__(self, cluster: Cluster, namespaces: tuple[str, ...]) -> None:
        self._cluster = cluster
        self.namespaces = namespaces
        self._copies: dict[str, tuple[Informer, Informer]] = {}

    def follow(self) -> None:
        """Keep a copy from now on, so that looking at a run costs the cluster nothing."""
        for namespace in self.namespaces:
            if namespace not in self._copies:
                jobs = Informer(self._cluster, "jobs", namespace, pod.RUN, trim=trimmed_job)
                pods = Informer(self._cluster, "pods", namespace, pod.RUN, trim=trimmed_pod)
                self._copies[namespace] = (jobs, pods)
                jobs.start()
                pods.start()

    def close(self) -> None:
        """Stop following."""
        for pair in self._copies.values():
            for one in pair:
                one.stop()

    def copied(self, run_id: str) -> tuple[Found, list[Found]] | None:
        """Return the run's Job and pods out of the copy, if that may be believed and has it."""
        found = [
            (job, pods.of(run_id))
            for jobs, pods in self._copies.values()
            if jobs.is_fresh and pods.is_fresh
            for job in jobs.of(run_id)
        ]
        return min(found, key=lambda one: _rank(one[0])) if found else None

    def find(self, run_id: str) -> Found | None:
        """Read the run's Job; None when there is none."""
        return min(self.everywhere(run_id), key=_rank, default=None)

    def everywhere(self, run_id: str) -> list[Found]:
        """Read every Job of this name."""
        found = [self._cluster.get("jobs", namespace, run_id) for namespace in self.namespaces]
        return [one for one in found if one is not None and pod.RUN in labels_of(one)]

    def jobs(self, namespace: str) -> list[Found]:
        """List the Jobs of runs."""
        copies = self._copies.get(namespace)
        if copies is not None and copies[0].is_fresh:
            return copies[0].all()
        return self._cluster.list("jobs", namespace, labels=pod.RUN).items

    def pods(self, job: Found) -> list[Found]:
        """Read the pods of a Job, by name."""
        listed = self._cluster.list("pods", namespace_of(job), labels=f"{pod.RUN}={name_of(job)}")
        return sorted(listed.items, key=name_of)

    def warning(self, about: Found) -> str:
        """Ask what the cluster said last when it could not go on with a Job or a pod."""
        fields = f"involvedObject.uid={about['metadata']['uid']},type=Warning"
        events = self._cluster.list("events", namespace_of(about), fields=fields).items
        events.sort(key=lambda one: str(one.get("lastTimestamp") or one["metadata"]["creationTimestamp"]))
        return str(events[-1].get("message", "")) if events else ""

    def change(self, job: Found, changes: Found) -> None:
        """Change a Job, if it is still there."""
        changed = self._cluster.patch("jobs", namespace_of(job), name_of(job), changes)
        if changed is not None:
            self.learn(changed)

    def learn(self, job: Found) -> None:
        """Take a Job into the copy as it has just been seen."""
        copies = self._copies.get(namespace_of(job))
        if copies is not None:
            copies[0].learn(job)


def labels_of(found: Found) -> dict[str, Any]:
    """Return the labels."""
    return dict(found["metadata"].get("labels") or {})


def notes_of(found: Found) -> dict[str, Any]:
    """Return the annotations."""
    return dict(found["metadata"].get("annotations") or {})


def name_of(found: Found) -> str:
    """Return the name."""
    return str(found["metadata"]["name"])


def namespace_of(found: Found) -> str:
    """Return the namespace."""
    return str(found["metadata"]["namespace"])


def trimmed_job(job: Found) -> Found:
    """Return of a Job what is asked of it here: most of it is its pods' template."""
    template = job["spec"].get("template", {}).get("spec", {})
    code = [one for one in template.get("volumes", []) if one["name"] == "code"]
    spec = {"completions": job["spec"].get("completions"), "template": {"spec": {"volumes": code}}}
    status = {"conditions": job.get("status", {}).get("conditions")}
    return {"metadata": _about(job), "spec": spec, "status": status}


def trimmed_pod(found: Found) -> Found:
    """Return of a pod what is asked of it here."""
    spec: Found = {"nodeName": found["spec"].get("nodeName", "")}
    for kind in ("initContainers", "containers"):
        spec[kind] = [
            {**_some(one, "name", "image", "resources"), "command": (one.get("command") or [])[:1]}
            for one in found["spec"].get(kind, [])
        ]
    seen = found.get("status", {})
    status = _some(seen, "phase", "reason", "message", "startTime")
    status["conditions"] = [one for one in seen.get("conditions") or [] if one["type"] == "PodScheduled"]
    for kind in ("initContainerStatuses", "containerStatuses"):
        status[kind] = [_some(one, "name", "state") for one in seen.get(kind) or []]
    return {"metadata": _about(found), "spec": spec, "status": status}


def _about(found: Found) -> Found:
    kept = ("name", "namespace", "uid", "labels", "annotations", "creationTimestamp", "deletionTimestamp")
    return _some(found["metadata"], *kept, "resourceVersion")


def _some(found: Found, *keys: str) -> Found:
    return {key: found[key] for key in keys if key in found}


def _rank(job: Found) -> tuple[bool, bool]:
    """Order Jobs of one name: a real one first, then one that stands for a run that was launched."""
    return pod.TOMBSTONE in labels_of(job), pod.END not in notes_of(job)
