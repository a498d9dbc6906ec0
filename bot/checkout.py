"""The only door to git: bare mirrors of repositories, from which files are read at a commit.

The rule: a repository is hostile data. Nothing of it is ever executed or checked out: no hooks, no filters, no
submodules, no LFS, no configuration of the machine, and only the protocols that the caller allows. What looks like an
option is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from scheduler.errors import Retryable, UserError

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is reported when it is used, in our words
from git import Git, GitCommandError, GitCommandNotFound

REMOTE = frozenset({"https"})
LOCAL = frozenset({"file"})
JOB_FILE = "meshbot.yaml"
LARGEST_JOB_FILE = 1024 * 1024
TIMEOUT = 300
SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
SYMLINK, SUBMODULE = "120000", "160000"

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
)
"""Settings on every call; they outrank what a repository's own configuration says."""


@dataclass(frozen=True)
class Entry:
    """A `meshbot.yaml` at a commit: where it lies, and its text, or the reason why it cannot be read."""

    path: str
    text: str
    fault: str | None = None

    @property
    def folder(self) -> str:
        """The folder of the project, `.` for the top."""
        return str(PurePosixPath(self.path).parent)


class Mirror:
    """A bare mirror of `source` below `folder`. `allow` names the protocols that a fetch may use.

    Two processes may fetch at once; git's own locks make one of them fail with `Retryable`.
    """

    def __init__(self, folder: Path, source: str, allow: frozenset[str] = REMOTE) -> None:
        self.source = _source(source, allow)
        self.path = folder / f"{hashlib.sha256(self.source.encode()).hexdigest()[:16]}.git"
        self._allow = allow

    def head(self, branch: str) -> str | None:
        """Ask the source which commit the branch points at now; None when there is no such branch.

        Raises `UserError` when the source is no repository or refuses, `Retryable` when it does not answer.
        """
        ref = f"refs/heads/{checked_branch(branch)}"
        listed = self._git("ls-remote", "--", self.source, ref, doing=f"asking {self.source} for its branch {branch}")
        found = [line.split("\t", 1)[0] for line in listed.splitlines() if line.endswith(f"\t{ref}")]
        return found[0] if found else None

    def fetch(self, branch: str) -> None:
        """Bring the branch of the mirror up to its source; a mirror that is broken is made anew."""
        ref = f"refs/heads/{checked_branch(branch)}"
        try:
            self._fetch(ref)
        except UserError:
            if not self.path.exists():
                raise
            shutil.rmtree(self.path)
            self._fetch(ref)

    def has(self, sha: str) -> bool:
        """Say whether the mirror holds the commit."""
        try:
            self._git("cat-file", "-e", f"{checked_sha(sha)}^{{commit}}", doing=f"looking for {sha}", inside=True)
        except (UserError, Retryable):
            return False
        return True

    def job_files(self, sha: str) -> list[Entry]:
        """Read every `meshbot.yaml` of the commit, by path. Submodules are not entered, links are not followed."""
        listed = self._git(
            "ls-tree", "-r", "-z", "--full-tree", "-l", checked_sha(sha), doing=f"listing {sha[:12]}", inside=True
        )
        lines = (line.split("\t", 1) for line in listed.split("\0") if line)
        return [self._entry(meta.split(), path) for meta, path in lines if PurePosixPath(path).name == JOB_FILE]

    def _entry(self, meta: list[str], path: str) -> Entry:
        mode, _kind, blob, size = meta
        if mode in {SYMLINK, SUBMODULE}:
            return Entry(path, "", "it is a link, and links are not followed; commit the file itself")
        if int(size) > LARGEST_JOB_FILE:
            return Entry(path, "", f"it has {size} bytes; a job file has at most {LARGEST_JOB_FILE}")
        text = self._git("cat-file", "blob", blob, doing=f"reading {path}", inside=True)
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            return Entry(path, "", "it is not UTF-8 text; save it as UTF-8")
        return Entry(path, text)

    def _fetch(self, ref: str) -> None:
        doing = f"fetching {self.source}"
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare", "--template=", "--", str(self.path), doing=doing)
        options = ("--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        self._git("fetch", *options, "--", self.source, f"+{ref}:{ref}", doing=doing, inside=True)

    def _git(self, *arguments: str, doing: str, inside: bool = False) -> str:
        settings = [*HARDENED, *(f"protocol.{name}.allow=always" for name in sorted(self._allow))]
        options = [part for setting in settings for part in ("-c", setting)]
        place = ["--git-dir", str(self.path)] if inside else []
        with _explained(doing):
            output = Git("/").execute(  # in no repository, so that none but the named one has a say
                [Git.GIT_PYTHON_GIT_EXECUTABLE or "git", *options, *place, *arguments],
                env=_environment(self._allow),
                kill_after_timeout=TIMEOUT,
                stdout_as_string=True,
                strip_newline_in_stdout=False,
            )
        return str(output)


def current_branch(repository: Path) -> str:
    """Say which branch is checked out in a local repository. Raises `UserError` when there is none."""
    doing = f"looking for the branch that is checked out in {repository}"
    with _explained(doing, "none is: name one with --branch"):
        name = Git("/").execute(
            [
                "git",
                "--git-dir",
                str(dot if (dot := repository / ".git").exists() else repository),
                "symbolic-ref",
                "--quiet",
                "--short",
                "HEAD",
            ],
            env=_environment(LOCAL),
        )
    return checked_branch(str(name).strip())


def glance(repository: Path, branch: str) -> object:
    """Look at a local repository without starting git: what this returns changes when the branch moves.

    None when a glance cannot tell (a work tree of another repository, for one); then git must be asked.
    """
    folder = repository / ".git" if (repository / ".git").exists() else repository
    if not _is_git_dir(folder):
        return None
    places = (folder / "refs" / "heads" / branch, folder / "packed-refs", folder / "reftable" / "tables.list")
    return tuple(_fingerprint(place) for place in places)


def _fingerprint(place: Path) -> tuple[int, int, int] | None:
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def repository_at(path: Path) -> Path:
    """Find the local repository in which `path` lies. Raises `UserError` when it lies in none."""
    start = path.resolve()
    for folder in (start, *start.parents):
        if (folder / ".git").exists() or _is_git_dir(folder):
            return folder
    raise UserError(
        f"looking for a git repository in {start}: there is none; "
        "name one with --repository, or make one: git init && git add . && git commit"
    )


def _is_git_dir(folder: Path) -> bool:
    return (folder / "objects").is_dir() and (folder / "HEAD").is_file()


def checked_branch(name: str) -> str:
    """Return the branch name if git would take it and no option could hide in it. Raises `UserError` otherwise."""
    bad = (
        not re.fullmatch(r"[^\x00-\x20\x7f~^:?*\[\\]{1,244}", name)
        or name.startswith(("-", "/", ".", "refs/"))
        or name.endswith(("/", ".", ".lock"))
        or any(part in name for part in ("..", "//", "@{", "/."))
        or name == "@"
    )
    if bad:
        raise UserError(
            f"reading a branch name: {name[:60]!r} is none; write it as `git branch` shows it, such as main"
        )
    return name


def checked_sha(sha: str) -> str:
    """Return the commit id if it is a full one. Raises `UserError` otherwise."""
    if not SHA.fullmatch(sha):
        raise UserError(f"reading a commit id: {sha[:60]!r} is none; write all 40 hexadecimal digits")
    return sha


def _source(source: str, allow: frozenset[str]) -> str:
    url = urlsplit(source)
    if "file" in allow and not url.scheme and Path(source).is_absolute():
        return source
    if url.scheme not in allow - LOCAL or not url.hostname or source.startswith("-"):
        shown = url._replace(netloc=url.hostname or "").geturl()
        raise UserError(f"reading a repository's address: {shown[:80]!r} is not allowed; write https://HOST/OWNER/NAME")
    if url.username or url.password:
        raise UserError(
            f"reading the address of the repository on {url.hostname}: take the name and password out of it"
        )
    return source


def _environment(allow: frozenset[str]) -> dict[str, str]:
    """Say what git may know of this machine: nothing, except whose local repositories its user has declared safe."""
    hardened = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": ":".join(sorted(allow)),
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CEILING_DIRECTORIES": "/",
        "LC_ALL": "C",
    }
    if "file" not in allow:
        hardened["GIT_CONFIG_GLOBAL"] = os.devnull
    return hardened


@contextmanager
def _explained(doing: str, silent: str = "git did not say why") -> Iterator[None]:
    try:
        yield
    except GitCommandNotFound as error:
        raise UserError(f"{doing}: git is not installed, or not on PATH; install it") from error
    except GitCommandError as error:
        said = _said(error) or silent
        if "dubious ownership" in said:
            raise UserError(f"{doing}: another user owns it; git config --global --add safe.directory PATH") from error
        kind = Retryable if _passes(said) else UserError
        raise kind(f"{doing}: {said}") from error


def _said(error: GitCommandError) -> str:
    text = str(error.stderr).replace("\n  stderr: ", "").strip("' \n")
    lines = [line.removeprefix("fatal: ").strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""


def _passes(said: str) -> bool:
    return bool(
        re.search(
            r"resolve host|connect|timed? ?out|early EOF|hung up|\.lock|cannot lock ref|HTTP 5\d\d", said, re.IGNORECASE
        )
    )
