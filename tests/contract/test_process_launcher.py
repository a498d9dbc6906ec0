"""What the process launcher promises beyond the protocol: secrets, kills, git, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from places import Place, alive_below, commit, git, is_alive, kill, make_place
from waiting import until

from scheduler.errors import Retryable
from scheduler.launchers import Source
from scheduler.launchers.folder import RunFolder
from scheduler.launchers.process import CROWD, ProcessLauncher
from scheduler.observations import Absent, Exited, Pending, Running

ROOT = str(Path(__file__).parents[2])
SECRET = 'k9 "very"/secret+värde'  # noqa: S105 - of this test
DYING = """
import os, sys
sys.path.append({root!r})
from scheduler.launchers import crew, folder, keeper
def dying(real):
    def die(*arguments, **named):
        if {after}:
            real(*arguments, **named)
        os.kill(os.getpid(), 9)
    return die
{owner}.{name} = dying({owner}.{name})
keeper.main()
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path)
    yield made
    made.close()


def dying_launcher(place: Place, owner: str, name: str, *, after: bool) -> ProcessLauncher:
    """Make a launcher whose keeper kills itself before or after it calls a function."""
    code = DYING.format(root=ROOT, owner=owner, name=name, after=after)
    program = place.launcher._program
    return ProcessLauncher(place.root, place.secrets, program=program, keeper=(sys.executable, "-I", "-S", "-c", code))


# -- what a run sees, and what others see of it


def test_the_environment_of_a_run_is_built_from_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MESHBOT_DATABASE_URL", "MAX_CONCURRENT_MODELS", "TZ", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "of the server")
    place.launch("run-a", "env", "say=up", "forever", env={"REGION": "eu"})
    until(lambda: "up" in place.log("run-a"))
    assert b"of the server" not in Path(f"/proc/{place.keeper('run-a')}/environ").read_bytes()
    env = json.loads(place.log("run-a").splitlines()[0])
    assert set(env) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "MESHRUN_GRACE", "REGION"}
    assert env["HOME"] == str(RunFolder(place.root, "run-a").home)
    assert "of the server" not in env.values()


def test_a_secret_is_in_no_argument_no_environment_but_the_runs_own_and_no_file(place: Place) -> None:
    place.grant("TOKEN", SECRET)
    place.launch("run-a", "show=TOKEN", "forever", secrets=("TOKEN",))
    until(lambda: place.log("run-a"))
    keeper = place.keeper("run-a")
    assert SECRET.encode() not in Path(f"/proc/{keeper}/environ").read_bytes()
    assert SECRET.encode() in Path(f"/proc/{until(lambda: place.program('run-a'))}/environ").read_bytes()
    for process in alive_below(place.root):
        assert SECRET.encode() not in Path(f"/proc/{process}/cmdline").read_bytes()
    place.launcher.cancel("run-a")
    place.ended("run-a")
    files = [path for path in place.root.rglob("*") if path.is_file() and place.secrets not in path.parents]
    assert files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_what_git_says_of_a_url_with_a_password_does_not_show_it(place: Place) -> None:
    url = "https://someone:hunter22@127.0.0.1:1/none.git"
    place.launch("run-a", source=Source(url, place.sha))
    end = place.ended("run-a")
    assert end.reason == "setup_failed"
    assert "hunter22" not in (end.detail or "")


def test_long_lines_are_cut_and_bytes_of_any_kind_pass(place: Place) -> None:
    place.launch("run-a", "bytes=00ff0a", f"long={3 * 1024 * 1024}", "say=", "say=after")
    place.ended("run-a")
    first, long, after, _ = b"".join(place.launcher.logs("run-a")).split(b"\n")
    assert first == b"\0\xff"
    assert len(long) < 1024 * 1024 + 100
    assert long.endswith(b"[the rest of this line is cut]")
    assert after == b"after"


# -- nothing is left behind


def test_what_a_run_forks_ends_with_it(place: Place) -> None:
    place.launch("run-a", "fork", "say=up", "exit=0")
    assert place.ended("run-a").code == 0
    until(lambda: alive_below(place.root) == [], timeout=5)


def test_a_daemon_that_a_run_leaves_is_ended(place: Place, tmp_path: Path) -> None:
    place.launch("run-a", f"daemon={tmp_path / 'pid'}", "exit=0")
    assert place.ended("run-a").code == 0
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_killed_keeper_takes_its_run_with_it_and_the_run_is_lost(place: Place, tmp_path: Path) -> None:
    place.launch("run-a", "ignore", f"touch={tmp_path / 'pid'}", "say=up", "forever", parallelism=2)
    until(lambda: place.log("run-a").count("up") == 2)
    kill(place.keeper("run-a"))
    until(lambda: not is_alive(int((tmp_path / "pid").read_text())), timeout=5)  # although nobody has looked yet
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "lost")
    assert place.launcher.observe("run-a") == end
    place.launch("run-a", f"touch={tmp_path / 'again'}")
    assert place.launcher.observe("run-a") == end
    assert not (tmp_path / "again").exists()


