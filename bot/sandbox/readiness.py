"""Whether a sandbox can be had on this machine, and what to do where it cannot.

The rule: it is tried out, with a program that does nothing, behind the very walls that a project gets.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache

from bot import versions
from bot.sandbox import walls, watching
from bot.sandbox.limits import Limits

OLDEST = (0, 7)
PATIENCE = 30
_found: list[str | None] = []


def ready() -> str | None:
    """Return why no project can be described here, with what to install or to allow; None when all is well."""
    if None in _found:  # what works once goes on working; what does not may be mended in the meantime
        return None
    _found[:] = [_reason()]
    return _found[0]


def version() -> tuple[int, ...]:
    """Return the version of bubblewrap; empty when there is none."""
    program = shutil.which(walls.PROGRAM)
    return _version(program) if program else ()


@cache
def _version(program: str) -> tuple[int, ...]:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603
    return versions.numbers(done.stdout)


def _reason() -> str | None:
    if not sys.platform.startswith("linux"):
        return f"it needs Linux and bubblewrap, and this is {sys.platform}; run the bot on Linux"
    if shutil.which(walls.PROGRAM) is None:
        return "bubblewrap is not installed; install it, such as by `apt-get install bubblewrap`"
    try:
        if version() < OLDEST:
            found = ".".join(map(str, version()))
            return f"bubblewrap {found} cannot limit what is written; install 0.7 or newer"
        command = walls.enclosed(walls.scratch(1), [sys.executable, "-I", "-S", "-c", "pass"])
        done = watching.run(command, Limits(seconds=PATIENCE))
    except (OSError, ModuleNotFoundError, subprocess.SubprocessError) as error:
        return f"bubblewrap does not work ({error}); reinstall it"
    if done.code == 0:
        return None
    said = done.said.strip().splitlines() or [f"it ended with {done.code}"]
    return f"bubblewrap does not work here ({said[-1]}); {REMEDY}"


REMEDY = (
    "allow it user namespaces (kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0), "
    "and in a container also a seccomp profile and an unmasked /proc that let it mount"
)
