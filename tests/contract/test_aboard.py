"""What works inside a pod, as the zipapps that travel there, without a cluster: the same bytes, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import make_repository
from waiting import until

from scheduler.launchers import aboard, baggage

PROGRAM = (sys.executable, "-I", "-S", str(Path(__file__).parents[1] / "data" / "program.py"))
SECRET = "k9-very-secret"  # noqa: S105 - of this test
Keeper = Callable[..., "subprocess.Popen[bytes]"]
CODE = """
import sys
sys.path.insert(0, {zipapp!r})
from pathlib import Path
from scheduler.launchers import aboard
aboard.MESSAGE = Path({message!r})
sys.exit(aboard.main(sys.argv[1:]))
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    """Start the keeper's zipapp; only the place of its message is another one."""
    zipapp = tmp_path / "keeper.pyz"
    zipapp.write_bytes(baggage.contents()["keeper.pyz"])
    code = CODE.format(zipapp=str(zipapp), message=str(tmp_path / "message"))

    def start(*arguments: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", code, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], **env})

    return start


def keep(tmp_path: Path, *options: str) -> list[str]:
    (tmp_path / "work" / "project").mkdir(parents=True, exist_ok=True)
    places = [f"--work={tmp_path / 'work'}", f"--cancel={tmp_path / 'cancel'}", f"--given={tmp_path / 'given'}"]
    return ["keep", *places, "--timeout=60", "--grace=0.5", *options, "--", *PROGRAM]


def message(tmp_path: Path) -> dict[str, Any]:
    return dict(json.loads((tmp_path / "message").read_text()))


def test_the_zipapps_are_the_same_for_the_same_code_and_need_nothing_else(tmp_path: Path) -> None:
    first = dict(baggage.contents())
    baggage.contents.cache_clear()
    assert baggage.contents() == first
    assert sum(map(len, first.values())) < 400_000  # a ConfigMap holds one mebibyte
    for name, data in first.items():
        (tmp_path / name).write_bytes(data)
        command = [sys.executable, "-I", str(tmp_path / name), "--help"]
        assert b"usage" in subprocess.run(command, check=True, capture_output=True, cwd=tmp_path).stdout


def test_a_projects_own_packages_do_not_shadow_meshrun_and_are_not_shadowed(tmp_path: Path) -> None:
    (tmp_path / "meshrun").mkdir()
    (tmp_path / "meshrun" / "__init__.py").write_text("raise SystemExit('of the project')")
    (tmp_path / "meshrun.pyz").write_bytes(baggage.contents()["meshrun.pyz"])
    command = [sys.executable, "-P", str(tmp_path / "meshrun.pyz"), "--help"]
    assert subprocess.run(command, check=False, capture_output=True, cwd=tmp_path).returncode == 0
    names = {name.split("/")[0] for name in _names(tmp_path / "meshrun.pyz")}
    assert names == {"meshrun", "__main__.py"}


def _names(path: Path) -> list[str]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.mark.parametrize(("code", "left"), [("0", 0), ("3", 3), ("1", 1)])
def test_the_end_is_written_down_and_the_code_is_passed_on(
    tmp_path: Path, keeper: Keeper, code: str, left: int
) -> None:
    process = keeper(*keep(tmp_path), "start", "say=hello", "model=evaluated", f"exit={code}")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == left
    assert b"hello\n" in out
    told = message(tmp_path)
    assert (told["code"], told["reason"], told["detail"]) == (left, None, None)
    assert [json.loads(line)["event"] for line in told["report"]] == ["start", "model"]


def test_one_of_several_leaves_its_code_to_its_message(tmp_path: Path, keeper: Keeper) -> None:
    process = keeper(*keep(tmp_path, "--together"), "exit=3")
    assert process.wait(timeout=30) == 0
    assert message(tmp_path)["code"] == 3
    process.communicate()


def test_the_end_is_asked_for_by_a_file_or_a_signal(tmp_path: Path, keeper: Keeper) -> None:
    for reason, ask in (
        ("cancelled", lambda _: (tmp_path / "cancel").write_text("2026-01-05T06:00:00+00:00")),
        ("lost", lambda process: process.send_signal(signal.SIGTERM)),
    ):
        (tmp_path / "cancel").write_text("")
        ready = tmp_path / f"ready-{reason}"
        process = keeper(*keep(tmp_path), "graceful", f"touch={ready}", "forever")
        until(ready.exists)
        ask(process)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 5
        assert (message(tmp_path)["code"], message(tmp_path)["reason"]) == (5, reason)
        assert b"meshbot: the run was ended: " in out


def test_secrets_are_hidden_also_those_of_whole_folders(tmp_path: Path, keeper: Keeper) -> None:
    (tmp_path / "given" / "state").mkdir(parents=True)
    (tmp_path / "given" / "state" / "STATE_PASSWORD").write_text("k9-of-the-state")
    steps = ("show=TOKEN", "show=STATE_PASSWORD", "env")
    env = {"TOKEN": f"{SECRET}\n", "STATE_PASSWORD": "k9-of-the-state"}
    process = keeper(*keep(tmp_path, "--hide=TOKEN"), *steps, **env)
    out, _ = process.communicate(timeout=30)
    assert out.splitlines()[:2] == [b"***", b"***"]
    assert b"k9" not in out
    assert "k9" not in (tmp_path / "message").read_text()


def test_a_log_is_of_bounded_length_and_its_report_is_whole(tmp_path: Path, keeper: Keeper) -> None:
    lines = [f"long={1000 * 1000}", "say="] * 12
    process = keeper(*keep(tmp_path), *lines, "model=evaluated", "end=succeeded")
    out, _ = process.communicate(timeout=60)
    assert len(out) < aboard.LONGEST_LOG + 10_000
    assert aboard.TOO_LONG in out
    assert out.count(b'{"meshrun"') == 2


def test_a_message_holds_the_last_lines_that_fit(tmp_path: Path, keeper: Keeper) -> None:
    process = keeper(*keep(tmp_path), *["model=evaluated"] * 100, "end=succeeded")
    process.communicate(timeout=30)
    assert (tmp_path / "message").stat().st_size <= 4096
    report = message(tmp_path)["report"]
    assert json.loads(report[-1])["event"] == "end"
    assert 5 < len(report) < 100


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path, keeper: Keeper) -> None:
    command = keep(tmp_path)
    process = keeper(*command[: command.index("--") + 1], "/no/such/program")
    process.communicate(timeout=30)
    assert process.returncode == 1
    told = message(tmp_path)
    assert (told["reason"], told["detail"]) == ("setup_failed", "starting /no/such/program: No such file or directory")


