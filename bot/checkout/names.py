"""Names as they come from outside: branches, refs, commits, paths, addresses. Pure.

The rule: what git could read as an option, as a range or as another place is refused here, before git sees it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from scheduler.errors import UserError

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
PULL = re.compile(r"refs/pull/[1-9][0-9]{0,9}/head")
BRANCHES = "refs/heads/"
KEPT = "refs/kept/"


def checked_branch(name: str) -> str:
    """Return the branch name if git would take it and no option could hide in it. Raises `UserError` otherwise."""
    bad = (
        not re.fullmatch(r"[^\x00-\x20\x7f~^:?*\[\\]{1,244}", name)
        or name.startswith(("-", "/", ".", "refs/"))
        or name.endswith(("/", ".", ".lock"))
        or any(part in name for part in ("..", "//", "@{", "/.", ".lock/"))
        or name == "@"
    )
    if bad:
        raise UserError(
            f"reading a branch name: {name[:60]!r} is none; write it as `git branch` shows it, such as main"
        )
    return name


def checked_ref(name: str) -> str:
    """Return the full name of a branch (`main`, `refs/heads/main`) or of a pull request's head (`refs/pull/5/head`).

    Raises `UserError` for any other name.
    """
    if PULL.fullmatch(name):
        return name
    return BRANCHES + checked_branch(name.removeprefix(BRANCHES))


def kept(ref: str) -> str:
    """Name the ref of the mirror that holds what `ref` of the source points at: flat, so that no two can conflict."""
    return KEPT + hashlib.sha256(checked_ref(ref).encode(errors="surrogateescape")).hexdigest()[:40]


def checked_sha(sha: str) -> str:
    """Return the commit id if it is a full one. Raises `UserError` otherwise."""
    if not SHA.fullmatch(sha):
        raise UserError(f"reading a commit id: {sha[:60]!r} is none; write all 40 hexadecimal digits")
    return sha


def checked_path(path: str) -> str:
    """Return a path inside a repository in its shortest form, `.` for the top. Raises `UserError` for any other."""
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or ".." in parts or re.search(r"[\x00-\x1f\x7f]", path):
        raise UserError(f"reading a path of a repository: {path[:60]!r} is none; write it from the top, such as a/b")
    return str(PurePosixPath(path))


def checked_source(source: str, allow: frozenset[str]) -> str:
    """Return the address of a repository if its protocol is allowed. Raises `UserError`, which repeats no password."""
    url = urlsplit(source)
    if "file" in allow and not url.scheme and Path(source).is_absolute():
        return source
    odd = source.startswith("-") or bool(re.search(r"[\x00-\x20\x7f]", source))
    if url.scheme not in allow - {"file"} or not url.hostname or odd:
        shown = url._replace(netloc=url.hostname or "").geturl()
        raise UserError(f"reading a repository's address: {shown[:80]!r} is not allowed; write https://HOST/OWNER/NAME")
    if url.username or url.password:
        raise UserError(
            f"reading the address of the repository on {url.hostname}: take the name and password out of it"
        )
    return source
