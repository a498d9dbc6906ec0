"""What the tests of the launchers run instead of meshrun: it does what its arguments say, one after the other."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

REPORT = {
    "meshrun": 1,
    "event": "model",
    "model": "db.orders",
    "seconds": 1.0,
    "rows": 2,
    "intervals": [],
    "error": None,
}
EATEN: list[bytes] = []


def forever() -> None:
    threading.Event().wait()


def line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fork(_value: str) -> None:
    if os.fork() == 0:
        forever()


def leave_behind(pid_file: str) -> None:
    """Start a process that has left our group and our session, and wait until it says that it is there."""
    code = "import os, threading; open({!r}, 'w').write(str(os.getpid())); print(flush=True); threading.Event().wait()"
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code.format(pid_file)], start_new_session=True, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()


def wait_for(path: Path) -> None:
    """Go on when somebody has made the file."""
    pause = threading.Event()
    while not path.exists():
        pause.wait(0.05)


def exit_differently(counter: Path) -> None:
    """Fail with exit code 1 the first time, and go on afterwards."""
    if not counter.exists():
        counter.write_text("")
        sys.exit(1)


STEPS: dict[str, Callable[[str], object]] = {
    "say": line,
    "err": lambda value: sys.stderr.write(value + "\n"),
    "long": lambda value: sys.stdout.write("x" * int(value)),
    "bytes": lambda value: sys.stdout.buffer.write(bytes.fromhex(value)),
    "env": lambda _: line(json.dumps(dict(os.environ))),
    "show": lambda value: line(os.environ[value]),
    "argv": lambda _: line(json.dumps(sys.argv)),
    "where": lambda _: line(str(Path.cwd())),
    "read": lambda value: line(Path(value).read_text().strip()),
    "touch": lambda value: Path(value).write_text(str(os.getpid())),
    "mark": lambda value: Path(value, f"{platform.node()}-{os.getpid()}").write_text(""),
    "ignore": lambda _: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "graceful": lambda _: signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)),
    "start": lambda _: line(json.dumps({"meshrun": 1, "event": "start", "models": 1})),
    "model": lambda value: line(json.dumps({**REPORT, "status": value})),
    "end": lambda value: line(json.dumps({"meshrun": 1, "event": "end", "outcome": value, "error": None})),
    "fork": fork,
    "daemon": leave_behind,
    "once": lambda value: exit_differently(Path(value)),
    "until": lambda value: wait_for(Path(value)),
    "eat": lambda value: EATEN.append(b"x" * (int(value) << 20)),
    "list": lambda value: line(" ".join(sorted(os.listdir(value))) if Path(value).is_dir() else "none"),  # noqa: PTH208
    "forever": lambda _: forever(),
    "exit": lambda value: sys.exit(int(value)),
}


def main(steps: list[str]) -> None:
    if steps[:1] == ["run"]:  # called as meshrun is: the job's selectors are the steps
        steps = [step.removeprefix("--select=") for step in steps if step.startswith("--select=")]
    for step in steps:
        name, _, value = step.partition("=")
        STEPS[name](value)


if __name__ == "__main__":
    main([step for step in sys.argv[1:] if step != "."])
