"""The Kubernetes launcher: each run is a Job that has its name, in the namespace of its project.

The rule: whoever launches or observes may die between any two calls, because the Job's name is a lock and everything
that was decided about a run stands in its Job. The surprise: a run that is cancelled before it was launched gets a Job
as well, one that never has a pod, and keeps the name from being used. Meshbot cannot read a single Secret here: it
makes and removes those with the tokens of repositories, and names the others.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from scheduler.errors import Retryable
from scheduler.launchers import Order, allowance, baggage, endings, pod, sightings
from scheduler.launchers.cluster import Cluster, Found
from scheduler.launchers.roster import Roster, labels_of, name_of, namespace_of, notes_of
from scheduler.launchers.sightings import End, Patience, Sight
from scheduler.launchers.tenancy import Tenancy, Tenant
from scheduler.observations import Absent, Exited, Observation, Pending, Running

Tokens = Callable[[str], str | None]
"""Gives a short-lived token for a repository; None where none is needed."""
Keep = Callable[[str, Iterable[bytes]], None]
"""Keeps a run's log outside the cluster; a longer one replaces a shorter one."""

KEEP_NAMES = timedelta(days=14)
FORCE_AFTER = timedelta(minutes=1)
"""So long after its grace a cancelled run's pods are removed: what should have ended them does not answer."""
TOKEN_AT = f"{pod.DOMAIN}/token-at"
TOKEN_LASTS = timedelta(minutes=40)
TEND_EVERY, CARRY_EVERY = 10.0, 60.0
"""Seconds: for one run that has not begun, and for one namespace."""
KEEP_EVERY, KEEP_SHARE = timedelta(seconds=5), 10
"""The log of a living run is kept again after a tenth of its age, and at least so long: it shall cost little."""
CODE_LABEL = f"{pod.DOMAIN}/code"
OLD_CODE = timedelta(days=1)


_log = logging.getLogger(__name__)


