"""What works inside the pod of a run: `fetch` makes the work tree, `keep` starts the run and watches over it.

The rule: whatever happens, the end is written into the termination message, as one JSON object; what the run prints
leaves the pod redacted, because only here are the values of its secrets known. It is asked to end by a file (an
annotation of its pod) or by SIGTERM. Standard library only: it travels as a zipapp into images of any kind.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scheduler.launchers.crew import Crew, Program, Sink, Stop, adopt_orphans, clear_orphans, start, worst
from scheduler.launchers.redaction import REPORT, Lines, Redactor
from scheduler.launchers.tree import SetupError, StoppedError, Trees, git_env

MESSAGE = Path("/dev/termination-log")
LONGEST_MESSAGE = 4000
"""Bytes: the cluster keeps 4096 of them."""
LONGEST_LOG = 8 * 1024 * 1024
"""Bytes; after that only report lines are printed. A node keeps 10 MiB unless told otherwise, and forgets the rest."""
TOO_LONG = b"meshbot: the log is too long; from here on only report lines are kept\n"
PROJECT = "project"
SECRETS = "/meshbot/secrets"
FAILED = 1
KILLED = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the two; return the exit code of the container."""
    options = _parser().parse_args(arguments)
    ask = _Asked(options.cancel)
    signal.signal(signal.SIGTERM, ask.on_terminate)
    signal.signal(signal.SIGINT, ask.on_terminate)
    code: int = options.do(options, ask)
    return code


@dataclass
class _Asked:
    """Whether the end was asked for: by the file, by a signal, or by the time."""

    cancel: Path | None
    deadline: float = math.inf
    timeout: float = 0
    terminated: bool = False

    def __call__(self) -> Stop | None:
        if self.cancel is not None and _text(self.cancel).strip():
            return Stop("cancelled", "cancelled")
        if time.monotonic() >= self.deadline:
            return Stop("timed_out", f"not done within its timeout of {self.timeout:g} seconds")
        if self.terminated:
            return Stop("lost", "its pod was told to end, as when a node is drained")
        return None

    def on_terminate(self, _number: int, _frame: object) -> None:
        self.terminated = True


def fetch(options: argparse.Namespace, ask: _Asked) -> int:
    """Make the work tree of the commit, and a link to the project in it."""
    env = git_env(os.environ.get("PATH", os.defpath), options.home, options.repository)
    try:
        env |= _login(options.repository, _text(options.token).strip() if options.token else "")
        project, _lock = Trees(options.into, env, ask).use(options.repository, options.sha, options.path)
        (options.into / PROJECT).unlink(missing_ok=True)  # a restarted node fetches again
        (options.into / PROJECT).symlink_to(project)
    except (SetupError, OSError) as error:
        return _tell(FAILED, _end(None, "setup_failed", f"preparing the run: {error}"))
    except StoppedError as stopped:
        return _tell(FAILED, _end(None, stopped.stop.reason, stopped.stop.detail))
    return 0


def _login(repository: str, token: str) -> dict[str, str]:
    """Give the token to git for this host alone, and in its environment alone."""
    url = urlsplit(repository)
    if not token or url.scheme != "https":
        return {}
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.https://{url.netloc.rpartition('@')[2]}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }


def keep(options: argparse.Namespace, ask: _Asked) -> int:
    """Start the run in its project, follow it to its end, and say how it ended."""
    adopt_orphans()
    printed = _Printed(Redactor(_secrets(options.hide, options.given)))
    ask.timeout, ask.deadline = options.timeout, time.monotonic() + options.timeout
    crew = Crew(ask, options.grace)
    program = Program(options.program, (options.work / PROJECT).resolve(), _env(options.hide))
    try:
        crew.members.append(start(program, (printed.stream(), printed.stream())))
    except OSError as error:
        return _tell(FAILED, _end(None, "setup_failed", f"starting {program.arguments[0]}: {error.strerror}"))
    crew.wait()
    code = worst(member.code for member in crew.members if member.code is not None)
    stop = crew.stop if code else None  # it was done before the request reached it
    if stop is not None:
        printed.say(f"the run was ended: {stop.detail}")
    printed.close()
    clear_orphans()
    end = _end(code, stop.reason if stop else None, stop.detail if stop else None)
    _tell(code, end, printed.report)
    # One of several pods that fails would make the cluster end the others.
    return 0 if options.together else code if code >= 0 else KILLED - code


