"""What works in a pod that describes a project nobody has read: unpacks the tree, starts meshrun, prints the answer.

The rule: it is the first process of its pod, and whatever the project does, it ends everything within the time and
then prints one answer, in lines of its own that are told apart by their beginning and checked by a digest. Standard
library only: it travels as one file into images of any kind. The surprise: it makes itself undumpable, so that a
project, which is the same user, cannot open what this process writes to.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

CODE = "/meshbot/code"
GIVEN, REPOSITORY, SCRATCH = "/meshbot/given", "/meshbot/repository", "/tmp"  # noqa: S108 - of the pod, and its own
LINE, LAST = "meshbot-answer: ", "meshbot-answered: "
WIDTH = 8000
LOOK = 0.1
SLACK_SECONDS, SLACK_PROCESSES = 10.0, 16
KEPT_WORDS = 64 * 1024
MEGABYTE = 1024 * 1024
PR_SET_DUMPABLE = 4
OOM = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def main(arguments: Sequence[str] | None = None) -> int:
    """Describe what was given; the exit code says only whether there is an answer."""
    options = _parser().parse_args(arguments)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        unpack(Path(GIVEN), Path(REPOSITORY))
        told = _run(options)
    except (OSError, tarfile.TarError, zlib.error, EOFError) as error:
        told = {"code": 1, "broken": None, "said": f"unpacking the tree: {error}", "answer": ""}
    for line in answer_lines(told):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return 0


def unpack(given: Path, into: Path) -> None:
    """Make the tree out of its parts."""
    packed = b"".join(part.read_bytes() for part in sorted(given.glob("part-*")))
    options: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        archive.extractall(into, **options)  # noqa: S202 - Meshbot made it, and there is nothing here to overwrite
    (into / ".git").mkdir(exist_ok=True)  # so that meshrun sees where the repository ends


def answer_lines(told: Mapping[str, Any]) -> list[str]:
    """Write an answer as lines of a log; the last one has the digest of all before."""
    text = base64.b64encode(zlib.compress(json.dumps(told).encode(), 9)).decode()
    lines = [LINE + text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]
    return [*lines, LAST + hashlib.sha256(text.encode()).hexdigest()]


class _Stream(threading.Thread):
    """Reads a pipe to its end and keeps the first `most` bytes of it."""

    def __init__(self, pipe: IO[bytes] | None, most: int) -> None:
        super().__init__(daemon=True)
        self.data, self.total = bytearray(), 0
        self._pipe, self._most = pipe, most
        self.start()

    def run(self) -> None:
        """Read until nobody writes any more."""
        if self._pipe is None:
            return
        with suppress(OSError, ValueError):
            while chunk := os.read(self._pipe.fileno(), 65536):
                self.total += len(chunk)
                self.data += chunk[: max(0, self._most - len(self.data))]


def _run(options: argparse.Namespace) -> dict[str, Any]:
    process = subprocess.Popen(  # noqa: S603 - an argument vector
        _command(options),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )
    answer = _Stream(process.stdout, options.output_mb * MEGABYTE)
    said = _Stream(process.stderr, KEPT_WORDS)
    try:
        broken = _watch(process, options, answer)
    finally:
        _end_all(process)
    answer.join(5)
    said.join(5)
    if broken is None and process.returncode and _was_out_of_memory():
        broken = f"memory: it needed more than {options.memory_mb} MB"
    words = said.data.decode(errors="replace")
    return {"code": process.returncode, "broken": broken, "said": words, "answer": answer.data.decode(errors="replace")}


def _command(options: argparse.Namespace) -> list[str]:
    limits = [f"--seconds={options.seconds}", f"--memory-mb={options.memory_mb}", f"--output-mb={options.output_mb}"]
    meshrun = [sys.executable, "-P", f"{CODE}/meshrun.pyz", "describe", f"{REPOSITORY}/{options.path}", "--no-cache"]
    return [*meshrun, *limits, f"--processes={options.processes}"]


def _environment() -> dict[str, str]:
    """Return that of the image, without what a cluster puts into every pod."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
    return kept | {"HOME": SCRATCH, "TMPDIR": SCRATCH, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def _watch(process: subprocess.Popen[bytes], options: argparse.Namespace, answer: _Stream) -> str | None:
    """Wait for the end; return the words for the limit that was broken."""
    deadline = time.monotonic() + options.seconds + SLACK_SECONDS
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
        if answer.total > options.output_mb * MEGABYTE:
            return f"output: it wrote more than {options.output_mb} MB"
        if process.returncode is not None:
            return None
        if time.monotonic() > deadline:
            return f"time: it was not done after {options.seconds:g} s"
        _reap(process.pid)
        if len([one for one in os.listdir("/proc") if one.isdigit()]) > options.processes + SLACK_PROCESSES:  # noqa: PTH208
            return f"processes: it had more than {options.processes} at once"


def _reap(but: int) -> None:
    """Collect orphans that have ended: they are this process's, as it is the first one."""
    with suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid == but:
                return
            os.waitpid(found.si_pid, os.WNOHANG)


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """Kill everything else in the pod; only where this is the first process, there is nothing else of anybody's."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpid() == 1:
            os.kill(-1, signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _was_out_of_memory() -> bool:
    """Ask the kernel whether it has ended something of this pod because of memory."""
    for place in OOM:
        with suppress(OSError):
            found = re.search(r"^oom_kill (\d+)", Path(place).read_text(), re.MULTILINE)
            return bool(found and int(found[1]))
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hermit", description="Describes a project in a pod of its own.")
    parser.add_argument("--path", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    for name in ("memory-mb", "output-mb", "processes"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
