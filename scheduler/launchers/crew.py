"""The processes that a keeper starts: started as groups, listened to, stopped, and cleared away to the last child.

The rule: none outlives its keeper. A killed keeper takes its children with it (Linux sends them SIGKILL), and after the
end of a child whatever it left behind in its process group, or left orphaned, is killed too. Everything happens in one
thread, because the kernel ties "my parent died" to the thread that forked. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOOK_EVERY = 0.25
"""Seconds between two looks at what asks for the end."""

CHUNK = 1 << 16
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None

Sink = Callable[[bytes], None]


@dataclass(frozen=True)
class Program:
    """What to start: arguments, working directory, the whole environment, and descriptors that it shall inherit."""

    arguments: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    inherit: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stop:
    """Why everything shall end: a reason of `Exited`, and one sentence."""

    reason: str
    detail: str


@dataclass
class Member:
    """One running child. `sinks` take what it prints: standard output, standard error."""

    process: subprocess.Popen[bytes]
    sinks: tuple[Sink, Sink]
    code: int | None = None

    @property
    def streams(self) -> list[tuple[IO[bytes], Sink]]:
        """Each stream with its sink."""
        pipes = (self.process.stdout, self.process.stderr)
        return [(pipe, sink) for pipe, sink in zip(pipes, self.sinks, strict=True) if pipe is not None]


def adopt_orphans() -> None:
    """Become the parent of whatever the children leave behind, so that it can be found (Linux)."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(program: Program, sinks: tuple[Sink, Sink]) -> Member:
    """Start a program in a session of its own. Raises `OSError` when it cannot be started."""
    keeper = os.getpid()

    def die_with_the_keeper() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:  # it died before the line above
            os._exit(1)

    process = subprocess.Popen(  # noqa: S603 - an argument vector, never a shell
        list(program.arguments),
        cwd=program.folder,
        env=dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        pass_fds=program.inherit,
        preexec_fn=die_with_the_keeper,  # noqa: PLW1509 - the keeper has one thread
    )
    return Member(process, sinks)


@dataclass
class Crew:
    """All children of one piece of work. `asked` says whether, and why, they shall stop; `grace` is in seconds."""

    asked: Callable[[], Stop | None]
    grace: float
    members: list[Member] = field(default_factory=list)
    stop: Stop | None = None
    _kill_at: float | None = None

    def wait(self) -> None:
        """Listen until every member has ended, and stop them when that is asked for."""
        with selectors.DefaultSelector() as selector:
            for member in self.members:
                for pipe, sink in member.streams:
                    os.set_blocking(pipe.fileno(), False)
                    selector.register(pipe, selectors.EVENT_READ, sink)
            while any(member.code is None for member in self.members):
                self._listen(selector)
                self._look()
            for member in self.members:
                self._drain(selector, member)

    def stop_all(self, stop: Stop) -> None:
        """Stop every member now, and wait for that."""
        self.asked = lambda: stop
        self.wait()

    def _listen(self, selector: selectors.BaseSelector) -> None:
        if not selector.get_map():  # all streams are closed, somebody still lives
            time.sleep(LOOK_EVERY / 10)
        for key, _events in selector.select(LOOK_EVERY):
            chunk = _read(key.fd)
            if chunk:
                key.data(chunk)
            elif chunk == b"":
                selector.unregister(key.fileobj)

    def _look(self) -> None:
        for member in self.members:
            if member.code is None:
                member.code = _ended(member.process)
        if self.stop is None:
            self.stop = self.asked()
            if self.stop is not None:
                self._signal(signal.SIGTERM)
                self._kill_at = time.monotonic() + self.grace
        elif self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for member in self.members:
            if member.code is None:
                _signal_group(member.process.pid, number)

    def _drain(self, selector: selectors.BaseSelector, member: Member) -> None:
        """Take what lies in the pipes; a stranger that holds one open is not waited for."""
        for pipe, sink in member.streams:
            while pipe in {key.fileobj for key in selector.get_map().values()} and (chunk := _read(pipe.fileno())):
                sink(chunk)
            pipe.close()


def _read(descriptor: int) -> bytes | None:
    """Read what is there; empty at the end of the stream, None when nothing is there now."""
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:
        return None


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of an ended child, after the end of all others in its group."""
    if hasattr(os, "waitid"):
        # Not reaped yet, so that its number cannot belong to another group when it is used.
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _signal_group(process.pid, signal.SIGKILL)
        return process.wait()
    code = process.poll()
    if code is not None:
        _signal_group(process.pid, signal.SIGKILL)
    return code


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def clear_orphans(within: float = 5.0) -> None:
    """Kill and reap every child that is left, adopted ones too. Call it when all members have ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError, PermissionError):
            for child in _children():
                os.kill(child, signal.SIGKILL)
        try:
            reaped, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not reaped:
            time.sleep(0.01)


def _children() -> list[int]:
    """List the children of this process (Linux; none elsewhere)."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        return [int(pid) for pid in path.read_text().split()]
    except OSError:
        return []


def kill_holders(lock: Path) -> None:
    """Kill every process that holds this file open: what a killed keeper left behind (Linux)."""
    try:
        wanted = lock.stat()
    except FileNotFoundError:
        return
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) != os.getpid() and _has_open(process, (wanted.st_dev, wanted.st_ino)):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(process.name), signal.SIGKILL)


def _has_open(process: Path, wanted: tuple[int, int]) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == wanted:
                    return True
    return False


def worst(codes: Iterable[int]) -> int:
    """Return the exit code that counts: a crash before a wrong usage, a failure, a partial success, an early end."""
    order = (2, 1, 3, 4, 5, 0)
    return min(codes, key=lambda code: order.index(code) if code in order else -1)
