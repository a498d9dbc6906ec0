"""What every launcher keeps to. One suite; each place where runs can run is a parameter of `place`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from places import Place, make_place
from podplaces import make_pod_place
from waiting import until

from scheduler.errors import UserError
from scheduler.observations import Absent, Exited, Pending, Running


@pytest.fixture(params=["process", pytest.param("kubernetes", marks=pytest.mark.xdist_group("cluster"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "process":
        made = make_place(tmp_path)
    else:
        made = make_pod_place(tmp_path, request.getfixturevalue("cluster"))
    yield made
    made.close()


def test_what_was_never_launched_is_absent(place: Place) -> None:
    assert place.launcher.observe("shop-hourly-1") == Absent()
    assert b"".join(place.launcher.logs("shop-hourly-1")) == b""


def test_a_launched_run_is_known_at_once_and_ends_with_its_code(place: Place) -> None:
    before = datetime.now(UTC)
    place.launch("run-a", "say=hello", "exit=3")
    assert isinstance(place.launcher.observe("run-a"), Pending | Running | Exited)
    end = place.ended("run-a")
    assert (end.code, end.reason) == (3, None)
    assert before <= end.ended_at <= datetime.now(UTC)
    assert place.log("run-a") == "hello\n"


def test_launching_does_not_wait_for_the_end(place: Place) -> None:
    place.launch("run-a", "forever")
    before = datetime.now(UTC) - timedelta(seconds=30)
    assert before < place.running("run-a").started_at <= datetime.now(UTC)


def test_a_run_is_launched_once(place: Place, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    for _ in range(3):
        place.launch("run-a", f"mark={tmp_path / 'marks'}")
    place.ended("run-a")
    place.launch("run-a", f"mark={tmp_path / 'marks'}")
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_fifty_launches_at_once_start_one_process(place: Place, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    gate = threading.Barrier(50)

    def launch() -> None:
        gate.wait()
        place.launcher.launch(place.order("run-a", f"mark={tmp_path / 'marks'}"))

    threads = [threading.Thread(target=launch) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.ended("run-a").code == 0
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_the_committed_project_is_the_working_directory(place: Place) -> None:
    place.launch("run-a", "where", "read=marker.txt")
    assert place.ended("run-a").code == 0
    where, marker = place.log("run-a").splitlines()
    assert where.endswith(f"{place.sha}/project")
    assert marker == "first"


def test_a_cancelled_run_ends(place: Place) -> None:
    place.launch("run-a", "graceful", "say=up", "forever")
    until(lambda: "up" in place.log("run-a"))
    place.launcher.cancel("run-a")
    end = place.ended("run-a")
    assert (end.code, end.reason) == (5, "cancelled")


def test_a_run_that_does_not_listen_is_ended_by_force(place: Place) -> None:
    place.launch("run-a", "ignore", "say=up", "forever")
    until(lambda: "up" in place.log("run-a"))
    place.launcher.cancel("run-a")
    end = place.ended("run-a")
    assert (end.code, end.reason) == (-9, "cancelled")


def test_a_run_cancelled_before_it_began_never_begins(place: Place, tmp_path: Path) -> None:
    place.launcher.cancel("run-a")
    assert place.launcher.observe("run-a") == Absent()
    place.launch("run-a", f"touch={tmp_path / 'began'}")
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "cancelled")
    assert not (tmp_path / "began").exists()


def test_cancelling_what_has_ended_changes_nothing(place: Place) -> None:
    place.launch("run-a", "exit=0")
    end = place.ended("run-a")
    place.launcher.cancel("run-a")
    assert place.launcher.observe("run-a") == end


def test_a_run_that_takes_too_long_is_ended(place: Place) -> None:
    place.launch("run-a", "graceful", "forever", timeout=timedelta(seconds=1))
    end = place.ended("run-a")
    assert (end.code, end.reason) == (5, "timed_out")
    assert end.detail == "not done within its timeout of 1 seconds"


@pytest.mark.parametrize(("steps", "code"), [(("exit=0",), 0), (("once={}", "exit=0"), 1), (("once={}", "exit=3"), 1)])
def test_of_several_processes_the_worst_exit_code_counts(
    place: Place, tmp_path: Path, steps: tuple[str, ...], code: int
) -> None:
    words = [step.format(tmp_path / "counter") for step in steps]
    (tmp_path / "marks").mkdir()
    place.launch("run-a", f"mark={tmp_path / 'marks'}", "say=here", *words, parallelism=3)
    assert place.ended("run-a").code == code
    assert place.log("run-a") == "here\n" * 3
    assert len(list((tmp_path / "marks").iterdir())) == 3


def test_env_and_granted_secrets_reach_the_run(place: Place) -> None:
    place.grant("TOKEN", "k9-very-secret\n")
    place.launch("run-a", "show=REGION", "show=TOKEN", env={"REGION": "eu"}, secrets=("TOKEN",))
    assert place.ended("run-a").code == 0
    assert place.log("run-a") == "eu\n***\n"


def test_a_secret_that_is_not_granted_keeps_the_run_from_starting(place: Place) -> None:
    place.grant("TOKEN", "of another project", project="other")
    with pytest.raises(
        UserError, match="secret TOKEN is not granted to project shop; the operator writes its value into"
    ):
        place.launcher.launch(place.order("run-a", "exit=0", secrets=("TOKEN",)))
    assert place.launcher.observe("run-a") == Absent()


@pytest.mark.parametrize(("project", "name"), [("../shop", "TOKEN"), ("shop", "../TOKEN"), ("shop", "a/b"), ("", "X")])
def test_names_do_not_lead_out_of_the_folder_of_secrets(place: Place, project: str, name: str) -> None:
    place.grant("TOKEN", "k9-very-secret")
    with pytest.raises(UserError, match="is no name of a project and a secret"):
        place.launcher.launch(place.order("run-a", "exit=0", project=project, secrets=(name,)))


def test_a_commit_that_is_not_there_is_told_in_gits_words(place: Place) -> None:
    order = place.order("run-a", "exit=0")
    missing = "0" * 39 + "1"
    place.launch("run-a", source=type(order.source)(str(place.repository), missing, "project"))
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "setup_failed")
    assert end.detail is not None
    assert "git" in end.detail
    assert missing in end.detail


def test_logs_are_read_from_an_offset(place: Place) -> None:
    place.launch("run-a", "say=one", "say=two")
    place.ended("run-a")
    assert b"".join(place.launcher.logs("run-a", offset=4)) == b"two\n"


def test_a_forgotten_run_is_absent_and_is_not_started_again(place: Place, tmp_path: Path) -> None:
    place.launch("run-a", "exit=0")
    place.ended("run-a")
    place.launcher.forget("run-a")
    place.launcher.forget("run-a")
    assert place.launcher.observe("run-a") == Absent()
    place.launch("run-a", f"touch={tmp_path / 'again'}")
    assert place.launcher.observe("run-a") == Absent()
    assert not (tmp_path / "again").exists()
