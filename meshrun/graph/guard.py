"""Limits around a process that runs code nobody has read: time, memory, output, processes, and no network.

The rule: whatever the process does, `run` comes back within its time, nothing that was started is left, and it says
which limit was broken. The surprise: root is not counted by RLIMIT_NPROC, so this process counts its descendants
itself; where the kernel allows, they live in a PID namespace that dies as one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PACKAGES = str(Path(__file__).resolve().parents[2])
BOOT = f"import sys; sys.path.insert(0, {PACKAGES!r}); from meshrun.graph import inside; inside.main()"
LOOK = 0.1
MEGABYTE = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")
KEPT_WORDS = 64 * 1024
# How a limit that the kernel keeps is heard of in Python.
SIGNS = {
    "[Errno 11] Resource temporarily unavailable": "processes: no more could be started; allow more with --processes",
    "can't start new thread": "processes: no more threads could be started; allow more with --processes",
    "MemoryError": "memory: no more could be reserved; allow more with --memory-mb",
    "[Errno 27] File too large": "output: a file became too large; allow more with --output-mb",
}
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Limits:
    """What a load may use. Memory counts all its processes together, and each one's address space twice that."""

    seconds: float = 300.0
    memory_mb: int = 4096
    output_mb: int = 64
    processes: int = 128


@dataclass(frozen=True)
class Ended:
    """What came of it: the answer, what was said, and the limit that was broken, if one was."""

    code: int
    answer: bytes
    said: str
    broken: str | None = None


class _Stream(threading.Thread):
    """Reads a pipe to its end; keeps the first `most` bytes (`kept_end`: the last) and knows when there were more."""

    def __init__(self, descriptor: int, most: int, *, keep_end: bool = False) -> None:
        super().__init__(daemon=True)
        self.data, self.total = b"", 0
        self._descriptor, self._most, self._keep_end = descriptor, most, keep_end
        self.start()

    def run(self) -> None:
        """Read until nobody writes any more."""
        parts: list[bytes] = []
        with suppress(OSError), open(self._descriptor, "rb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
            while chunk := pipe.read(65536):
                self.total += len(chunk)
                if self._keep_end:
                    parts = [(b"".join(parts) + chunk)[-self._most :]]
                elif self.total <= self._most:
                    parts.append(chunk)
        self.data = b"".join(parts)


def run(arguments: Sequence[str], environment: Mapping[str, str], limits: Limits) -> Ended:
    """Start `meshrun.graph.inside` with these arguments and see to it until it has ended."""
    _adopt_orphans()
    reading, writing = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - this very interpreter
        [sys.executable, "-P", "-c", BOOT, *arguments, f"--answer={writing}"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    answer = _Stream(reading, limits.output_mb * MEGABYTE)
    said = _Stream(os.dup(process.stderr.fileno()) if process.stderr else 2, KEPT_WORDS, keep_end=True)
    try:
        broken = _watch(process, limits, (answer, said))
    finally:
        _end_all(process)
    answer.join(5)
    said.join(5)
    spoken = said.data.decode(errors="replace")
    if process.returncode and broken is None:
        broken = next((words for sign, words in SIGNS.items() if sign in spoken), None)
    return Ended(process.returncode, answer.data, spoken, broken)


def _watch(process: subprocess.Popen[bytes], limits: Limits, streams: Sequence[_Stream]) -> str | None:
    """Wait for the end; return the words for the limit that was broken."""
    deadline = time.monotonic() + limits.seconds
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return _by_signal(process.returncode, limits) or _too_much(streams, limits)
        if time.monotonic() > deadline:
            return f"time: it was not done after {limits.seconds:g} s; allow more with --seconds"
        family = descendants(os.getpid())
        if len(family) > limits.processes:
            return f"processes: it had more than {limits.processes} at once; allow more with --processes"
        if sum(map(_resident, family)) > limits.memory_mb * MEGABYTE:
            return f"memory: its processes held more than {limits.memory_mb} MB; allow more with --memory-mb"
        if broken := _too_much(streams, limits):
            return broken


def _too_much(streams: Sequence[_Stream], limits: Limits) -> str | None:
    if any(stream.total > limits.output_mb * MEGABYTE for stream in streams):
        return f"output: it wrote more than {limits.output_mb} MB; allow more with --output-mb"
    return None


def _by_signal(code: int, limits: Limits) -> str | None:
    """Word the limits that the kernel keeps: they end the process by a signal."""
    match -code if code < 0 else code - 128:
        case signal.SIGXCPU:
            return f"time: it computed for more than {limits.seconds:g} s; allow more with --seconds"
        case signal.SIGXFSZ:
            return f"output: it wrote a file of more than {limits.output_mb} MB; allow more with --output-mb"
    return None


def descendants(pid: int) -> list[int]:
    """List every process below `pid`. Empty where /proc does not tell."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 - every 100 ms, so the cheap way
                with suppress(OSError):
                    children = Path(f"/proc/{parent}/task/{task}/children").read_bytes().split()
                    waiting += map(int, children)
                    found += map(int, children)
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _adopt_orphans() -> None:
    """Become the parent of whatever loses its own, so that nothing escapes by forking twice. Linux only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """Kill everything below this process. Stopped first, so that a fork bomb cannot run away from the killing."""
    for _round in range(200):
        left = [pid for pid in descendants(os.getpid()) if not _is_zombie(pid)]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
        _reap(process.pid)
        if not left and process.returncode is not None:
            return


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    return True


def _reap(but: int) -> None:
    """Collect adopted processes that have ended; the one we started is `Popen`'s to collect."""
    for pid in descendants(os.getpid()):
        if pid != but and _is_zombie(pid):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
