"""The work tree of one commit, shared by all runs of it: fetched by a hardened git, made aside, renamed into place.

The rule: a repository is somebody else's data. No hooks, no filters, no submodules, no configuration of this machine,
no unusual transport; what looks like an option is refused. A tree is complete as soon as it is there, and it stays
while somebody holds its lock. Standard library only, because the keeper uses it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scheduler.launchers import folder
from scheduler.launchers.crew import Crew, Program, Stop, start

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
CREDENTIALS = re.compile(r"://[^/@\s]+@")
MOST_WORDS = 4000
HARDENED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "protocol.ext.allow=never",
)
FETCH = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
PROTOCOLS = "file:https:http:ssh:git"


class SetupError(Exception):
    """The run cannot be set up; the message is for a person."""


class StoppedError(Exception):
    """The end was asked for while the run was still being set up."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.detail)
        self.stop = stop


@dataclass(frozen=True)
class Trees:
    """The work trees below `root`. `asked` is looked at while something takes long.

    `mirror` is where the bot on this machine mirrors the repository, if it does: a commit that is there is taken from
    there, so that a run of a private repository needs no token.
    """

    root: Path
    env: dict[str, str]
    asked: Callable[[], Stop | None]
    mirror: Path | None = None

    def use(self, repository: str, sha: str, path: str) -> tuple[Path, int]:
        """Return the project's folder at the commit, and the lock that keeps its tree until it is closed.

        Raises `SetupError` with git's words, or `StoppedError`.
        """
        _check(repository, sha)
        tree = self.root / hashlib.sha256(repository.encode()).hexdigest()[:16] / sha
        tree.parent.mkdir(parents=True, exist_ok=True)
        lock = tree.with_name(f"{sha}.lock")
        held = self._hold(lock, shared=True)
        while not tree.exists():
            folder.release(held)
            self._build(repository, sha, tree, lock)
            held = self._hold(lock, shared=True)
        lock.touch()  # when it was used last
        return _inside(tree, path, sha), held

    def _hold(self, lock: Path, *, shared: bool) -> int:
        while (held := folder.take(lock, shared=shared)) is None:
            stop = self.asked()
            if stop is not None:
                raise StoppedError(stop)
            time.sleep(0.05)
        return held

    def _build(self, repository: str, sha: str, tree: Path, lock: Path) -> None:
        alone = self._hold(lock, shared=False)
        try:
            if tree.exists():
                return
            aside = tree.with_name(f".{sha}.new")  # only the holder of the lock touches it
            shutil.rmtree(aside, ignore_errors=True)
            self._git("init", "--quiet", "--template=", "--", str(aside), at=tree.parent)
            self._fetch(repository, sha, aside)
            self._git("checkout", "--quiet", "--force", "--detach", sha, "--", at=aside)
            aside.rename(tree)
        finally:
            folder.release(alone)

    def _fetch(self, repository: str, sha: str, aside: Path) -> None:
        if self.mirror is not None and self.mirror.exists():
            with suppress(SetupError):  # it may lack the commit, or be made anew just now
                self._git(*FETCH, "--depth=1", "--", str(self.mirror), sha, at=aside)
                return
        try:
            self._git(*FETCH, "--depth=1", "--", repository, sha, at=aside)
        except SetupError:
            # An old server hands out what its branches point at, and nothing by name.
            self._git(*FETCH, "--", repository, "+refs/heads/*:refs/remotes/source/*", at=aside)

    def _git(self, *arguments: str, at: Path) -> None:
        settings = [word for setting in HARDENED for word in ("-c", setting)]
        words: list[bytes] = []
        program = Program(["git", *settings, *arguments], at, self.env)
        try:
            crew = Crew(self.asked, grace=1.0, members=[start(program, (words.append, words.append))])
        except OSError as error:
            raise SetupError(f"git cannot be started: {error.strerror}; install git") from error
        crew.wait()
        if crew.stop is not None:
            raise StoppedError(crew.stop)
        if crew.members[0].code != 0:
            said = CREDENTIALS.sub("://***@", b"".join(words).decode(errors="replace")).strip()
            raise SetupError(f"git {arguments[0]} failed: {said[-MOST_WORDS:]}")


def git_env(path: str, home: Path, repository: str, mirror: str = "") -> dict[str, str]:
    """Build the whole environment of git; a local repository of another user is trusted as data (it is named)."""
    config, names = home / "gitconfig", [*_names(repository), *_names(mirror)]
    config.write_text("[safe]\n" + "".join(f"\tdirectory = {_quoted(name)}\n" for name in names))
    return {
        "PATH": path,
        "HOME": str(home),
        "LANG": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _names(repository: str) -> list[str]:
    local = repository.removeprefix("file://")
    return [local, f"{local.rstrip('/')}/.git"] if local.startswith("/") else []


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "") + '"'


def _check(repository: str, sha: str) -> None:
    if not SHA.fullmatch(sha):
        raise SetupError(f"{sha[:80]!r} is no commit; a full hash is needed")
    if not repository or repository.startswith("-"):
        raise SetupError(f"{repository[:80]!r} is no repository; write a URL or a path")


def _inside(tree: Path, path: str, sha: str) -> Path:
    """Find the project's folder, which links must not lead out of the tree."""
    found = (tree / path).resolve()
    if not found.is_relative_to(tree.resolve()) or not found.is_dir():
        raise SetupError(f"commit {sha[:12]} has no folder {path!r}; the path of the project has changed")
    return found


def prune(root: Path, older_than: float) -> int:
    """Remove the trees that nobody uses and nobody has used since `older_than` (seconds since 1970); count them."""
    removed = 0
    for lock in root.glob("*/*.lock"):
        if lock.stat().st_mtime >= older_than or (alone := folder.take(lock)) is None:
            continue
        sha = lock.name.removesuffix(".lock")
        aside = lock.with_name(f".{sha}.new")
        shutil.rmtree(aside, ignore_errors=True)
        if lock.with_name(sha).exists():
            lock.with_name(sha).rename(aside)  # a tree that is there is a whole one, also if we are killed here
            shutil.rmtree(aside, ignore_errors=True)
            removed += 1
        lock.unlink()
        folder.release(alone)
    return removed
