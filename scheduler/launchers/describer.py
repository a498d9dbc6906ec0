"""Describes a project in a pod: brings the tree into the cluster, follows the pod, and reads the answer in its log.

The rule: the Job's name says what is described and how, so it is a lock. Who finds it there goes on where its maker is,
step by step, each of which may be done twice, and both read the same answer. What a limit has stopped is not kept:
who asks later makes it anew. The surprise: nothing here is removed on the way out. The Job has a deadline and goes
soon after its end, with everything that it owns, whether or not anybody is left to see it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scheduler.errors import Retryable, UserError
from scheduler.launchers import baggage, hermit, pod, seclusion, sightings
from scheduler.launchers.cluster import Cluster, Found
from scheduler.launchers.roster import Roster, name_of, namespace_of
from scheduler.launchers.seclusion import Allowed, Packed
from scheduler.launchers.tenancy import Tenancy
from scheduler.observations import Exited

LOOK = 0.5
MEGABYTE = 1024 * 1024
MOST_PACKED, MOST_UNPACKED = 24 * MEGABYTE, 512 * MEGABYTE
BLOCK = 8192
"""Bytes: what the smallest file takes of a file system in memory, with its name."""
TIMES = 3
DEAF = 60.0
"""Seconds that the cluster may not answer while a pod is followed."""
PATIENCE = sightings.Patience(*(2 * [timedelta(seconds=seclusion.PATIENCE)]))
CODE_LABEL = f"{pod.DOMAIN}/code"


@dataclass(frozen=True)
class Told:
    """What came of it: meshrun's exit code, its answer, what it said, and the limit that was broken, if one was."""

    code: int
    answer: str = ""
    said: str = ""
    broken: str | None = None


class Impossible(UserError):
    """No pod can describe anything here, and why, with what to change."""


class Lost(Retryable):
    """It will not end any more, and nobody is to blame: to be asked again."""


class Describer:
    """Describes in the namespace and with the image of the operator's `defaults`."""

    def __init__(self, cluster: Cluster, tenancy: Tenancy) -> None:
        self._cluster = cluster
        self._lodging, self._where = tenancy.defaults, tenancy.where
        self._roster = Roster(cluster, (tenancy.defaults.namespace,))

    def describe(self, tree: Path, path: str, allowed: Allowed) -> Told:
        """Return what meshrun says of the project in the folder `path` of a tree.

        Raises `Impossible` when no pod can be had, `Retryable` when it may work in a moment.
        """
        if not self._lodging.image:
            raise Impossible(
                f"there is no image; name one with Python and SQLMesh in {self._where}: `defaults: {{image: ...}}`"
            )
        packed = pack(tree)
        if packed is None:
            most, unpacked = MOST_PACKED // MEGABYTE, MOST_UNPACKED // MEGABYTE
            return Told(1, broken=f"size: its files have more than {unpacked} MB, or packed more than {most} MB")
        code = baggage.name()
        named = seclusion.name(packed, path, allowed, self._lodging.image, code)
        for _ in range(TIMES):
            beginning = f"{named}-{uuid.uuid4().hex[:8]}"
            job = self._made(seclusion.job(named, packed, path, allowed, self._lodging, (code, beginning)))
            if not sightings.is_finished(job):
                return self._done(job, packed, allowed)
            if (told := self._kept(job, allowed)) is not None:
                return told
            self._cluster.delete("jobs", namespace_of(job), named)
        raise Retryable(f"describing {path}: its pods end without an answer")

    def _made(self, manifest: Found) -> Found:
        name, namespace = name_of(manifest), namespace_of(manifest)
        try:
            found = self._cluster.create("jobs", manifest) or self._cluster.get("jobs", namespace, name)
        except Retryable:
            raise
        except UserError as error:
            raise Impossible(f"{error}; apply config/kubernetes/runs to namespace {namespace}") from error
        if found is None:
            raise Retryable(f"describing in {namespace}/{name}: its Job went in the same moment")
        return found

    def _kept(self, job: Found, allowed: Allowed) -> Told | None:
        """Read the answer of a Job that was over when it was found; None when it is better made anew."""
        try:
            told = self._told(job, allowed)
        except (Impossible, Retryable):
            return None
        return told if told is not None and told.broken is None else None

    def _done(self, job: Found, packed: Packed, allowed: Allowed) -> Told:
        """Bring what is missing, let the pod begin, and follow it to its end."""
        namespace, name = namespace_of(job), name_of(job)
        if not job["spec"].get("parallelism"):
            marks = {pod.MANAGED_BY: "meshbot", CODE_LABEL: "true"}
            self._cluster.create("configmaps", baggage.manifest(namespace, marks))
            for named, data in zip(seclusion.part_names(job), packed.parts, strict=True):
                self._cluster.create("configmaps", seclusion.part(job, named, data))
            self._cluster.patch("jobs", namespace, name, {"spec": {"parallelism": 1}})
        deadline, heard = time.monotonic() + seclusion.deadline(allowed), time.monotonic()
        uid, pause = job["metadata"]["uid"], threading.Event()
        while time.monotonic() < deadline:
            try:
                if (told := self._seen(namespace, name, uid, allowed)) is not None:
                    return told
                heard = time.monotonic()
            except Lost:
                raise
            except Retryable:
                if time.monotonic() - heard > DEAF:  # a cluster that is upgraded answers again soon
                    raise
            pause.wait(LOOK)
        raise Retryable(f"describing in {namespace}/{name}: its pod did not end in time")

    def _seen(self, namespace: str, name: str, uid: str, allowed: Allowed) -> Told | None:
        """Look once; None while it works."""
        job = self._cluster.get("jobs", namespace, name)
        if job is None or job["metadata"]["uid"] != uid:
            raise Lost(f"describing in {namespace}/{name}: its Job was removed in the meantime")
        if not self._is_over(job):
            return None
        return self._told(job, allowed) or Told(1, broken=_time(allowed))

    def _is_over(self, job: Found) -> bool:
        """Say whether it has ended. Raises `Impossible` when it never will begin."""
        pods = self._pods(job)
        seen = sightings.look(job, pods, _now(), PATIENCE)
        if seen.hopeless is None:
            return isinstance(seen.observation, Exited)
        said = self._roster.warning(pods[-1] if pods else job)
        seen = sightings.look(job, pods, _now(), PATIENCE, said)
        self._cluster.delete("jobs", namespace_of(job), name_of(job))
        raise self._impossible(seen.hopeless.detail if seen.hopeless else said)

    def _told(self, job: Found, allowed: Allowed) -> Told | None:
        """Read what a Job that is over has brought; None when that is nothing that anybody could use again."""
        pods = self._pods(job)
        for one in pods:
            lines = self._cluster.log(namespace_of(one), name_of(one), pod.RUNNER)
            if (told := read(lines, allowed.output_mb * MEGABYTE)) is not None:
                return told
        seen = sightings.look(job, pods, _now(), PATIENCE).observation
        if any(_reason(one) == "OOMKilled" for one in pods):
            return Told(1, broken=f"memory: it needed more than {allowed.memory_mb} MB")
        if not isinstance(seen, Exited):
            return None
        detail = str(seen.detail)
        if "EmptyDir" in detail or "ephemeral" in detail:
            return Told(1, broken=f"disk: it wrote more than {allowed.disk_mb} MB")
        if seen.reason == "timed_out":
            return Told(1, broken=_time(allowed))
        if seen.reason == "setup_failed":
            raise self._impossible(detail)
        raise Lost(f"describing in {namespace_of(job)}/{name_of(job)}: {seen.detail or 'no answer in its log'}")

    def _pods(self, job: Found) -> list[Found]:
        selected = f"{seclusion.DESCRIBING}={name_of(job)}"
        uid = job["metadata"]["uid"]
        return [
            one
            for one in self._cluster.list("pods", namespace_of(job), labels=selected).items
            if uid in {owner["uid"] for owner in one["metadata"].get("ownerReferences", [])}
        ]

    def _impossible(self, detail: str) -> Impossible:
        namespace = self._lodging.namespace
        return Impossible(
            f"{detail}; see that config/kubernetes/runs is applied to namespace {namespace}, and `defaults` in "
            f"{self._where}"
        )


