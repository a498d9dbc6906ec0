"""Sees to one sandbox from outside until nothing of it is left.

The rule: whatever happens inside, `run` comes back within the time, and the limits hold even where the guard inside
was killed or talked over. Inside stands meshrun's own guard, which says the same more exactly; it is given a little
longer to say it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bot.sandbox import syscalls
from bot.sandbox.limits import Limits

LOOK = 0.1
SLACK_SECONDS, SLACK_MB, SLACK_PROCESSES = 10.0, 256, 16
MEGABYTE = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")
KEPT_WORDS = 64 * 1024
GONE_WITHIN = 30.0


@dataclass(frozen=True)
class Ended:
    """What came of it: the exit code, the answer, what was said, and the limit that was broken, if one was."""

    code: int
    answer: bytes
    said: str
    broken: str | None = None


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
        with suppress(OSError, ValueError), self._pipe:
            while chunk := os.read(self._pipe.fileno(), 65536):
                self.total += len(chunk)
                self.data += chunk[: max(0, self._most - len(self.data))]


def run(command: Sequence[str], limits: Limits) -> Ended:
    """Start bubblewrap and wait for the end of all that is in it. `command` is its program, its options, and so on."""
    reading, writing = os.pipe()
    process = start(command, writing)
    os.close(writing)
    first = _first(reading)
    answer = _Stream(process.stdout, limits.output_mb * MEGABYTE)
    said = _Stream(process.stderr, KEPT_WORDS)
    try:
        broken = _watch(process, limits, answer)
    finally:
        _end(process, first)
    answer.join(5)
    said.join(5)
    return Ended(process.returncode, bytes(answer.data), said.data.decode(errors="replace"), broken)


def start(command: Sequence[str], told: int) -> subprocess.Popen[bytes]:
    """Start bubblewrap with the filter of system calls; it writes who its first process is to the descriptor `told`."""
    calls = syscalls.descriptor()
    options = ["--info-fd", str(told)] + (["--seccomp", str(calls)] if calls is not None else [])
    try:
        return subprocess.Popen(  # noqa: S603 - an argument vector
            [command[0], *options, *command[1:]],
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(told,) if calls is None else (told, calls),
            start_new_session=True,
            cwd="/",
        )
    finally:
        if calls is not None:
            os.close(calls)


def _first(reading: int) -> int | None:
    """Get hold of the first process of the sandbox, from what bubblewrap tells of it; None when it did not come so far.

    A descriptor means that very process, whatever becomes of its number.
    """
    with open(reading, "rb") as pipe, suppress(ValueError, KeyError, OSError):
        return os.pidfd_open(json.loads(pipe.read())["child-pid"])
    return None


def _watch(process: subprocess.Popen[bytes], limits: Limits, answer: _Stream) -> str | None:
    """Wait for the end; return the words for the limit that was broken."""
    deadline = time.monotonic() + limits.seconds + SLACK_SECONDS
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return _too_much(answer, limits)
        now = descendants(process.pid)
        if time.monotonic() > deadline:
            return f"time: it was not done after {limits.seconds:g} s"
        if len(now) > limits.processes + SLACK_PROCESSES:
            return f"processes: it had more than {limits.processes} at once"
        if sum(map(_resident, now)) > (limits.memory_mb + SLACK_MB) * MEGABYTE:
            return f"memory: its processes held more than {limits.memory_mb} MB"
        if broken := _too_much(answer, limits):
            return broken


def _too_much(answer: _Stream, limits: Limits) -> str | None:
    if answer.total > limits.output_mb * MEGABYTE:
        return f"output: it wrote more than {limits.output_mb} MB"
    return None


def descendants(pid: int) -> list[int]:
    """List every process below `pid`."""
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


def _end(process: subprocess.Popen[bytes], first: int | None) -> None:
    """Kill the sandbox: its first process takes all others with it. Then see that it is gone."""
    with suppress(ProcessLookupError):
        process.kill()
    if first is not None:
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(first, signal.SIGKILL)
        select.select([first], [], [], GONE_WITHIN)
        os.close(first)
    process.wait()
