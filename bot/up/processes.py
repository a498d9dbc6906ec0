"""Processes that never outlive the one that wanted them, however that one ends.

The rule: ask first, then end by force, and look again until nothing is left. Linux does it all (a parent's death
signal, orphans that come back to us); elsewhere children notice by themselves that their parent is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LINUX = sys.platform == "linux"
PROC = Path("/proc")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None).prctl if LINUX else None


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends; called in a new child."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends, so that none gets away."""
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int | None = None) -> list[int]:
    """Return every living process below `pid` (default: this one), those nearest to it first."""
    children: dict[int, list[int]] = {}
    for child, parent, state in _table():
        if state not in {"Z", "X"}:
            children.setdefault(parent, []).append(child)
    found, waiting = [], [pid or os.getpid()]
    while waiting:
        below = children.get(waiting.pop(0), [])
        found += below
        waiting += below
    return found


def end_descendants(patience: float = 5.0, *, gently: bool = False) -> list[int]:
    """End every process below this one, by SIGTERM first if `gently`; return what is still there after `patience` s."""
    pause = threading.Event()
    rounds = max(1, int(patience / 0.05))
    for number in range(rounds):
        left = descendants()
        if not left:
            break
        asked = gently and number < rounds // 2
        if not asked or number == 0:
            send(left, signal.SIGTERM if asked else signal.SIGKILL)
        reap_orphans()
        pause.wait(0.05)
    reap_orphans()
    return descendants()


def send(pids: Iterable[int], signal_number: int) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal_number)


def reap_orphans(spare: Iterable[int] = ()) -> None:
    """Take leave of ended processes that were adopted; those in `spare` have somebody who waits for them."""
    spared, me = set(spare), os.getpid()
    for pid, parent, state in _table():
        if parent == me and state == "Z" and pid not in spared:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def living_in(folder: Path, program: str) -> list[int]:
    """Return the processes of `program` whose working directory is `folder` (Linux only; elsewhere none are found)."""
    here = str(folder.resolve())
    found = []
    for pid in _pids():
        with suppress(OSError):
            place = PROC / str(pid)
            if str((place / "cwd").readlink()) == here and (place / "exe").readlink().name.startswith(program):
                found.append(pid)
    return found


def _table() -> list[tuple[int, int, str]]:
    rows = []
    for pid in _pids():
        with suppress(OSError, ValueError):
            after_name = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            rows.append((pid, int(after_name[1]), after_name[0]))
    return rows


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()] if LINUX else []
