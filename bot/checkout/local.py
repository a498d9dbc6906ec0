"""A repository on this machine that its user works in: where it is, what is checked out, whether it has moved.

The rule: it is looked at and never changed.
"""

from __future__ import annotations

from pathlib import Path

from bot.checkout.calling import LOCAL, Git
from bot.checkout.names import checked_branch
from scheduler.errors import UserError


def current_branch(repository: Path) -> str:
    """Say which branch is checked out in a local repository. Raises `UserError` when there is none."""
    folder = dot if (dot := repository / ".git").exists() else repository
    name = Git(LOCAL, folder).text(
        "symbolic-ref", "--quiet", "--short", "HEAD",
        doing=f"looking for the branch that is checked out in {repository}",
        silent="none is: name one with --branch",
    )  # fmt: skip
    return checked_branch(name.strip())


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