def test_the_commit_is_fetched_and_what_goes_wrong_is_told(tmp_path: Path, keeper: Keeper) -> None:
    sha = make_repository(tmp_path / "repository")
    for name in ("tree", "home"):
        (tmp_path / name).mkdir()
    fetch = ["fetch", f"--into={tmp_path / 'tree'}", f"--home={tmp_path / 'home'}", "--path=project"]
    source = [f"--repository={tmp_path / 'repository'}"]
    for _ in range(2):  # a restarted node fetches again
        process = keeper(*fetch, *source, f"--sha={sha}")
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert (tmp_path / "tree" / "project" / "marker.txt").read_text() == "first"
    process = keeper(*fetch, *source, "--sha=" + "0" * 40)
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert message(tmp_path)["reason"] == "setup_failed"
    assert "git checkout failed" in message(tmp_path)["detail"]


@pytest.mark.parametrize(
    ("repository", "key"),
    [
        ("https://git.example.com/a/b.git", "http.https://git.example.com/.extraHeader"),
        ("https://someone@git.example.com:8443/a", "http.https://git.example.com:8443/.extraHeader"),
    ],
)
def test_a_token_is_for_its_host_alone(repository: str, key: str) -> None:
    made = aboard._login(repository, "k9")
    assert made["GIT_CONFIG_KEY_0"] == key
    assert "k9" not in "".join(made.values())  # it is encoded, in a header


@pytest.mark.parametrize("repository", ["http://git.example.com/a", "/srv/git/a", "ssh://git@git.example.com/a"])
def test_a_token_never_travels_in_the_clear(repository: str) -> None:
    assert aboard._login(repository, "k9") == {}
    assert aboard._login("https://git.example.com/a", "") == {}
