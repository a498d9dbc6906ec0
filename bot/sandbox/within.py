"""The first program in the sandbox: becomes a stranger, copies the tree to where it may be written, and is replaced.

The rule: standard library only, nothing of ours, since it runs where nothing of ours is. The tree is copied so that a
project may write into its own folder and that what it writes is counted and gone with the sandbox.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from contextlib import suppress
from pathlib import Path

NOBODY = 65534
LOW = 10
GIVEN, REPOSITORY = Path("/given"), Path("/repository")


def main() -> None:
    """Give up what is left of root, make the tree, and go on as the program that was asked for."""
    stranger, program = int(sys.argv[1]), sys.argv[2:]
    if stranger:
        try:
            _become(stranger)
        except OSError:  # in a container that has not so many users
            _become(NOBODY)
    os.nice(LOW)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if GIVEN.exists():
        _copy()
        (REPOSITORY / ".git").mkdir(exist_ok=True)  # so that meshrun sees where the repository ends
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


def _copy() -> None:
    for entry in os.scandir(GIVEN):
        if entry.is_dir(follow_symlinks=False):
            shutil.copytree(entry.path, REPOSITORY / entry.name, symlinks=True, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(entry.path, REPOSITORY / entry.name, follow_symlinks=False)


def _become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


if __name__ == "__main__":
    main()
