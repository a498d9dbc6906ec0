"""What a Job and its pods, as the cluster shows them, mean for a run: pure, from data to an observation.

The rule: what the keeper inside the pod wrote down (the termination message) goes before what the cluster says of the
container, and that before what it says of the pod. A pod that cannot begin is pending for as long as the operator has
patience; then it is said why, and whoever looks has to make it true before the run may be called ended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler.launchers import endings, pod
from scheduler.launchers.crew import worst
from scheduler.observations import Absent, Exited, Observation, Pending, Running

Found = Mapping[str, Any]

SETTLING = timedelta(minutes=5)
"""So long after its end from outside a run's pods may still be on their way out."""
LOST_AFTER = timedelta(minutes=3)
"""So long after it should be gone a pod is still there whose node does not answer."""
PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})
NEVER = frozenset({"ErrImageNeverPull", "InvalidImageName"})
MAKING = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
UNSTARTED = frozenset({"StartError", "ContainerCannotRun"})
THEIR_OWN = re.compile(
    r"not found|manifest unknown|does not exist|denied|unauthorized|invalid reference", re.IGNORECASE
)
WORDS_OF_QUOTA = ("exceeded quota", "failed quota")
WEIGHTS = ("setup_failed", "lost", "timed_out", "cancelled")
SIGNAL = 128


@dataclass(frozen=True)
class Patience:
    """How long a pod may take to begin, and how long it may wait for a node."""

    start: timedelta
    schedule: timedelta


@dataclass(frozen=True)
class End:
    """An end from outside: what is written into the Job, and read from it."""

    reason: str
    detail: str
    at: datetime
    code: int | None = None

    def to_json(self) -> str:
        """Write it down."""
        fields = {"code": self.code, "reason": self.reason, "detail": self.detail, "ended_at": self.at.isoformat()}
        return json.dumps(fields)


@dataclass(frozen=True)
class Sight:
    """What was seen. `working` are the pods whose run has begun; `hopeless` is why it never will, if so."""

    observation: Observation
    working: tuple[str, ...] = ()
    hopeless: End | None = None


@dataclass(frozen=True)
class _Waiting:
    since: datetime
    reason: str
    detail: str
    patience: timedelta


@dataclass(frozen=True)
class _Working:
    name: str
    since: datetime


_Pod = _Waiting | _Working | Exited


def look(job: Found, pods: Sequence[Found], now: datetime, patience: Patience, said: str = "") -> Sight:
    """Say how a run stands. `said` is what the cluster said about making its pods, if that was asked."""
    marks, notes = job["metadata"].get("labels", {}), job["metadata"].get("annotations", {})
    if pod.FORGOTTEN in marks or (pod.TOMBSTONE in marks and pod.END not in notes):
        return Sight(Absent())
    seen = [_pod(one, now, patience, said) for one in sorted(pods, key=_created)]
    alive = [one for one in seen if not isinstance(one, Exited)]
    if pod.END in notes:
        end = _exited(json.loads(notes[pod.END]))
        is_over = all(_is_gone(one, now) for one in pods) or now - end.ended_at > SETTLING
        return Sight(end if is_over or not alive else Pending())
    ended = [one for one in seen if isinstance(one, Exited)]
    wanted = int(job["spec"].get("completions") or 1)
    finished = _condition(job, "Complete") or _condition(job, "Failed")
    if finished or (len(ended) >= wanted and not alive):
        return Sight(_over(job, ended, wanted, now))
    working = [one for one in alive if isinstance(one, _Working)]
    if working:
        return Sight(Running(min(one.since for one in working)), tuple(one.name for one in working))
    waiting = [one for one in alive if isinstance(one, _Waiting)]
    if not seen:
        waiting = [_no_pod(job, patience, said)]
    hopeless = next((one for one in waiting if now - one.since > one.patience), None)
    return Sight(Pending(), hopeless=End(hopeless.reason, hopeless.detail, now) if hopeless else None)