def test_what_outlives_a_killed_keeper_is_killed_by_the_next_look(place: Place) -> None:
    place.launch("run-a", "fork", "say=up", "forever")
    until(lambda: "up" in place.log("run-a"))
    kill(place.keeper("run-a"))
    assert place.ended("run-a").reason == "lost"
    until(lambda: alive_below(place.root) == [], timeout=5)


def test_a_keeper_that_is_told_to_end_ends_its_run(place: Place) -> None:
    place.launch("run-a", "graceful", "say=up", "forever")
    until(lambda: "up" in place.log("run-a"))
    os.kill(place.keeper("run-a"), 15)
    end = place.ended("run-a")
    assert (end.code, end.reason) == (5, "lost")


@pytest.mark.parametrize(("owner", "name"), [("folder", "create"), ("keeper.folder", "take")])
def test_a_keeper_killed_before_it_began_is_launched_again(place: Place, owner: str, name: str) -> None:
    with pytest.raises(Retryable, match="exit code -9"):
        dying_launcher(place, owner, name, after=False).launch(place.order("run-a", "say=hello"))
    assert place.launcher.observe("run-a") == Absent()
    place.launch("run-a", "say=hello")
    assert place.ended("run-a").code == 0


@pytest.mark.parametrize(
    ("owner", "name", "after", "starts"),
    [
        ("keeper", "_detach", False, 0),
        ("keeper", "adopt_orphans", True, 0),
        ("keeper.Trees", "_build", True, 0),
        ("keeper.Keeper", "_start", False, 0),
        ("keeper.Keeper", "_start", True, 1),
        ("keeper.Crew", "wait", True, 1),
        ("keeper", "clear_orphans", True, 1),
    ],
)
def test_a_keeper_killed_at_any_step_is_lost_and_never_started_again(
    place: Place, tmp_path: Path, owner: str, name: str, *, after: bool, starts: int
) -> None:
    (tmp_path / "marks").mkdir()
    order = place.order("run-a", f"mark={tmp_path / 'marks'}", *(["forever"] if name == "_start" else []))
    dying_launcher(place, owner, name, after=after).launch(order)
    end = place.ended("run-a")
    assert (end.code, end.reason) == (None, "lost")
    place.launcher.launch(order)
    assert place.launcher.observe("run-a") == end
    until(lambda: alive_below(place.root) == [], timeout=5)
    assert len(list((tmp_path / "marks").iterdir())) <= starts


def test_a_keeper_killed_after_its_last_step_has_written_the_end(place: Place) -> None:
    dying_launcher(place, "keeper.Keeper", "keep", after=True).launch(place.order("run-a", "exit=3"))
    assert place.ended("run-a").code == 3


def test_a_program_that_cannot_be_started_is_told(place: Place) -> None:
    launcher = ProcessLauncher(place.root, place.secrets, program=("/nowhere/meshrun",))
    launcher.launch(place.order("run-a", parallelism=2))
    end = place.ended("run-a")
    assert end.reason == "setup_failed"
    assert "/nowhere/meshrun" in (end.detail or "")


# -- git


def test_nothing_of_a_repository_is_executed(place: Place, tmp_path: Path) -> None:
    evil = f"touch {tmp_path / 'executed'}"
    hook = place.repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{evil}\n")
    hook.chmod(0o755)
    for key in ("filter.evil.smudge", "core.fsmonitor", "uploadpack.packObjectsHook"):
        git("config", key, evil, at=place.repository)
    sha = commit(place.repository, {".gitattributes": "* filter=evil\n", "project/marker.txt": "second"})
    (tmp_path / "executed").unlink(missing_ok=True)  # the commit itself may have
    place.launch("run-a", "read=marker.txt", source=Source(str(place.repository), sha, "project"))
    assert place.ended("run-a").code == 0
    assert place.log("run-a") == "second\n"
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        ("--upload-pack=touch x", "is no repository"),
        ("ext::sh -c 'touch x'", "'ext' not allowed"),
        ("", "is no repository"),
    ],
)
def test_a_repository_that_is_none_is_refused(place: Place, repository: str, said: str) -> None:
    place.launch("run-a", source=Source(repository, place.sha))
    end = place.ended("run-a")
    assert end.reason == "setup_failed"
    assert said in (end.detail or "")


@pytest.mark.parametrize("sha", ["main", "HEAD", "--help", "0a1b2c3"])
def test_only_a_full_hash_is_a_commit(place: Place, sha: str) -> None:
    place.launch("run-a", source=Source(str(place.repository), sha))
    assert "is no commit; a full hash is needed" in (place.ended("run-a").detail or "")


@pytest.mark.parametrize("path", ["elsewhere", "../..", "/", "out"])
def test_the_projects_folder_is_in_its_tree(place: Place, path: str) -> None:
    (place.repository / "out").symlink_to("/")
    sha = commit(place.repository, {"other.txt": ""})
    place.launch("run-a", source=Source(str(place.repository), sha, path))
    assert "the path of the project has changed" in (place.ended("run-a").detail or "")


