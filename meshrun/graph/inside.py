"""The start of a guarded process: its limits are set before anything of the project, or sqlmesh, is imported.

The rule: nothing that a project does is trusted here; what matters is kept by the parent (`guard`). The answer
goes to a pipe of its own, so that whatever the project prints is only words.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from .guard import MEGABYTE, PACKAGES

CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER = 0x40000000, 0x20000000, 0x10000000
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 0b100
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAPABILITY_VERSION = 0x20080522
FILES_ONLY = 0b11111  # chown, and to read, write and own files of others
STRANGERS = 2_000_000_000
FAILED = 2
NET_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"})
AF_UNIX_ADDRESS = (str, bytes)


def main() -> None:
    """Load what the arguments name and write its graph to the answer's descriptor."""
    options = _parser().parse_args()
    os.dup2(2, 1)
    stranger = STRANGERS + os.getpid()
    _die_with_parent()
    _leave_network()
    _limit(options)
    _count_processes(options, stranger)
    _die_with_parent()
    sys.addaudithook(_no_network)
    loading: Any = import_module("meshrun.graph.loading")  # after the limits

    sys.path[:] = [place for place in sys.path if place != PACKAGES or (Path(PACKAGES) / "sqlmesh").exists()]
    try:
        text = loading.describe(options.paths, options.beside, options.cache)
    except loading.UnloadableError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent shows it
        os._exit(FAILED)
    except MemoryError:
        print(f"memory: more than {options.memory_mb} MB were asked for; allow more with --memory-mb", file=sys.stderr)  # noqa: T201
        os._exit(FAILED)
    with open(options.answer, "wb") as pipe:  # noqa: PTH123 - a descriptor
        pipe.write(text.encode())
    sys.stderr.flush()
    os._exit(0)  # threads and exit handlers of the project are not waited for


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="meshrun describe")
    parser.add_argument("--path", dest="paths", action="append", type=Path, default=[])
    parser.add_argument("--beside", action="append", type=Path, default=[])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--output-mb", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--answer", type=int, required=True)
    return parser


def _limit(options: argparse.Namespace) -> None:
    """Set the limits that the kernel keeps for each process."""
    seconds = int(options.seconds) + 1
    wanted = {
        resource.RLIMIT_AS: 2 * options.memory_mb * MEGABYTE,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: options.output_mb * MEGABYTE,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in wanted.items():
        _set(which, most)


def _set(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    top = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(which, (top, top))


def _count_processes(options: argparse.Namespace, stranger: int) -> None:
    """Let the kernel count processes and threads. It does not count root's, so root becomes a stranger for good.

    Files stay as accessible as they were; everything else that root may do is given up.
    """
    if os.geteuid():
        _set(resource.RLIMIT_NPROC, _processes_of_user() + 2 * options.processes)
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)  # else access(2) would say no to everything
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setresuid(stranger, stranger, stranger)
        head = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
        libc.capset(head, (ctypes.c_uint32 * 6)(FILES_ONLY, FILES_ONLY, FILES_ONLY))
        for capability in range(FILES_ONLY.bit_length()):
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
        _set(resource.RLIMIT_NPROC, 2 * options.processes)


def _processes_of_user() -> int:
    """Count the processes of this user: RLIMIT_NPROC is about all of them."""
    mine = os.getuid()
    count = 0
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            with suppress(OSError):
                count += entry.name.isdigit() and entry.stat().st_uid == mine
    return count


def _leave_network() -> None:
    """Move into a network without a way out and a PID namespace of our own, where the kernel allows it."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET | CLONE_NEWPID):
            user, group = os.getuid(), os.getgid()
            if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID):
                return
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        _go_on_in_child()


def _die_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _go_on_in_child() -> None:
    """Go on in a child, which is the first of its PID namespace: when it ends, everything in there ends."""
    child = os.fork()
    if child == 0:
        return
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _no_network(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what the namespace refuses too, at once and in words; a socket file is no network."""
    if event in NET_EVENTS and not (event == "socket.connect" and isinstance(arguments[1], AF_UNIX_ADDRESS)):
        raise OSError(f"describing needs no network, and has none ({event})")
