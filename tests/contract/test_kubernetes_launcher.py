"""What the Kubernetes launcher promises beyond the protocol: each end in its words, no secret seen, nothing left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kubehouse import House
from podplaces import PodPlace, make_pod_place
from waiting import until

from scheduler.launchers import endings, pod
from scheduler.launchers.tenancy import Grant
from scheduler.observations import Absent, Exited, Pending

pytestmark = pytest.mark.xdist_group("cluster")
SOON = timedelta(seconds=3)
SECRET = 'k9 "very"/secret+värde'  # noqa: S105 - of this test


@pytest.fixture
def place(cluster: House, tmp_path: Path) -> Iterator[PodPlace]:
    made = make_pod_place(tmp_path, cluster)
    yield made
    made.close()


# -- what a run sees, and what others see of it


def test_a_run_is_nobody_in_a_house_that_it_cannot_change(place: PodPlace) -> None:
    place.launch("run-a", "env", "list=/var/run/secrets/kubernetes.io/serviceaccount", "list=/meshbot", "argv")
    assert place.ended("run-a").code == 0
    env, account, folders, _ = place.log("run-a").splitlines()
    assert account == "none"
    assert folders == "code home pod work"
    theirs = {name for name in json.loads(env) if not name.startswith("KUBERNETES_")}
    assert theirs - {"LC_CTYPE", "HOSTNAME", "PATH", "LD_LIBRARY_PATH"} == {
        "HOME", "LANG", "PYTHONUNBUFFERED", "MESHRUN_GRACE",
    }  # fmt: skip
    (found,) = place.pods("run-a")
    assert found["spec"]["automountServiceAccountToken"] is False
    place.launch("run-b", "touch=/meshbot/code/x")
    assert place.ended("run-b").code == 1
    place.launch("run-c", "touch=/etc/x")
    assert place.ended("run-c").code == 1


def test_granted_secrets_are_seen_by_the_run_and_in_no_log(place: PodPlace) -> None:
    place.grant("TOKEN", SECRET)
    place.grant("KEY_FILE", "line one of a key\nline two of a key\n", file=True)
    place.grant("UNASKED", "k9-not-asked-for")
    steps = ("show=TOKEN", "show=KEY_FILE", "list=/meshbot/secrets", "read=/meshbot/secrets/KEY_FILE", "env")
    place.launch("run-a", *steps, secrets=("TOKEN", "KEY_FILE"))
    assert place.ended("run-a").code == 0
    shown, path, listed, *rest = place.log("run-a").splitlines()
    assert (shown, path) == ("***", "/meshbot/secrets/KEY_FILE")
    assert [name for name in listed.split() if not name.startswith("..")] == ["KEY_FILE"]
    assert rest[:1] == ["***"]
    assert "k9" not in place.log("run-a")
    assert "k9" not in place.kubectl("get", "jobs,pods", "-o", "yaml")


def test_the_state_connection_is_in_every_run_and_in_no_log(place: PodPlace) -> None:
    place.kubectl("create", "secret", "generic", "state", "--from-literal=STATE_PASSWORD=k9-of-the-state")
    place.env_from["shop"] = ("state",)
    place.settle()
    place.launch("run-a", "show=STATE_PASSWORD")
    assert place.ended("run-a").code == 0
    assert place.log("run-a") == "***\n"


def test_a_token_is_there_for_the_fetch_and_for_nobody_else(place: PodPlace) -> None:
    place.options["tokens"] = lambda _repository: "k9-of-the-repository"
    place.settle()
    place.launch("run-a", "list=/meshbot", "say=up", "graceful", "forever")
    until(lambda: "up" in place.log("run-a"), timeout=60)
    assert place.log("run-a").splitlines()[0] == "code home pod work"
    (secret,) = [one for one in place.house.get("secrets", "-n", place.namespace)["items"] if one["type"] == "Opaque"]
    assert secret["metadata"]["name"] == pod.token_name("run-a")
    assert [one["kind"] for one in secret["metadata"]["ownerReferences"]] == ["Job"]
    place.launcher.cancel("run-a")
    place.ended("run-a")
    place.launcher.forget("run-a")
    kinds = [one["type"] for one in place.house.get("secrets", "-n", place.namespace)["items"]]
    assert "Opaque" not in kinds


def test_a_token_that_its_bringer_did_not_bring_is_brought_by_who_looks(place: PodPlace) -> None:
    place.options["tokens"] = lambda _repository: "k9-of-the-repository"
    place.settle()
    first = place.launcher
    first._give_token = lambda *_: None  # type: ignore[method-assign] - it died here
    place.launch("run-a", "exit=0")
    place.settle()
    assert place.ended("run-a").code == 0


def test_what_git_says_of_a_url_with_a_password_does_not_show_it(place: PodPlace) -> None:
    order = place.order("run-a", "exit=0")
    url = "https://someone:hunter22@127.0.0.1:1/none.git"
    place.launch("run-a", source=type(order.source)(url, place.sha))
    end = place.ended("run-a")
    assert end.reason == "setup_failed"
    assert "hunter22" not in (end.detail or "")


# -- every end in its words


def test_a_run_that_needs_too_much_memory_is_told_its_limit(place: PodPlace) -> None:
    place.launch("run-a", "say=up", "eat=200", "exit=0")
    end = place.ended("run-a")
    assert (end.code, end.reason) == (-9, None)
    assert end.detail == endings.out_of_memory("64Mi")
    assert place.log("run-a") == "up\n"


def test_an_image_that_is_not_there_is_told(place: PodPlace) -> None:
    place.settle(start_within=SOON, images=("localhost/*",))
    place.launch("run-a", "exit=0", image="localhost/never-made:1")
    end = place.ended("run-a")
    assert end.code is None
    assert end.reason in {"setup_failed", "lost"}
    assert (end.detail or "").startswith("the image localhost/never-made:1 cannot be pulled: ")
    assert place.job("run-a")["spec"]["parallelism"] == 0


def test_a_pod_for_which_there_is_no_node_is_told_in_the_schedulers_words(place: PodPlace) -> None:
    place.settle(schedule_within=SOON)
    place.launch("run-a", "exit=0", resources={"memory": "900Gi"})
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "lost")
    assert (end.detail or "").startswith("no node takes its pod: 0/1 nodes are available: 1 Insufficient memory")


def test_a_quota_is_waited_for_and_then_told(place: PodPlace) -> None:
    place.kubectl("create", "quota", "small", "--hard=pods=0")
    place.settle(start_within=SOON, schedule_within=SOON)
    place.launch("run-a", "exit=0")
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "lost")
    assert "exceeded quota: small" in (end.detail or "")


def test_a_secret_that_the_cluster_does_not_have_is_told(place: PodPlace) -> None:
    place.grants["shop"] = {"TOKEN": Grant(secret="not-there", key="x")}  # noqa: S106 - the name of one
    place.settle(start_within=SOON)
    place.launch("run-a", "exit=0", secrets=("TOKEN",))
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "setup_failed")
    assert 'secret "not-there" not found' in (end.detail or "")


def test_a_program_that_the_image_does_not_have_is_told(place: PodPlace) -> None:
    place.settle(python="python9")
    place.launch("run-a", "exit=0")
    end = place.ended("run-a")
    assert end.reason == "setup_failed"
    assert "python9" in (end.detail or "")


def test_a_pending_run_that_is_cancelled_never_begins(place: PodPlace) -> None:
    place.launch("run-a", "exit=0", resources={"memory": "900Gi"})
    until(lambda: place.pods("run-a"), timeout=60)
    place.launcher.cancel("run-a")
    end = place.ended("run-a")
    assert (end.code, end.reason, end.detail) == (None, "cancelled", endings.cancelled_early())
    assert place.job("run-a")["spec"]["parallelism"] == 0


def test_a_pod_that_is_drained_does_not_end_as_a_success(place: PodPlace) -> None:
    """On this version the cluster makes another pod, and the run goes on there; on a newer one it is lost."""
    place.launch("run-a", "graceful", "say=up", f"once={place.root / 'first'}", "exit=0")
    place.ended("run-a")
    place.launch("run-b", "graceful", "say=up", "forever")
    until(lambda: "up" in place.log("run-b"), timeout=60)
    (first,) = place.pods("run-b")
    place.kubectl("delete", "pod", first["metadata"]["name"], "--wait=true")

    def is_told() -> bool:
        seen = place.launcher.observe("run-b")
        others = [one["metadata"]["name"] for one in place.pods("run-b")]
        replaced = bool(others) and first["metadata"]["name"] not in others
        return replaced or (isinstance(seen, Exited) and seen.reason == "lost")

    until(is_told, timeout=60)


# -- nothing is left, and nothing is lost


def test_a_log_outlives_its_pod_and_the_job_goes_when_its_time_has_come(place: PodPlace) -> None:
    kept: dict[str, bytes] = {}
    place.settle(ttl=timedelta(seconds=1))
    place.launch("run-a", "say=hello", "end=succeeded")
    place.ended("run-a")
    kept["run-a"] = b"".join(place.launcher.logs("run-a"))
    assert place.launcher.known() == ["run-a"]
    place.launcher.forget("run-a")
    assert place.launcher.known() == []
    jobs = ("jobs", "-n", place.namespace)
    until(lambda: place.house.get(*jobs)["items"] == [], timeout=60)
    assert b"hello" in kept["run-a"]
    assert place.launcher.observe("run-a") == Absent()


def test_a_report_is_read_from_the_message_when_the_log_is_gone(place: PodPlace) -> None:
    place.launch("run-a", "start", "say=hello", "model=evaluated", "end=succeeded")
    place.ended("run-a")
    place.launcher._cluster.log = lambda *_: iter(())  # type: ignore[attr-defined] - as the cluster answers then
    lines = place.log("run-a").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["start", "model", "end"]


def test_tombstones_and_unused_code_go_in_the_end(place: PodPlace) -> None:
    place.launcher.cancel("run-a")
    place.launcher.forget("run-a")
    now = datetime.now(UTC)
    place.launcher.prune(now + timedelta(days=13))
    assert place.job("run-a")["metadata"]["labels"][pod.TOMBSTONE] == "true"
    place.launcher.prune(now + timedelta(days=15))
    until(lambda: place.house.get("jobs", "-n", place.namespace)["items"] == [], timeout=30)


def test_fifty_cancels_and_launches_at_once_end_in_one_of_the_two(place: PodPlace, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def do(number: int) -> None:
        if number % 2:
            place.launcher.cancel("run-a")
        else:
            place.launcher.launch(place.order("run-a", f"touch={tmp_path / 'began'}", "graceful", "forever"))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(do, range(20)))

    def over() -> Exited | None:
        place.launcher.cancel("run-a")
        seen = place.launcher.observe("run-a")
        return seen if isinstance(seen, Exited) else None

    end = until(over, timeout=90)
    assert end is not None
    assert end.reason == "cancelled"
    until(lambda: not any(one["status"]["phase"] == "Running" for one in place.pods("run-a")), timeout=30)


def test_a_look_at_a_run_that_goes_on_asks_the_cluster_nothing(place: PodPlace) -> None:
    place.launch("run-a", "graceful", "say=up", "forever")
    place.running("run-a")
    asked: list[str] = []
    cluster = place.launcher._cluster  # type: ignore[attr-defined]
    real = cluster._json
    cluster._json = lambda method, doing, *rest, **named: (asked.append(doing), real(method, doing, *rest, **named))[1]
    for _ in range(50):
        assert not isinstance(place.launcher.observe("run-a"), Absent | Pending)
    assert [one for one in asked if not one.startswith("listing")] == []