def test_a_tree_is_made_once_and_each_commit_has_its_own(place: Place) -> None:
    second = commit(place.repository, {"project/marker.txt": "second"})
    for number, sha in enumerate([place.sha, second, place.sha, second]):
        place.launch(f"run-{number}", "read=marker.txt", source=Source(str(place.repository), sha, "project"))
    assert [place.ended(f"run-{n}").code for n in range(4)] == [0] * 4
    assert [place.log(f"run-{n}") for n in range(4)] == ["first\n", "second\n"] * 2
    assert sorted(p.name for p in (place.root / "trees").glob("*/*") if p.is_dir()) == sorted([place.sha, second])


def test_a_tree_that_is_used_is_not_pruned(place: Place) -> None:
    far = datetime.now(UTC) + timedelta(days=2)
    place.launch("run-a", "say=up", "forever")
    until(lambda: "up" in place.log("run-a"))
    place.launcher.prune(far)
    tree = next((place.root / "trees").glob("*/*.lock")).with_suffix("")
    assert tree.is_dir()
    place.launcher.cancel("run-a")
    place.ended("run-a")
    place.launcher.prune(datetime.now(UTC))
    assert tree.is_dir()
    until(lambda: alive_below(place.root) == [])
    place.launcher.prune(far)
    assert list((place.root / "trees").glob("*/*")) == []


def test_a_relative_repository_is_the_launchers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.repository.parent)
    place.launch("run-a", source=Source("repository", place.sha, "project"))
    assert place.ended("run-a").code == 0


# -- cost and bounds


def test_the_name_of_a_run_leads_nowhere(place: Place) -> None:
    for name in ("../run", "", "a/b", "A", "x" * 64):
        with pytest.raises(ValueError, match="a run id is a DNS label"):
            place.launcher.observe(name)


def test_a_keeper_is_small(place: Place) -> None:
    place.launch("run-a", "say=up", "forever")
    until(lambda: "up" in place.log("run-a"))
    status = Path(f"/proc/{place.keeper('run-a')}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 30_000


def test_a_launcher_that_dies_does_not_end_its_run(place: Place) -> None:
    root, repository = str(place.root), str(place.repository)
    code = f"""
import os
from places import PROGRAM, Path, Place, ProcessLauncher
launcher = ProcessLauncher(Path({root!r}), Path("none"), program=PROGRAM)
Place(Path({root!r}), launcher, Path({repository!r}), {place.sha!r}).launch("run-a", "say=up", "forever")
os.kill(os.getpid(), 9)
"""
    path = os.pathsep.join([ROOT, str(Path(ROOT) / "tests")])
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode == -9
    assert isinstance(place.running("run-a"), Running)
    place.launcher.cancel("run-a")
    assert isinstance(place.ended("run-a"), Exited)


# -- a machine has so many slots


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path, slots=1)
    yield made
    made.close()


def test_a_run_without_a_slot_waits_and_the_wait_is_not_its_time(narrow: Place) -> None:
    narrow.launch("run-a", "graceful", "say=up", "forever")
    until(lambda: "up" in narrow.log("run-a"))
    narrow.launch("run-b", "say=hello", timeout=timedelta(seconds=0.6))
    started = datetime.now(UTC)
    until(lambda: datetime.now(UTC) - started > timedelta(seconds=0.8))
    assert narrow.launcher.observe("run-b") == Pending()
    narrow.launcher.cancel("run-a")
    assert narrow.ended("run-b").reason != "lost"
    assert isinstance(narrow.launcher.observe("run-a"), Exited)


def test_a_run_that_waits_for_a_slot_can_be_cancelled(narrow: Place) -> None:
    narrow.launch("run-a", "graceful", "say=up", "forever")
    until(lambda: "up" in narrow.log("run-a"))
    narrow.launch("run-b", "say=hello")
    narrow.launcher.cancel("run-b")
    assert narrow.ended("run-b").reason == "cancelled"
    assert narrow.log("run-b") == ""


def test_a_crowded_machine_takes_no_more_for_now(narrow: Place) -> None:
    for number in range(CROWD):
        narrow.launch(f"run-{number}", "graceful", "forever")
    with pytest.raises(Retryable, match="starting run-x: 8 runs work or wait on this machine; MESHBOT_LOCAL_RUNS=1"):
        narrow.launch("run-x", "exit=0")
    assert narrow.launcher.observe("run-x") == Absent()
    narrow.launch("run-0", "exit=0")  # it is here already


def test_the_slot_of_a_killed_keeper_is_free(narrow: Place) -> None:
    narrow.launch("run-a", "say=up", "forever")
    kill(narrow.keeper("run-a"))
    narrow.launch("run-b", "say=hello")
    assert narrow.ended("run-b").code == 0