def last_report(found: Found) -> list[str]:
    """Return the report lines in a pod's termination message: what is left of a log that is gone."""
    ended = _state(found, "containerStatuses", pod.RUNNER).get("terminated") or {}
    lines = _message(ended).get("report", [])
    return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []


def is_finished(job: Found) -> bool:
    """Say whether the cluster itself is done with a Job."""
    return bool(_condition(job, "Complete") or _condition(job, "Failed"))


def moment(text: str) -> datetime:
    """Read a time of the cluster's."""
    return datetime.fromisoformat(text)


def _over(job: Found, ended: list[Exited], wanted: int, now: datetime) -> Exited:
    bad = [one for one in ended if one.reason or one.code]
    failed, complete = _condition(job, "Failed"), _condition(job, "Complete")
    at = _at((failed or complete or {}).get("lastTransitionTime"), now)
    if bad or len(ended) >= wanted:
        return _worst(ended)
    if failed and failed.get("reason") == "DeadlineExceeded":
        return Exited(None, at, "timed_out", endings.deadline())
    if complete and wanted == 1:
        return Exited(0, at)
    return Exited(None, at, "lost", endings.removed())


def _worst(ended: Sequence[Exited]) -> Exited:
    codes = [one.code for one in ended if one.code is not None]
    reasons = sorted((one for one in ended if one.reason), key=lambda one: WEIGHTS.index(one.reason or "lost"))
    telling = reasons[0] if reasons else next((one for one in ended if one.detail), ended[0])
    code = worst(codes) if codes else None
    return Exited(code, max(one.ended_at for one in ended), telling.reason, telling.detail)


def _pod(found: Found, now: datetime, patience: Patience, said: str) -> _Pod:
    status, run = found.get("status", {}), _state(found, "containerStatuses", pod.RUNNER)
    fetch = (_state(found, "initContainerStatuses", pod.FETCHER).get("terminated")) or {}
    ended = run.get("terminated") or {}
    if ended and (_message(ended) or not status.get("reason")):
        return _container_end(found, ended, now)
    if fetch.get("exitCode"):
        return _fetch_end(fetch, now)
    if status.get("phase") in {"Failed", "Succeeded"}:
        return _pod_end(status, ended, now)
    leaving = found["metadata"].get("deletionTimestamp")
    if leaving and now - moment(leaving) > LOST_AFTER:
        return Exited(None, moment(leaving), "lost", endings.node_lost(found["spec"].get("nodeName", "")))
    if run.get("running"):
        return _Working(found["metadata"]["name"], moment(run["running"]["startedAt"]))
    return _waiting(found, patience, said)


def _is_gone(found: Found, now: datetime) -> bool:
    """Say whether a pod that is to go has nothing that works; some clusters list such a pod for a minute."""
    leaving = found["metadata"].get("deletionTimestamp")
    states = [_state(found, "initContainerStatuses", pod.FETCHER), _state(found, "containerStatuses", pod.RUNNER)]
    return bool(leaving) and now > moment(leaving) and not any(state.get("running") for state in states)


def _container_end(found: Found, ended: Found, now: datetime) -> Exited:
    told, at = _message(ended), _at(ended.get("finishedAt"), now)
    end = _exited(told) if told else Exited(_code(ended["exitCode"]), at)
    if ended.get("reason") == "OOMKilled" and end.reason is None and end.code:
        return Exited(end.code, end.ended_at, None, endings.out_of_memory(_limit(found)))
    if not told and ended.get("reason") in UNSTARTED:
        return Exited(None, at, "setup_failed", endings.no_start(_program(found), str(ended.get("message", ""))))
    return end


def _fetch_end(ended: Found, now: datetime) -> Exited:
    told, at = _message(ended), _at(ended.get("finishedAt"), now)
    if told:
        return _exited(told)
    if ended.get("reason") == "OOMKilled":
        return Exited(None, at, "setup_failed", endings.fetch_failed(ended["exitCode"], "out of memory"))
    detail = endings.fetch_failed(ended["exitCode"], str(ended.get("message", "")))
    return Exited(None, at, "setup_failed", detail)