def pack(tree: Path) -> Packed | None:
    """Pack a tree, the same bytes for the same files; None when it is too large."""
    target, unpacked = io.BytesIO(), 0
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(tree.rglob("*")):
            entry = archive.gettarinfo(path, str(path.relative_to(tree)))
            if not (entry.isreg() or entry.isdir() or entry.issym()):
                continue
            unpacked += entry.size + BLOCK
            if unpacked > MOST_UNPACKED or target.tell() > MOST_PACKED:
                return None
            _add(archive, path, entry)
    return Packed(target.getvalue(), unpacked) if target.tell() <= MOST_PACKED else None


def _add(archive: tarfile.TarFile, path: Path, entry: tarfile.TarInfo) -> None:
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isreg():
        with path.open("rb") as file:
            archive.addfile(entry, file)
    else:
        archive.addfile(entry)


def read(log: Iterable[bytes], most: int) -> Told | None:
    """Find the answer in a log, of which no more is read than an answer may have; None when it is not there whole."""
    beginning, last = hermit.LINE.encode(), hermit.LAST.encode()
    text, rest, total = bytearray(), b"", 0
    for chunk in log:
        total += len(chunk)
        if total > 2 * most:
            return None
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(beginning):
                text += line[len(beginning) :]
            elif line.startswith(last) and hashlib.sha256(text).hexdigest().encode() == line[len(last) :].strip():
                return _parsed(bytes(text), most)
    return None


def _parsed(text: bytes, most: int) -> Told | None:
    try:
        opened = zlib.decompressobj()
        found: dict[str, Any] = json.loads(opened.decompress(base64.b64decode(text), 2 * most + MEGABYTE))
        told = Told(
            int(found["code"]), str(found["answer"]), str(found["said"]), found["broken"] and str(found["broken"])
        )
    except (ValueError, KeyError, TypeError, zlib.error):
        return None
    return told


def _reason(found: Found) -> str:
    for one in found.get("status", {}).get("containerStatuses") or []:
        if ended := one.get("state", {}).get("terminated"):
            return str(ended.get("reason", ""))
    return ""


def _time(allowed: Allowed) -> str:
    return f"time: it was not done after {allowed.seconds:g} s"


def _now() -> datetime:
    return datetime.now(UTC)