def _env(granted: Sequence[str]) -> dict[str, str]:
    """Return the run's environment; one line end at the end of a granted secret is the editor's, not the secret's."""
    return {**os.environ, **{name: _trimmed(os.environ[name]) for name in granted if name in os.environ}}


def _secrets(names: Sequence[str], given: Path | None) -> Iterator[str]:
    """Find the values to hide: of the named variables, of the files that they name, and of whole Secrets."""
    for name in names:
        value = os.environ.get(name, "")
        is_file = value == f"{SECRETS}/{name}"
        yield _trimmed(_text(Path(value)) if is_file else value)
    if given is not None and given.is_dir():
        for folder in given.iterdir():
            yield from (
                _trimmed(os.environ.get(key.name, "")) for key in folder.iterdir() if not key.name.startswith("..")
            )


@dataclass
class _Printed:
    """What the run prints, on its way to the log of the container; its latest report lines are kept in mind."""

    redactor: Redactor
    report: list[str] = field(default_factory=list)
    _streams: list[Lines] = field(default_factory=list)
    _written: int = 0

    def stream(self) -> Sink:
        lines = Lines(self.redactor)
        self._streams.append(lines)
        return lambda chunk: self._write(lines.feed(chunk))

    def say(self, sentence: str) -> None:
        self._write([self.redactor.line(f"meshbot: {sentence}\n".encode(errors="replace"))])

    def close(self) -> None:
        for stream in self._streams:
            self._write(stream.close())

    def _write(self, lines: Iterator[bytes] | list[bytes]) -> None:
        for line in lines:
            if line.startswith(REPORT):
                self.report.append(line.decode(errors="replace").rstrip("\n"))
                del self.report[:-1000]
                _write_all(1, line)
            elif self._written <= LONGEST_LOG:
                self._written += len(line)
                _write_all(1, line if self._written <= LONGEST_LOG else TOO_LONG)


def _write_all(descriptor: int, data: bytes) -> None:
    with suppress(OSError):  # nobody reads it: the run goes on
        while data:
            data = data[os.write(descriptor, data) :]


def _tell(code: int, end: dict[str, Any], report: Sequence[str] = ()) -> int:
    """Write the termination message: the end, and as many of the last report lines as there is room for."""
    room = LONGEST_MESSAGE - len(json.dumps(end).encode())
    lines: list[str] = []
    for line in reversed(report):
        room -= len(json.dumps(line).encode()) + 2
        if room < 0:
            break
        lines.insert(0, line)
    with suppress(OSError):
        MESSAGE.write_text(json.dumps(end | {"report": lines}))
    return code


def _end(code: int | None, reason: str | None, detail: str | None) -> dict[str, Any]:
    words = detail[-LONGEST_MESSAGE // 2 :] if detail else None
    return {"code": code, "reason": reason, "detail": words, "ended_at": datetime.now(UTC).isoformat()}


def _trimmed(value: str) -> str:
    return value.removesuffix("\n").removesuffix("\r")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keeper", description="What works inside the pod of a run.")
    commands = parser.add_subparsers(required=True)
    fetching = commands.add_parser("fetch")
    for name in ("into", "home", "token"):
        fetching.add_argument(f"--{name}", type=Path)
    for name in ("repository", "sha", "path"):
        fetching.add_argument(f"--{name}", required=True)
    fetching.set_defaults(do=fetch, cancel=None)
    keeping = commands.add_parser("keep")
    for name in ("work", "cancel", "given"):
        keeping.add_argument(f"--{name}", type=Path)
    for name in ("timeout", "grace"):
        keeping.add_argument(f"--{name}", type=float, required=True)
    keeping.add_argument("--hide", action="append", default=[])
    keeping.add_argument("--together", action="store_true")
    keeping.add_argument("program", nargs="+")
    keeping.set_defaults(do=keep)
    return parser


if __name__ == "__main__":
    sys.exit(main())