class KubernetesLauncher:
    """Runs in a cluster, as the operator's file says; `program` is what a run executes, if not meshrun.

    With `keep`, whoever observes a run keeps its log while it grows: a pod may be gone with its node at any time.
    """

    def __init__(
        self,
        cluster: Cluster,
        tenancy: Tenancy,
        *,
        tokens: Tokens | None = None,
        keep: Keep | None = None,
        program: Sequence[str] = (),
    ) -> None:
        self._cluster = cluster
        self._tenancy = tenancy
        self._tokens = tokens
        self._keep = keep
        self._program = tuple(program)
        self._kept: dict[str, datetime] = {}
        self._roster = Roster(cluster, tenancy.namespaces)
        self._tended: dict[str, float] = {}
        self._carried: dict[str, float] = {}

    @property
    def place(self) -> str:
        """The cluster, by the name that the operator gave it."""
        return f"kubernetes-{self._tenancy.cluster}"

    def launch(self, order: Order) -> None:
        """Make the run's Job, unless it is there: running, ended, cancelled or forgotten.

        Raises `UserError` for what the project is not granted and what the cluster refuses, else `Retryable`.
        """
        tenant = self._tenancy.of(order.project)
        allowance.check(order, tenant, self._tenancy.where)
        token = self._tokens(order.source.repository) if self._tokens else None
        manifest = pod.job(order, tenant, baggage.name(), token=bool(token), program=self._program)
        self._carry(tenant.namespace)
        job = self._cluster.create("jobs", manifest) or self._cluster.get("jobs", tenant.namespace, order.run_id)
        if job is None:
            raise Retryable(f"starting {order.run_id}: its Job was removed in the same moment")
        self._roster.learn(job)
        marks, notes = labels_of(job), notes_of(job)
        if pod.TOMBSTONE in marks and pod.FORGOTTEN not in marks and pod.END not in notes:
            self._end(job, End("cancelled", endings.cancelled_early(), _now()))
        elif token:
            self._give_token(job, token)

    def observe(self, run_id: str) -> Observation:
        """Say how the run stands; one that cannot begin is ended here, when the operator's patience is over.

        The copy is believed as long as it says that the run goes on. An end is always read directly.
        """
        copied = self._roster.copied(run_id)
        if copied is not None:
            seen = self._look(*copied)
            if seen.hopeless is None and isinstance(seen.observation, Pending | Running):
                return self._attended(copied[0], seen)
        found = self._roster.find(run_id)
        if found is None:
            return Absent()
        pods = self._roster.pods(found)
        seen = self._look(found, pods)
        if seen.hopeless is not None:
            seen = self._look(found, pods, self._roster.warning(pods[-1] if pods else found))
        if seen.hopeless is not None:
            self._end(found, seen.hopeless)
        return self._attended(found, seen)

    def logs(self, run_id: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield what the run's pods have printed, one after the other; of a log that is gone, its last report lines."""
        found = self._roster.find(run_id)
        for one in self._roster.pods(found) if found else []:
            for chunk in self._log(one):
                if offset < len(chunk):
                    yield chunk[offset:]
                offset = max(0, offset - len(chunk))

    def cancel(self, run_id: str) -> None:
        """Ask the run to end; one that has not begun never begins. To be called until the run has ended."""
        found = self._roster.find(run_id) or self._bury(run_id)
        if found is None or _is_over(found):
            return
        asked, now = notes_of(found).get(pod.CANCEL), _now()
        mark = {"metadata": {"annotations": {pod.CANCEL: now.isoformat()}}}
        if asked is None:
            self._roster.change(found, mark)
        pods = self._roster.pods(found)
        seen = self._look(found, pods)
        if isinstance(seen.observation, Exited | Absent):
            return
        limit = self._tenant(found).grace + FORCE_AFTER
        if not seen.working:
            self._end(found, End("cancelled", endings.cancelled_early(), now))
        elif asked and now - sightings.moment(asked) > limit:
            self._end(found, End("cancelled", endings.cancelled_by_force(), now))
        for one in pods:
            if name_of(one) in seen.working and pod.CANCEL not in notes_of(one):
                self._cluster.patch("pods", namespace_of(one), name_of(one), mark)

    def forget(self, run_id: str) -> None:
        """Let the Job of an ended run go when its time has come; until then its name cannot be used again."""
        for found in self._roster.everywhere(run_id):
            if pod.FORGOTTEN in labels_of(found):
                continue
            changes: Found = {"metadata": {"labels": {pod.FORGOTTEN: str(int(time.time()))}}, "spec": {}}
            if pod.TOMBSTONE not in labels_of(found):
                changes["spec"]["ttlSecondsAfterFinished"] = int(self._tenant(found).ttl.total_seconds())
            if not sightings.is_finished(found):
                changes["spec"]["parallelism"] = 0
            if pod.TOKEN in notes_of(found):
                self._cluster.delete("secrets", namespace_of(found), pod.token_name(run_id))
            self._roster.change(found, changes)

    def known(self) -> list[str]:
        """List the runs that are not forgotten. Who asks this watches: from now on the cluster is followed."""
        self._roster.follow()
        found = [one for namespace in self._roster.namespaces for one in self._roster.jobs(namespace)]
        return sorted({name_of(one) for one in found if pod.FORGOTTEN not in labels_of(one)})

    def prune(self, now: datetime) -> None:
        """Remove Jobs that were forgotten long ago and that the cluster does not remove, and code that no Job uses."""
        for namespace in self._roster.namespaces:
            used = {baggage.name()}
            for job in self._roster.jobs(namespace):
                used |= _code_of(job)
                at = labels_of(job).get(pod.FORGOTTEN)
                keep = self._tenant(job).ttl if sightings.is_finished(job) else KEEP_NAMES
                if at is not None and now.timestamp() - int(at) > keep.total_seconds():
                    self._cluster.delete("jobs", namespace, name_of(job))
            for code in self._cluster.list("configmaps", namespace, labels=CODE_LABEL).items:
                made = sightings.moment(code["metadata"]["creationTimestamp"])
                if name_of(code) not in used and now - made > OLD_CODE:
                    self._cluster.delete("configmaps", namespace, name_of(code))

    def close(self) -> None:
        """Stop following the cluster."""
        self._roster.close()

    def _look(self, job: Found, pods: Sequence[Found], said: str = "") -> Sight:
        tenant = self._tenant(job)
        return sightings.look(job, pods, _now(), Patience(tenant.start_within, tenant.schedule_within), said)

    def _tenant(self, found: Found) -> Tenant:
        return self._tenancy.of(labels_of(found).get(pod.PROJECT, ""))

    def _log(self, one: Found) -> Iterator[bytes]:
        is_empty = True
        for chunk in self._cluster.log(namespace_of(one), name_of(one), pod.RUNNER):
            is_empty = False
            yield chunk
        if is_empty:
            yield "".join(f"{line}\n" for line in sightings.last_report(one)).encode()

    def _carry(self, namespace: str, again_after: float = math.inf) -> None:
        """Bring the keeper and meshrun into the namespace, once; again after so many seconds: it may be gone."""
        now = time.monotonic()
        if now - self._carried.get(namespace, -math.inf) > again_after or namespace not in self._carried:
            marks = {pod.MANAGED_BY: "meshbot", CODE_LABEL: "true"}
            self._cluster.create("configmaps", baggage.manifest(namespace, marks))
            self._carried[namespace] = now

    def _bury(self, run_id: str) -> Found | None:
        """Keep the name from being used, wherever it could be; return the Job that was faster, if one was."""
        faster = None
        for namespace in self._roster.namespaces:
            if self._cluster.create("jobs", pod.tombstone(run_id, namespace)) is None:
                faster = self._cluster.get("jobs", namespace, run_id) or faster
        return faster

    def _attended(self, job: Found, seen: Sight) -> Observation:
        """Keep the log of a run that works; see to it that one which has not begun finds what it needs.

        Whoever launched it may have died before bringing that.
        """
        name, now = name_of(job), time.monotonic()
        if isinstance(seen.observation, Running):
            self._keep_log(name, seen.observation)
        is_due = now - self._tended.get(name, -TEND_EVERY) >= TEND_EVERY
        if is_due and isinstance(seen.observation, Pending) and not _is_over(job):
            self._tended = {one: at for one, at in self._tended.items() if now - at < TEND_EVERY} | {name: now}
            self._carry(namespace_of(job), again_after=CARRY_EVERY)
            repository, at = notes_of(job).get(pod.TOKEN), notes_of(job).get(TOKEN_AT)
            is_old = at is None or _now() - sightings.moment(at) > TOKEN_LASTS
            if repository and is_old and self._tokens and (token := self._tokens(repository)):
                self._give_token(job, token)
        return seen.observation

    def _keep_log(self, run_id: str, running: Running) -> None:
        now = _now()
        last = self._kept.get(run_id, running.started_at)
        if self._keep is None or now - last < max(KEEP_EVERY, (now - running.started_at) / KEEP_SHARE):
            return
        day = timedelta(days=1)
        self._kept = {one: at for one, at in self._kept.items() if now - at < day} | {run_id: now}
        try:
            self._keep(run_id, self.logs(run_id))
        except Retryable as error:
            _log.warning("keeping the log of %s while it runs: %s", run_id, error)

    def _give_token(self, job: Found, token: str) -> None:
        """Make the Secret that the Job's pod waits for; it goes with the Job."""
        if pod.TOKEN not in notes_of(job) or _is_over(job):
            return
        secret = _secret(job, token)
        if self._cluster.create("secrets", secret) is None and TOKEN_AT in notes_of(job):
            self._cluster.delete("secrets", namespace_of(job), name_of(secret))  # the old one
            self._cluster.create("secrets", secret)
        self._roster.change(job, {"metadata": {"annotations": {TOKEN_AT: _now().isoformat()}}})

    def _end(self, job: Found, end: End) -> None:
        """End a run from outside: no pod is made any more, those that are there end, and why stands in the Job."""
        self._roster.change(job, {"metadata": {"annotations": {pod.END: end.to_json()}}, "spec": {"parallelism": 0}})


def _secret(job: Found, token: str) -> Found:
    name = name_of(job)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
    marks = {pod.MANAGED_BY: "meshbot", pod.RUN: name}
    about = {"name": pod.token_name(name), "namespace": namespace_of(job), "labels": marks, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": {"token": token}}


def _is_over(job: Found) -> bool:
    is_marked = pod.END in notes_of(job) or bool({pod.FORGOTTEN, pod.TOMBSTONE} & labels_of(job).keys())
    return is_marked or sightings.is_finished(job)


def _code_of(job: Found) -> set[str]:
    volumes = job["spec"]["template"]["spec"].get("volumes", [])
    return {one["configMap"]["name"] for one in volumes if one["name"] == "code"}


def _now() -> datetime:
    return datetime.now(UTC)
