"""The processes of `meshbot up`: started, watched, and started again when they crash.

The rule: a crash is said and answered after a pause that doubles, and that a minute of health resets. They are started
by the main thread: on Linux their death signal is tied to the thread that started them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.up import processes

FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.5, 30.0, 60.0
LARGEST_LOG = 10 * 1024 * 1024
TAIL = 2000


def pause_before(crashes: int) -> float:
    """Say how many seconds to wait before the start that follows crash number `crashes` (from 1)."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (crashes - 1)))


@dataclass(frozen=True)
class Crash:
    """A process that ended although nobody asked it to."""

    name: str
    code: int
    pause: float
    last_words: str
    log: Path


@dataclass
class Child:
    """One process of the household and its history; `due` and `started` are seconds of the monotonic clock."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    crashes: int = 0
    log_start: int = 0

    def last_words(self) -> str:
        """Return the last line that the process wrote since it was started."""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_start, end - TAIL))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"


@dataclass
class Household:
    """The processes that `up` keeps. `environment` is what they are started with."""

    folder: Path
    environment: Mapping[str, str]
    children: list[Child] = field(default_factory=list)

    def add(self, name: str, *arguments: str) -> None:
        """Take in a process; `tend` starts it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.children.append(Child(name, arguments, self.folder / f"{name}.log"))

    def tend(self) -> list[Crash]:
        """Start what is due and return what has crashed since the last call."""
        now = time.monotonic()
        crashes = [crash for child in self.children if (crash := self._crash(child, now))]
        for child in self.children:
            if child.process is None and now >= child.due:
                self._start(child, now)
        return crashes

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        return [child.process.pid for child in self.children if child.process is not None]

    def stop(self, *names: str, patience: float = 10.0) -> None:
        """End these processes, gently and then by force; they are not started again."""
        going = [child for child in self.children if child.name in names]
        self.children = [child for child in self.children if child.name not in names]
        running = [child.process for child in going if child.process is not None]
        processes.send([process.pid for process in running if process.poll() is None], signal.SIGTERM)
        deadline, pause = time.monotonic() + patience, threading.Event()
        while any(process.poll() is None for process in running):
            if time.monotonic() > deadline:
                processes.send([process.pid for process in running if process.poll() is None], signal.SIGKILL)
            pause.wait(0.02)

    def _start(self, child: Child, now: float) -> None:
        fresh = child.log.exists() and child.log.stat().st_size > LARGEST_LOG
        with child.log.open("wb" if fresh else "ab") as log:
            child.log_start, child.started = log.tell(), now
            child.process = subprocess.Popen(  # noqa: S603 - our own arguments
                [sys.executable, *child.arguments],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=processes.die_with_parent,  # noqa: PLW1509 - one system call, and no thread of ours
            )

    def _crash(self, child: Child, now: float) -> Crash | None:
        if child.process is None or (code := child.process.poll()) is None:
            return None
        child.process = None
        child.crashes = 1 if now - child.started > HEALTHY_AFTER else child.crashes + 1
        pause = pause_before(child.crashes)
        child.due = now + pause
        return Crash(child.name, code, pause, child.last_words(), child.log)
