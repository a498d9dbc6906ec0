"""The command that puts up the sandbox: what can be seen inside, and what cannot.

The rule: only what is listed here is there. Of Python it is the libraries and the interpreter, never a whole prefix,
in which a data folder or a home may lie; of this machine it is the shared libraries. The surprise: root keeps its user
namespace and becomes a stranger inside (`within.py`), because the kernel does not count root's processes; anybody else
gets a user namespace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from bot.sandbox.limits import Limits

PROGRAM = "bwrap"
REPOSITORY, GIVEN, WITHIN = "/repository", "/given", "/within.py"
SCRATCH, SHARED = "/tmp", "/dev/shm"  # noqa: S108 - the sandbox's own
MEGABYTE = 1024 * 1024
BLOCK = 8192
"""Bytes: what the smallest file takes of a file system in memory, with its name."""
STRANGER = 2_000_000_000
LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store")
DATA = ("/etc/ld.so.cache", "/etc/alternatives", "/usr/share/zoneinfo")
NO_NESTING = (0, 8)
"""The version of bubblewrap that can forbid further user namespaces."""


def command(tree: Path, path: str, limits: Limits) -> list[str]:
    """Write the command that describes the folder `path` of a tree."""
    options = [f"--seconds={limits.seconds}", f"--memory-mb={limits.memory_mb}", f"--output-mb={limits.output_mb}"]
    meshrun = [sys.executable, "-P", "-c", _boot(), "describe", f"{REPOSITORY}/{path}", "--no-cache", *options]
    room = _size(tree) + limits.disk_mb * MEGABYTE
    mounts = ["--ro-bind", str(tree.resolve()), GIVEN, *_tmpfs(REPOSITORY, room)]
    return enclosed([*mounts, *scratch(limits.disk_mb)], [*meshrun, f"--processes={limits.processes}"])


def scratch(size_mb: int) -> list[str]:
    """Mount the folder for what is thrown away."""
    return _tmpfs(SCRATCH, size_mb * MEGABYTE)


def enclosed(mounts: Sequence[str], program: Sequence[str]) -> list[str]:
    """Write the command that runs a program in the sandbox, with these mounts besides what is always there."""
    stranger = STRANGER + os.getpid() if os.geteuid() == 0 else 0
    return [
        PROGRAM,
        *(_root() if stranger else _user()),
        *("--new-session", "--die-with-parent", "--clearenv"),
        *_environment(),
        *mounts,  # below what is seen: Python may lie in a folder that is otherwise the sandbox's own
        *_seen(),
        *("--ro-bind", str(Path(__file__).with_name("within.py")), WITHIN),
        *("--proc", "/proc", "--dev", "/dev", *_tmpfs(SHARED, 64 * MEGABYTE), "--remount-ro", "/dev"),
        *("--remount-ro", "/", "--chdir", "/", "--"),
        *(sys.executable, "-I", "-S", WITHIN, str(stranger), *program),
    ]


def _root() -> list[str]:
    spaces = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    return [*spaces, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]


def _user() -> list[str]:
    from bot.sandbox.readiness import version

    nested = ("--disable-userns",) if version() >= NO_NESTING else ()
    return ["--unshare-all", "--unshare-user", *nested, "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]


def _environment() -> Iterator[str]:
    given = {"PATH": "/nowhere", "HOME": SCRATCH, "TMPDIR": SCRATCH, "LANG": "C.UTF-8"}
    if "MAX_FORK_WORKERS" in os.environ:
        given["MAX_FORK_WORKERS"] = os.environ["MAX_FORK_WORKERS"]
    for name, value in given.items():
        yield from ("--setenv", name, value)


def _tmpfs(place: str, size: int) -> list[str]:
    return ["--size", str(size), "--perms", "0777", "--tmpfs", place]


def _size(tree: Path) -> int:
    """Say how much room a copy of the tree takes."""
    return sum(path.lstat().st_size + BLOCK for path in tree.rglob("*"))


@cache
def _seen() -> tuple[str, ...]:
    """Bind what Python needs, read-only."""
    places = [Path(place) for place in (*LIBRARIES, *DATA) if Path(place).exists()]
    for place in _python():
        if place.exists() and not any(place.is_relative_to(seen) for seen in places):
            places.append(place)
    parents = sorted({parent for place in places for parent in place.parents} - {Path("/")})
    made = [word for parent in parents for word in ("--perms", "0755", "--dir", str(parent))]
    return (*made, *(word for place in places for word in ("--ro-bind", str(place), str(place))))


def _python() -> Iterable[Path]:
    for prefix in sorted({sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}):
        yield from (Path(prefix) / name for name in ("lib", "lib64", "pyvenv.cfg"))
    yield from (Path(place) for place in sys.path if Path(place).name in {"site-packages", "dist-packages"})
    yield _packages() / "meshrun"
    program = Path(sys.executable)
    while program.is_symlink():
        yield program
        program = program.parent / program.readlink()
    yield program


def _packages() -> Path:
    """Find the folder from which meshrun is imported, without importing it."""
    spec = find_spec("meshrun")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("meshrun is not installed beside the bot")
    return Path(spec.origin).parents[1]


def _boot() -> str:
    place = str(_packages())
    return f"import sys; sys.path.insert(0, {place!r}); from meshrun.__main__ import main; sys.exit(main())"
