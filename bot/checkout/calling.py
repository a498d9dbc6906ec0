"""One call of git, hardened: the only module that imports GitPython.

The rule: git gets the settings below, which outrank what a repository says, a bare environment, and a token by nothing
but that environment; redirects are not followed, so that the token goes to the host that it is for. The surprise: our
environment is taken away name by name by `env -u`, because GitPython always passes on all of it.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from scheduler.errors import Retryable, UserError

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is reported when it is used, in our words
import git as gitpython

REMOTE = frozenset({"https"})
LOCAL = frozenset({"file"})
TIMEOUT, FETCH_TIMEOUT = 300, 1800
MOST_OUTPUT = 32 * 1024 * 1024
MOST_WORDS = 64 * 1024
SILENT = "git did not say why"
ENV = "/usr/bin/env"

HARDENED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "uploadpack.packObjectsHook=",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)
"""Settings on every call; they outrank what a repository's own configuration says."""

PLACES = {"PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "LD_LIBRARY_PATH", "GIT_EXEC_PATH"}
CERTIFICATES = {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"}
PROXIES = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}
PASSED = PLACES | CERTIFICATES | PROXIES
"""What git may know of our environment: where programs, certificates and the way out are."""


class TokenRefused(Retryable):
    """The source does not take the token: it has ended, or was revoked."""


class Missing(UserError):
    """An object that the repository should have is not there, or is cut off."""


class TooMuch(UserError):
    """A repository that is larger than anybody reads: a tree of a few kilobytes may name billions of files."""


@dataclass(frozen=True)
class Git:
    """Git with the protocols that are allowed; in the repository `folder`, or in none.

    `token` is sent to `source` and nowhere else.
    """

    allow: frozenset[str]
    folder: Path | None = None
    source: str = ""
    token: str | None = None

    def run(
        self, *arguments: str, doing: str, silent: str = SILENT, hold: Sequence[int] = (), patience: int = TIMEOUT
    ) -> bytes:
        """Return what a command prints. It keeps the descriptors of `hold` open, whatever becomes of us.

        Raises `UserError` in git's words, `TooMuch`, and `Retryable` where it may work in a moment.
        """
        with self._started(arguments, doing, hold) as process, _ending(process, patience) as ended:
            said = _Words(process)
            output = _all_of(process, doing)
            process.wait()
            said.join()
        if ended.is_set():
            raise Retryable(f"{doing}: git was not done after {patience} s")
        if process.returncode:
            raise self._fault(said.data, doing, silent)
        return output

    def text(self, *arguments: str, doing: str, silent: str = SILENT, hold: Sequence[int] = ()) -> str:
        """Return what a command prints as text; what is no UTF-8 becomes surrogates."""
        return self.run(*arguments, doing=doing, silent=silent, hold=hold).decode("utf-8", "surrogateescape")

    def blobs(self, names: Iterable[str], doing: str) -> Iterator[bytes]:
        """Yield the content of objects, in this order, each whole. Raises `Missing`."""
        wanted = list(names)
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(f"{name}\n" for name in wanted).encode("ascii"))
            asked.seek(0)
            command = ("cat-file", "--batch")
            with self._started(command, doing, (), asked.fileno()) as process, _ending(process, TIMEOUT):
                for name in wanted:
                    yield _blob(process, name, doing)

    @contextmanager
    def _started(
        self, arguments: Sequence[str], doing: str, hold: Sequence[int], asked: int | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start git in a session of its own; when we leave, all of it is gone."""
        program = gitpython.Git.GIT_PYTHON_GIT_EXECUTABLE or "git"
        if shutil.which(program) is None:
            raise UserError(f"{doing}: git is not installed, or not on PATH; install it")
        settings = [*HARDENED, *(f"protocol.{name}.allow=always" for name in sorted(self.allow))]
        options = [part for setting in settings for part in ("-c", setting)]
        place = ["--git-dir", str(self.folder)] if self.folder else []
        given = self._environment()
        dropped = [part for name in sorted(os.environ.keys() - PASSED - given.keys()) for part in ("-u", name)]
        handle = gitpython.Git("/").execute(  # in no repository, so that none but the named one has a say
            [ENV, *dropped, program, *options, *place, *arguments],
            env=given,
            as_process=True,
            start_new_session=True,
            pass_fds=tuple(hold),
            istream=asked,
        )
        process = cast("subprocess.Popen[bytes]", handle.proc)
        try:
            yield process
        finally:
            _end(process)
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def _environment(self) -> dict[str, str]:
        """Say what git may know of this machine: nothing, except whose local repositories its user declared safe."""
        hardened = {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS": "",
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(self.allow)),
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CEILING_DIRECTORIES": "/",
            "GIT_CONFIG_COUNT": "0",
            "LC_ALL": "C",
        }
        if "file" not in self.allow:
            hardened["GIT_CONFIG_GLOBAL"] = os.devnull
        if self.token is not None:
            hardened |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{self.source}.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {_basic(self.token)}",
            }
        return hardened

    def _fault(self, said: bytes, doing: str, silent: str) -> UserError | Retryable:
        words = self._hidden(first_words(said.decode(errors="replace"))) or silent
        if "dubious ownership" in words:
            return UserError(f"{doing}: another user owns it; git config --global --add safe.directory PATH")
        if self.token is not None and REFUSED.search(words):
            return TokenRefused(f"{doing}: the source did not take the token; ask for a new one")
        if MOVED.search(words):
            return UserError(f"{doing}: its address has moved ({words}); write the address to which it has moved")
        return Retryable(f"{doing}: {words}") if PASSES.search(words) else UserError(f"{doing}: {words}")

    def _hidden(self, words: str) -> str:
        for secret in (self.token, _basic(self.token)) if self.token else ():
            words = words.replace(secret, "***")
        return words


REFUSED = re.compile(r"could not read (Username|Password)|Authentication failed|returned error: 401", re.IGNORECASE)
MOVED = re.compile(r"unable to update url base from redirection|returned error: 30\d", re.IGNORECASE)
PASSES = re.compile(
    r"resolve host|connect|timed? ?out|too slow|early EOF|hung up|RPC failed|"
    r"HTTP 5\d\d|returned error: (5\d\d|429)",
    re.IGNORECASE,
)


def first_words(said: str) -> str:
    """Return what matters of git's words: the first line that is fatal, or the first one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines or [""])[0].removeprefix("fatal: ").strip()


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode("ascii")


def _blob(process: subprocess.Popen[bytes], name: str, doing: str) -> bytes:
    if process.stdout is None:
        raise Missing(f"{doing}: git does not answer")
    head = process.stdout.readline().split()
    if len(head) != 3 or head[0] != name.encode("ascii"):  # noqa: PLR2004 - name, type, size
        raise Missing(f"{doing}: object {name[:12]} is not there")
    size = int(head[2])
    content = process.stdout.read(size + 1)
    if len(content) != size + 1:
        raise Missing(f"{doing}: object {name[:12]} is cut off")
    return content[:size]


class _Words(threading.Thread):
    """Reads what git says, to the end, and keeps the beginning."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.data, self._pipe = b"", process.stderr
        self.start()

    def run(self) -> None:
        """Read until nobody says anything any more."""
        with suppress(OSError, ValueError):
            while self._pipe and (chunk := os.read(self._pipe.fileno(), 65536)):
                self.data += chunk[: max(0, MOST_WORDS - len(self.data))]


def _all_of(process: subprocess.Popen[bytes], doing: str) -> bytes:
    parts, size = [], 0
    while process.stdout and (chunk := os.read(process.stdout.fileno(), 1024 * 1024)):
        parts.append(chunk)
        size += len(chunk)
        if size > MOST_OUTPUT:
            raise TooMuch(f"{doing}: there is more than {MOST_OUTPUT // 1024**2} MB of it; it is not read")
    return b"".join(parts)


@contextmanager
def _ending(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """End a process that takes too long, and say so."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        _end(process)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
