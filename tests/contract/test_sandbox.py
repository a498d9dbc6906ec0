"""The sandbox against projects that mean harm: each is stopped, it is said why, and nothing of it is left."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import describables
import hostiles
import pytest
from waiting import until

from bot import describing, sandbox
from bot.errors import Refused
from bot.sandbox import Limits, readiness, walls, watching
from scheduler import dagjson
from scheduler.dag import Graph

NO_SANDBOX = sandbox.ready()
inside = pytest.mark.skipif(NO_SANDBOX is not None, reason=f"no sandbox here: {NO_SANDBOX}")
SECRET = "the-key-of-the-house"  # noqa: S105
HOSTILE = {
    "an endless loop": (describables.LOOP, Limits(seconds=6), "limit on time: it was not done after 6"),
    "one that sleeps and hears no signal": (hostiles.NEVER_ENDS, Limits(seconds=6), "limit on time"),
    "ten gigabytes of memory": (describables.MEMORY, Limits(memory_mb=1500), "limit on memory: .* 1500 MB"),
    "a fork bomb": (describables.FORKS, Limits(processes=40, memory_mb=16000), "limit on processes"),
    "a flood of words": (describables.FLOOD, Limits(output_mb=8), "limit on output: it wrote more than 8 MB"),
    "one that answers in place of meshrun": (hostiles.NO_GRAPH, Limits(), None),
    "one that kills its guard": (hostiles.KILLS, Limits(seconds=6), None),
}


_marks = (os.getpid() / 10**8 + number / 10**3 for number in itertools.count(1))


def limits_marked(limits: Limits) -> tuple[Limits, str]:
    """Give the load a time that no other has, by which its processes are found."""
    marked = Limits(**{**vars(limits), "seconds": limits.seconds + next(_marks)})
    return marked, f"--seconds={marked.seconds}"


def left(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                found.append(entry.read_text())
        except OSError:
            continue
    return found


def described(folder: Path, limits: Limits | None = None) -> Graph:
    return dagjson.parse(sandbox.describe(folder, ".", limits))


@inside
@pytest.mark.slow
@pytest.mark.parametrize("name", ["PLAIN", "BESIDE", "PYTHON_CONFIG"])
def test_an_honest_project_has_the_same_graph_as_without_the_sandbox(name: str, tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", getattr(describables, name))
    (folder / ".git").mkdir(exist_ok=True)  # meshrun looks for packages beside a project up to the repository's top
    path = "warehouse" if name == "BESIDE" else "."
    alone = describing.describe(folder / path)
    assert dagjson.parse(sandbox.describe(folder, path)) == alone


@inside
@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_limit_holds_is_named_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    project, limits, words = HOSTILE[name]
    folder = describables.write(tmp_path / "tree", project)
    limits, mark = limits_marked(limits)
    began = time.monotonic()
    if words is None:
        with pytest.raises((Refused, dagjson.GraphError)):
            described(folder, limits)
    else:
        with pytest.raises(sandbox.Broken, match=words) as caught:
            described(folder, limits)
        assert str(caught.value).startswith("describing .: stopped by the ")
        assert "--" not in str(caught.value), "nobody on a pull request has a command line"
    assert left(mark) == []
    assert time.monotonic() - began < 90


@inside
@pytest.mark.slow
@pytest.mark.parametrize("name", ["WRITES", "WRITES_ONE_FILE", "SHARED_MEMORY"])
def test_what_is_written_is_bounded_and_gone(name: str, tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", getattr(hostiles, name))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    limits, mark = limits_marked(Limits(disk_mb=64, output_mb=48))
    try:
        said = repr(described(folder, limits).faults)
    except sandbox.Broken as broken:
        said = str(broken)
    assert any(words in said for words in ("limit on disk", "File too large"))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert left(mark) == []


@inside
@pytest.mark.slow
def test_what_stays_behind_when_the_graph_is_there_is_ended(tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", hostiles.STAYS)
    limits, mark = limits_marked(Limits())
    assert "x.a" in described(folder, limits)
    assert left(mark) == []


@inside
@pytest.mark.slow
def test_what_is_printed_is_no_graph(tmp_path: Path) -> None:
    graph = described(describables.write(tmp_path / "tree", hostiles.PRINTS))
    assert [model.name for model in graph.models] == ["x.a"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """A machine with something to take: what a burglar would try, each of which works from outside."""
    data = tmp_path / "data"
    for name in ("secrets/shop/TOKEN", "runs/another/log", "meshbot.db", "home/.ssh/id_ed25519"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(SECRET)
    with ExitStack() as stack:
        listeners = {
            "tcp": (socket.AF_INET, ("127.0.0.1", 0)),
            "path": (socket.AF_UNIX, str(data / "valkey.sock")),
            "abstract": (socket.AF_UNIX, f"\0meshbot-{os.getpid()}"),
        }
        opened = {name: stack.enter_context(socket.socket(family)) for name, (family, _) in listeners.items()}
        told = [sys.executable, "-c", "import sys; sys.stdin.read()", SECRET]
        stack.enter_context(subprocess.Popen(told, stdin=subprocess.PIPE, env={"TOKEN": SECRET}))
        for name, listener in opened.items():
            listener.bind(listeners[name][1])
            listener.listen()
        yield [
            ("environment", SECRET),
            ("environments_of_others", SECRET),
            *(("file", str(path)) for path in sorted(data.rglob("*")) if path.is_file()),
            ("file", "/etc/hostname"),
            *([("file", "/etc/shadow")] if os.access("/etc/shadow", os.R_OK) else []),
            ("folder", str(data)),
            *(("file", str(path)) for path in sorted(Path.home().iterdir())[:20] if path.is_file()),
            ("folder", "/sys"),
            ("write", str(data)),
            ("write", str(tmp_path)),
            ("link", str(data)),
            ("tcp", str(opened["tcp"].getsockname()[1])),
            ("unix", str(data / "valkey.sock")),
            ("unix", f"@meshbot-{os.getpid()}"),
            ("names", "localhost"),
            ("other_processes", str(os.getppid())),
        ]


FROM_INSIDE = [
    ("first_process", SECRET),
    ("root", ""),
    ("memory_of_the_guard", ""),
    ("device", "/dev/kmsg"),
    ("keyring", ""),
    *(("another_family", str(number)) for number in (17, 31, 38, 40)),
]
"""What is no crime outside, or does not work on every machine."""


def attempt(attempts: list[tuple[str, str]]) -> str:
    return f"{hostiles.PROBE}\nprint(json.dumps(tried({json.dumps(attempts)})))"


@inside
@pytest.mark.slow
def test_a_burglar_finds_nothing(house: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHBOT_GITHUB_PRIVATE_KEY", SECRET)
    control = [sys.executable, "-c", attempt(house)]
    outside = json.loads(subprocess.run(control, cwd=tmp_path, check=True, capture_output=True).stdout)
    assert len(outside) == len(house), "every attempt works where no sandbox is"
    (tmp_path / "way-out").unlink()
    more = [*house, *FROM_INSIDE]
    graph = described(describables.write(tmp_path / "tree", hostiles.burglar(more)))
    said = [fault.problem for fault in graph.faults if "tried" in fault.problem]
    assert said
    assert f"tried {len(more)}, got []" in said[0]


@inside
def test_the_walls_hold_also_without_the_guard_behind_them(
    house: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHBOT_GITHUB_PRIVATE_KEY", SECRET)
    script = tmp_path / "script"
    script.write_text(f"import os\nos.chdir('/tmp')\n{attempt([*house, *FROM_INSIDE])}")
    mounts = [*walls.scratch(1), "--ro-bind", str(script), "/probe.py"]
    ended = watching.run(walls.enclosed(mounts, [sys.executable, "-I", "/probe.py"]), Limits(seconds=60))
    assert (ended.code, json.loads(ended.answer)) == (0, [])


@inside
@pytest.mark.slow
def test_when_the_bot_is_killed_the_sandbox_goes_with_it(tmp_path: Path) -> None:
    folder = describables.write(tmp_path / "tree", hostiles.NEVER_ENDS)
    limits, mark = limits_marked(Limits(seconds=200))
    call = f"sandbox.describe(Path({str(folder)!r}), '.', sandbox.Limits(seconds={limits.seconds}))"
    script = f"from pathlib import Path; from bot import sandbox; {call}"
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as bot:
        until(lambda: any("--answer=" in words for words in left(mark)), 60)
        bot.send_signal(signal.SIGKILL)
        bot.wait()
    until(lambda: not left(mark), 20)


def test_without_bubblewrap_nothing_is_described_and_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_found", [])
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = describables.write(tmp_path / "tree", hostiles.hostile(f"open({str(tmp_path / 'ran')!r}, 'w')\n"))
    with pytest.raises(sandbox.NoSandbox, match=r"bubblewrap is not installed.*apt-get install bubblewrap"):
        sandbox.describe(folder, ".")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo bubblewrap 0.4.1", "bubblewrap 0.4.1 cannot limit what is written; install 0.7 or newer"),
        (
            '[ "$1" = --version ] && echo bubblewrap 0.8.0 && exit\necho "bwrap: no new namespace" >&2; exit 1',
            "bubblewrap does not work here (bwrap: no new namespace); allow it user namespaces",
        ),
    ],
)
def test_where_bubblewrap_does_not_work_it_says_what_to_allow(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(readiness, "_found", [])
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    reason = sandbox.ready()
    assert reason is not None
    assert words in reason