def _pod_end(status: Found, ended: Found, now: datetime) -> Exited:
    """Judge a pod that the cluster ended, or whose container nobody could see."""
    reason, said = str(status.get("reason", "")), str(status.get("message", ""))
    at = _at(ended.get("finishedAt"), now)
    match reason:
        case "Evicted":
            return Exited(None, at, "lost", endings.evicted(said))
        case "DeadlineExceeded":
            return Exited(None, at, "timed_out", endings.deadline())
        case "":
            return Exited(None, at, "lost", endings.removed())
        case _:
            return Exited(None, at, "lost", endings.stopped(reason, said))


def _waiting(found: Found, patience: Patience, said: str) -> _Waiting:
    status = found.get("status", {})
    scheduled: Found = next((one for one in status.get("conditions", []) if one["type"] == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        detail = endings.no_node(str(scheduled.get("message", "")))
        return _Waiting(_created(found), "lost", detail, patience.schedule)
    fetched = _state(found, "initContainerStatuses", pod.FETCHER).get("terminated") or {}
    since = _at(fetched.get("finishedAt") or status.get("startTime"), _created(found))
    for kind, name in (("initContainerStatuses", pod.FETCHER), ("containerStatuses", pod.RUNNER)):
        waiting = _state(found, kind, name).get("waiting") or {}
        reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        if reason in PULLING:
            own = reason in NEVER or THEIR_OWN.search(message)
            detail = endings.no_image(_image(found, name), message)
            limit = timedelta() if reason in NEVER else patience.start
            return _Waiting(since, "setup_failed" if own else "lost", detail, limit)
        if reason in MAKING:
            return _Waiting(since, "setup_failed", endings.no_container(message), patience.start)
    fetching = _state(found, "initContainerStatuses", pod.FETCHER).get("running")
    if fetching:  # it has the whole time of the run; the pod's own deadline ends it
        return _Waiting(since, "lost", endings.not_begun("it is still fetching"), timedelta.max)
    return _Waiting(since, "setup_failed", endings.not_begun(said), patience.start)


def _no_pod(job: Found, patience: Patience, said: str) -> _Waiting:
    quota = not said or any(word in said for word in WORDS_OF_QUOTA)
    since = _created(job)
    if quota:
        return _Waiting(since, "lost", endings.no_pod(said), patience.schedule if said else patience.start)
    return _Waiting(since, "setup_failed", endings.no_pod(said), patience.start)


def _exited(fields: Found) -> Exited:
    return Exited(fields["code"], moment(fields["ended_at"]), fields["reason"], fields["detail"])


def _message(ended: Found) -> dict[str, Any]:
    """Read the keeper's message; empty when there is none, or another program wrote it."""
    try:
        told = json.loads(ended.get("message") or "")
        _exited(told)
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(told)


def _code(code: int) -> int:
    """Say a death by a signal as the system does: a negative number."""
    return SIGNAL - code if SIGNAL < code <= SIGNAL + 64 else code


def _state(found: Found, kind: str, name: str) -> Found:
    states = found.get("status", {}).get(kind) or []
    state: Found = next((one.get("state", {}) for one in states if one["name"] == name), {})
    return state


def _condition(job: Found, kind: str) -> Found | None:
    conditions = job.get("status", {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind and one["status"] == "True"), None)


def _container(found: Found, name: str) -> Found:
    spec = found["spec"]
    all_of_it = [*spec.get("initContainers", []), *spec["containers"]]
    return next((one for one in all_of_it if one["name"] == name), {})


def _image(found: Found, name: str) -> str:
    return str(_container(found, name).get("image", ""))


def _program(found: Found) -> str:
    return str((_container(found, pod.RUNNER).get("command") or [""])[0])


def _limit(found: Found) -> str | None:
    limit = _container(found, pod.RUNNER).get("resources", {}).get("limits", {}).get("memory")
    return str(limit) if limit else None


def _created(found: Found) -> datetime:
    return moment(found["metadata"]["creationTimestamp"])


def _at(text: str | None, otherwise: datetime) -> datetime:
    return moment(text).astimezone(UTC) if text else otherwise
