"""What a Job and its pods mean for a run, as a table: every end told apart, and every wait that has no end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.launchers import endings, pod, roster
from scheduler.launchers.sightings import End, Patience, last_report, look
from scheduler.observations import Absent, Exited, Pending, Running

BEGAN = datetime(2026, 1, 5, 6, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=5)
PATIENCE = Patience(timedelta(minutes=10), timedelta(hours=1))
Found = dict[str, Any]


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def job(wanted: int = 1, *, done: str = "", reason: str = "", notes: Found | None = None, **labels: str) -> Found:
    conditions = [{"type": done, "status": "True", "reason": reason, "lastTransitionTime": stamp(NOW)}] if done else []
    marks = {pod.RUN: "run-a", **{f"{pod.DOMAIN}/{name}": value for name, value in labels.items()}}
    return {
        "metadata": {"name": "run-a", "creationTimestamp": stamp(BEGAN), "labels": marks, "annotations": notes or {}},
        "spec": {"completions": wanted},
        "status": {"conditions": conditions},
    }


def made(name: str = "run-a-1", *, run: Found | None = None, fetch: Found | None = None, **status: object) -> Found:
    containers = [{"name": "run", "state": run}] if run else []
    fetchers = [{"name": "fetch", "state": fetch}] if fetch else []
    limits = {"resources": {"limits": {"memory": "512Mi"}}}
    return {
        "metadata": {"name": name, "creationTimestamp": stamp(BEGAN)},
        "spec": {
            "nodeName": "node-7",
            "initContainers": [{"name": "fetch", "image": "fetching:1"}],
            "containers": [{"name": "run", "image": "shop:1", "command": ["python3", "-I"], **limits}],
        },
        "status": {
            "phase": "Running",
            "startTime": stamp(BEGAN),
            "containerStatuses": containers,
            "initContainerStatuses": fetchers,
            **status,
        },
    }


def ended(code: int, message: str = "", reason: str = "Error") -> Found:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason, "finishedAt": stamp(NOW)}}


def told(code: int | None, reason: str | None = None, detail: str | None = None, report: tuple[str, ...] = ()) -> str:
    fields = {"code": code, "reason": reason, "detail": detail, "ended_at": NOW.isoformat(), "report": report}
    return json.dumps(fields)


def waiting(reason: str, message: str = "") -> Found:
    return {"waiting": {"reason": reason, "message": message}}


WORKING = {"running": {"startedAt": stamp(BEGAN)}}
UNSCHEDULED = [
    {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient memory."}
]


@pytest.mark.parametrize(
    ("found", "pods", "observation"),
    [
        (job(), [], Pending()),
        (job(), [made(run=WORKING)], Running(BEGAN)),
        (job(), [made(run=ended(0, told(0), "Completed"))], Exited(0, NOW)),
        (job(), [made(run=ended(3, told(3)))], Exited(3, NOW)),
        (job(), [made(run=ended(5, told(5, "cancelled", "cancelled")))], Exited(5, NOW, "cancelled", "cancelled")),
        # the keeper was killed with what it kept
        (job(), [made(run=ended(137))], Exited(-9, NOW)),
        (job(), [made(run=ended(137, "", "OOMKilled"))], Exited(-9, NOW, None, endings.out_of_memory("512Mi"))),
        (job(), [made(run=ended(137, told(-9), "OOMKilled"))], Exited(-9, NOW, None, endings.out_of_memory("512Mi"))),
        # it went on after one of its processes had to be killed
        (job(), [made(run=ended(0, told(0), "OOMKilled"))], Exited(0, NOW)),
        (
            job(),
            [made(run=ended(128, "exec: python3: not found", "StartError"))],
            Exited(None, NOW, "setup_failed", "python3 cannot be started in its image: exec: python3: not found"),
        ),
        (
            job(),
            [made(fetch=ended(1, told(None, "setup_failed", "git fetch failed")))],
            Exited(None, NOW, "setup_failed", "git fetch failed"),
        ),
        (
            job(),
            [made(fetch=ended(2, "no such file"))],
            Exited(None, NOW, "setup_failed", endings.fetch_failed(2, "no such file")),
        ),
        (
            job(),
            [made(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")],
            Exited(None, NOW, "lost", "its node evicted it: The node was low on resource: memory"),
        ),
        (job(), [made(phase="Failed", reason="DeadlineExceeded")], Exited(None, NOW, "timed_out", endings.deadline())),
        (
            job(),
            [made(phase="Failed", reason="Shutdown", message="Node is shutting down")],
            Exited(None, NOW, "lost", "the cluster ended its pod (Shutdown): Node is shutting down"),
        ),
        # what the keeper wrote goes before what the cluster says
        (job(), [made(phase="Failed", reason="Evicted", run=ended(4, told(4)))], Exited(4, NOW)),
        # nothing but the Job is left
        (job(done="Complete"), [], Exited(0, NOW)),
        (job(done="Failed", reason="BackoffLimitExceeded"), [], Exited(None, NOW, "lost", endings.removed())),
        (job(done="Failed", reason="DeadlineExceeded"), [], Exited(None, NOW, "timed_out", endings.deadline())),
        (job(3, done="Complete"), [made(run=ended(0, told(0)))], Exited(None, NOW, "lost", endings.removed())),
        # several
        (job(2), [made(run=ended(0, told(0))), made("run-a-2", run=WORKING)], Running(BEGAN)),
        (job(2), [made(run=ended(0, told(0))), made("run-a-2", run=ended(0, told(3)))], Exited(3, NOW)),
        (job(2), [made(run=ended(0, told(0))), made("run-a-2", run=ended(0, told(-9)))], Exited(-9, NOW)),
        # a new pod goes on for one whose node is gone
        (job(), [made(run=WORKING), made("run-a-2", run=waiting("ContainerCreating"))], Running(BEGAN)),
        # ended from outside
        (job(notes={pod.END: End("lost", "why", NOW).to_json()}), [], Exited(None, NOW, "lost", "why")),
        (job(notes={pod.END: End("lost", "why", NOW).to_json()}), [made(run=WORKING)], Pending()),
        (job(tombstone="true"), [], Absent()),
        (job(tombstone="true", notes={pod.END: End("lost", "w", NOW).to_json()}), [], Exited(None, NOW, "lost", "w")),
        (job(forgotten="1767600000", done="Complete"), [], Absent()),
    ],
)  # fmt: skip
def test_what_is_seen(found: Found, pods: list[Found], observation: object) -> None:
    assert look(found, pods, NOW, PATIENCE).observation == observation


@pytest.mark.parametrize(
    ("pods", "after", "said", "reason", "detail"),
    [
        (
            [made(run=waiting("ImagePullBackOff", "shop:1: not found"))],
            timedelta(minutes=11),
            "",
            "setup_failed",
            "the image shop:1 cannot be pulled: shop:1: not found",
        ),
        (
            [made(run=waiting("ErrImagePull", "dial tcp: i/o timeout"))],
            timedelta(minutes=11),
            "",
            "lost",
            "the image shop:1 cannot be pulled: dial tcp: i/o timeout",
        ),
        (
            [made(fetch=waiting("InvalidImageName", "no"))],
            timedelta(seconds=1),
            "",
            "setup_failed",
            "the image fetching:1 cannot be pulled: no",
        ),
        (
            [made(run=waiting("CreateContainerConfigError", 'secret "warehouse" not found'))],
            timedelta(minutes=11),
            "",
            "setup_failed",
            'its container cannot be made: secret "warehouse" not found',
        ),
        (
            [made(conditions=UNSCHEDULED, phase="Pending")],
            timedelta(minutes=61),
            "",
            "lost",
            "no node takes its pod: 0/1 nodes are available: 1 Insufficient memory",
        ),
        (
            [made(phase="Pending")],
            timedelta(minutes=11),
            'MountVolume.SetUp failed: secret "x" not found',
            "setup_failed",
            'its pod does not begin: MountVolume.SetUp failed: secret "x" not found',
        ),
        (
            [],
            timedelta(minutes=61),
            "pods is forbidden: exceeded quota: small",
            "lost",
            "the cluster makes no pod for it: pods is forbidden: exceeded quota: small",
        ),
        (
            [],
            timedelta(minutes=11),
            "admission webhook denied the request",
            "setup_failed",
            "the cluster makes no pod for it: admission webhook denied the request",
        ),
    ],
)
def test_a_pod_that_cannot_begin_is_given_up_in_time(
    pods: list[Found], after: timedelta, said: str, reason: str, detail: str
) -> None:
    now = BEGAN + after
    seen = look(job(), pods, now, PATIENCE, said)
    assert seen.observation == Pending()
    assert seen.hopeless == End(reason, detail, now)
    just_before = look(job(), pods, BEGAN + after - timedelta(minutes=2), PATIENCE, said)
    assert just_before.hopeless is None


def test_an_image_has_its_time_from_the_end_of_the_fetch_on() -> None:
    fetched: Found = {"terminated": {"exitCode": 0, "finishedAt": stamp(BEGAN + timedelta(minutes=8))}}
    slow = made(fetch=fetched, run=waiting("PodInitializing"), phase="Pending")
    assert look(job(), [slow], BEGAN + timedelta(minutes=17), PATIENCE).hopeless is None
    assert look(job(), [slow], BEGAN + timedelta(minutes=19), PATIENCE).hopeless is not None


def test_what_is_trimmed_says_the_same() -> None:
    pods = [
        made(run=WORKING),
        made(run=ended(137, told(-9), "OOMKilled")),
        made(fetch=waiting("InvalidImageName", "no"), conditions=UNSCHEDULED),
        made(phase="Failed", reason="Evicted", message="full"),
    ]
    for found in (job(), job(done="Failed", reason="x"), job(tombstone="true", notes={pod.END: "{}"})):
        if pod.END in found["metadata"]["annotations"]:
            found["metadata"]["annotations"][pod.END] = End("lost", "why", NOW).to_json()
        for one in pods:
            whole = look(found, [one], NOW, PATIENCE)
            assert look(roster.trimmed_job(found), [roster.trimmed_pod(one)], NOW, PATIENCE) == whole


def test_a_pod_that_still_fetches_is_given_its_time() -> None:
    assert look(job(), [made(fetch=WORKING)], BEGAN + timedelta(hours=5), PATIENCE).hopeless is None


def test_a_pod_on_a_silent_node_is_lost() -> None:
    leaving = made(run=WORKING)
    leaving["metadata"]["deletionTimestamp"] = stamp(BEGAN)
    assert look(job(), [leaving], BEGAN + timedelta(minutes=2), PATIENCE).observation == Running(BEGAN)
    end = Exited(None, BEGAN, "lost", "its node node-7 does not answer any more")
    assert look(job(), [leaving], NOW, PATIENCE).observation == end


def test_pods_that_do_not_go_are_not_waited_for_forever() -> None:
    found = job(notes={pod.END: End("cancelled", "cancelled", BEGAN).to_json()})
    late = BEGAN + timedelta(minutes=6)
    assert look(found, [made(run=WORKING)], late, PATIENCE).observation == Exited(None, BEGAN, "cancelled", "cancelled")


def test_a_pod_that_is_to_go_and_has_nothing_that_works_is_not_waited_for() -> None:
    found = job(notes={pod.END: End("cancelled", "cancelled", NOW).to_json()})
    idle, busy = made(run=waiting("PodInitializing")), made(run=WORKING)
    for one in (idle, busy):
        one["metadata"]["deletionTimestamp"] = stamp(NOW + timedelta(seconds=45))
    later = NOW + timedelta(seconds=46)
    assert look(found, [idle], NOW, PATIENCE).observation == Pending()
    assert look(found, [idle], later, PATIENCE).observation == Exited(None, NOW, "cancelled", "cancelled")
    assert look(found, [busy], later, PATIENCE).observation == Pending()


def test_the_report_is_found_in_the_message() -> None:
    lines = ('{"meshrun": 1, "event": "end"}',)
    assert last_report(made(run=ended(0, told(0, report=lines)))) == list(lines)
    assert last_report(made(run=ended(0, "not ours"))) == []
    assert last_report(made(run=WORKING)) == []


def test_every_sentence(golden: Callable[[str, str], None]) -> None:
    said = [
        endings.no_image("registry.example.com/data/shop:1", "rpc error: code = NotFound: not found"),
        endings.no_node("0/3 nodes are available: 3 Insufficient memory."),
        endings.no_container('secret "warehouse" not found'),
        endings.no_start("python3", 'exec: "python3": executable file not found in $PATH'),
        endings.no_pod('pods "shop-hourly" is forbidden: exceeded quota: small'),
        endings.not_begun('MountVolume.SetUp failed for volume "token"'),
        endings.not_begun(""),
        endings.out_of_memory("512Mi"),
        endings.out_of_memory(None),
        endings.evicted("The node was low on resource: memory."),
        endings.deadline(),
        endings.removed(),
        endings.node_lost("node-7"),
        endings.stopped("Shutdown", "Node is shutting down"),
        endings.fetch_failed(1, "no space left on device"),
        endings.cancelled_early(),
        endings.cancelled_by_force(),
    ]
    golden("pods/endings.txt", "\n".join(said) + "\n")
