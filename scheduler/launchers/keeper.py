"""The keeper of one run: a small detached process that starts it once, watches over it, and writes down its end.

The rule: started once is never started twice, and the end is written last. The keeper gets its commission, secret
values among it, through a pipe: none is in an argument, in its environment or on a disk. It outlives whoever launched
it; when it is killed itself, its children die with it and the run is lost. Standard library only, and it is started
without site-packages, so that it costs little.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scheduler.launchers import folder
from scheduler.launchers.crew import (
    LOOK_EVERY,
    Crew,
    Member,
    Program,
    Sink,
    Stop,
    adopt_orphans,
    clear_orphans,
    start,
    worst,
)
from scheduler.launchers.folder import RunFolder
from scheduler.launchers.redaction import REPORT, Lines, Redactor
from scheduler.launchers.tree import SetupError, StoppedError, Trees, git_env

LONGEST_LOG = 256 * 1024 * 1024
"""Bytes; after that only the lines of meshrun's report are written."""


@dataclass(frozen=True)
class Commission:
    """All that the keeper is told.

    `timeout` and `grace` are seconds; `secrets` are values by name; `slots` is how many runs may work here at once;
    `mirror` is where the bot mirrors the repository, if it does.
    """

    root: str
    run_id: str
    repository: str
    sha: str
    path: str
    program: tuple[str, ...]
    parallelism: int
    slots: int
    timeout: float
    grace: float
    search_path: str
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    mirror: str = ""

    def to_json(self) -> str:
        """Write it down for the pipe."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Locks:
    """The two locks of a run: `life` is inherited by what the keeper starts, `keeper` is not."""

    life: int
    keeper: int


def main() -> None:
    """Take the commission from standard input; begin the run, unless it was begun before, in a process of its own."""
    try:
        commission = Commission(**json.loads(sys.stdin.buffer.read()))
    except (ValueError, TypeError):  # whoever launched us died within the sentence
        return
    place = RunFolder(Path(commission.root), commission.run_id)
    locks = begin(place)
    if locks is None or os.fork():
        return  # whoever launched us knows by our end that the locks are held
    os.setsid()
    _detach()
    Keeper(commission, place, locks).keep()


def begin(place: RunFolder) -> Locks | None:
    """Take the run for good; None when somebody has it, had it, or it was ended before it began."""
    life = folder.take(place.lock)
    if life is None:
        return None
    if place.gone.exists() or place.started.exists():
        folder.release(life)
        return None
    keeper = folder.take(place.keeper)
    if keeper is None or not folder.create(place.started, {"at": folder.now(), "pid": os.getpid()}):
        return None
    return Locks(life, keeper)


def _detach() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Log:
    """The log of the run: whole lines, appended, redacted, and of bounded length."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._written = 0
        self._redactor = redactor
        self._streams: list[Lines] = []

    def stream(self) -> Sink:
        """Open one more stream into the log."""
        lines = Lines(self._redactor)
        self._streams.append(lines)
        return lambda chunk: self._write(lines.feed(chunk))

    def say(self, sentence: str) -> None:
        """Write a sentence of our own."""
        self._write([self._redactor.line(f"meshbot: {sentence}\n".encode(errors="replace"))])

    def close(self) -> None:
        """Write what has no end of line yet, and close."""
        for stream in self._streams:
            self._write(stream.close())
        os.close(self._descriptor)

    def _write(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if self._written > LONGEST_LOG and not line.startswith(REPORT):
                continue
            self._written += len(line)
            if self._written > LONGEST_LOG >= self._written - len(line):
                line = b"meshbot: the log is too long; from here on only report lines are kept\n" + line  # noqa: PLW2901
            _write_all(self._descriptor, line)


def _write_all(descriptor: int, data: bytes) -> None:
    with suppress(OSError):  # a full disk must not end the run
        while data:
            data = data[os.write(descriptor, data) :]


class Keeper:
    """Follows one run from its work tree to its end."""

    def __init__(self, commission: Commission, place: RunFolder, locks: Locks) -> None:
        self._commission = commission
        self._place = place
        self._locks = locks
        self._deadline = math.inf
        self._terminated = False
        self._redactor = Redactor(commission.secrets.values())

    def keep(self) -> None:
        """Do it all. Whatever happens, the end is written down."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        adopt_orphans()
        try:
            end = self._run()
        except StoppedError as stopped:
            end = _end(None, stopped.stop.reason, stopped.stop.detail)
        except (SetupError, OSError) as error:
            end = _end(None, "setup_failed", self._hidden(f"preparing the run: {error}"))
        except BaseException as error:
            end = _end(None, "lost", self._hidden(f"the keeper failed: {type(error).__name__}: {error}"))
            raise
        finally:
            clear_orphans()
            folder.replace(self._place.exit, end)

    def asked(self) -> Stop | None:
        """Say whether the run shall end, and why."""
        if self._place.cancel.exists():
            return Stop("cancelled", "cancelled")
        if time.monotonic() >= self._deadline:
            return Stop("timed_out", f"not done within its timeout of {self._commission.timeout:g} seconds")
        if self._terminated:
            return Stop("lost", "its keeper was told to end, as when the machine shuts down")
        return None

    def _run(self) -> dict[str, object]:
        commission = self._commission
        slot = self._wait_for_a_slot()
        self._deadline = time.monotonic() + commission.timeout  # the wait was not the run's
        self._place.home.mkdir(mode=0o700, exist_ok=True)
        mirror = Path(commission.mirror) if commission.mirror else None
        env = git_env(commission.search_path, self._place.home, commission.repository, commission.mirror)
        trees = Trees(self._place.root / "trees", env, self.asked, mirror)
        project, tree = trees.use(commission.repository, commission.sha, commission.path)
        log = Log(self._place.log, self._redactor)
        try:
            self._stop_early()
            return self._follow(project, log)
        finally:
            log.close()
            folder.release(tree)
            folder.release(slot)

    def _wait_for_a_slot(self) -> int:
        """Take one of the slots of this machine, so that a hundred runs of one minute do not exhaust it."""
        slots = self._place.root / "slots"
        slots.mkdir(exist_ok=True)
        while True:
            self._stop_early()
            for number in range(self._commission.slots):
                if (slot := folder.take(slots / str(number))) is not None:
                    return slot
            time.sleep(LOOK_EVERY)

    def _stop_early(self) -> None:
        stop = self.asked()
        if stop is not None:
            raise StoppedError(stop)

    def _follow(self, project: Path, log: Log) -> dict[str, object]:
        crew = Crew(self.asked, self._commission.grace)
        folder.replace(self._place.running, {"at": folder.now(), "keeper": os.getpid()})
        try:
            for _number in range(self._commission.parallelism):
                crew.members.append(self._start(project, log))
        except OSError as error:
            crew.stop_all(Stop("setup_failed", str(error)))  # one for all
            raise
        crew.wait()
        code = worst(member.code for member in crew.members if member.code is not None)
        if crew.stop is None or code == 0:  # it was done before the request reached it
            return _end(code, None, None)
        log.say(f"the run was ended: {crew.stop.detail}")
        return _end(code, crew.stop.reason, crew.stop.detail)

    def _start(self, project: Path, log: Log) -> Member:
        program = Program(self._commission.program, project, self._env(), inherit=(self._locks.life,))
        return start(program, (log.stream(), log.stream()))

    def _env(self) -> dict[str, str]:
        """Build the whole environment of the run, from nothing."""
        ours = {"PATH": self._commission.search_path, "HOME": str(self._place.home), "LANG": "C.UTF-8"}
        return {**ours, "PYTHONUNBUFFERED": "1", **self._commission.env, **self._commission.secrets}

    def _hidden(self, text: str) -> str:
        return self._redactor.line(text.encode(errors="replace")).decode(errors="replace")

    def _on_terminate(self, _number: int, _frame: object) -> None:
        self._terminated = True


def _end(code: int | None, reason: str | None, detail: str | None) -> dict[str, object]:
    return {"code": code, "reason": reason, "detail": detail, "ended_at": folder.now()}
