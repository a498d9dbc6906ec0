"""`meshrun describe PATH`: the graph of a project as JSON, from a guarded process or from what it answered before.

The rule: this process never imports sqlmesh or anything of the project; an unchanged tree is answered from its content.
The project's process gets a bare environment: what the answer depends on is in the tree or on the command line.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from . import content, guard

FORMAT = "1"
# The modules that decide what an answer says.
PARTS = (
    "inside",
    "loading",
    "graphing",
    "patches",
    "settings",
    "pyconfig",
    "engines",
    "remedies",
    "stubs",
    "salvage",
    "dbttext",
    "faults",
)
OK, USAGE = 0, 2
KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT", "MAX_FORK_WORKERS")
MOST_GRAPHS = 50
LAST_WORDS = 12


class DescribeError(Exception):
    """There is no graph; the message says why and what to do."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of `meshrun`."""
    limits = guard.Limits()
    parser = commands.add_parser("describe", help="print the graph of a project's models as JSON")
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="the project's folder; several are one graph"
    )
    parser.add_argument(
        "--beside", action="append", default=[], type=Path, metavar="PATH", help="another project that these read from"
    )
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for the project; may be repeated"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where answers and parsed models are kept")
    parser.add_argument("--no-cache", action="store_true", help="keep nothing, and take nothing kept")
    parser.add_argument("--seconds", type=float, default=limits.seconds, help="how long it may take (%(default)s)")
    parser.add_argument("--memory-mb", type=int, default=limits.memory_mb, help="how much it may hold (%(default)s)")
    parser.add_argument("--output-mb", type=int, default=limits.output_mb, help="how much it may write (%(default)s)")
    parser.add_argument("--processes", type=int, default=limits.processes, help="how many at once (%(default)s)")
    parser.set_defaults(describe=command)


def command(options: argparse.Namespace) -> int:
    """Print the graph and return the exit code."""
    limits = guard.Limits(options.seconds, options.memory_mb, options.output_mb, options.processes)
    cache = None if options.no_cache else options.cache or _usual_cache(options.paths)
    try:
        text = describe(options.paths, options.beside, _variables(options.env), cache, limits)
    except DescribeError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for a person
        return USAGE
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
    return OK


def describe(
    paths: Sequence[Path],
    beside: Sequence[Path],
    variables: Mapping[str, str],
    cache: Path | None,
    limits: guard.Limits,
) -> bytes:
    """Return the graph of the projects as JSON. Raises `DescribeError`."""
    paths, beside = _folders(paths), _folders(beside)
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="meshrun-") as folder:
            return _load(paths, beside, variables, Path(folder), limits)
    where = [str(len(paths)), *(os.path.relpath(path, content.repository_of(path)) for path in [*paths, *beside])]
    also = (FORMAT, _versions(), repr(sorted(variables.items())), *where)
    file = cache / "graphs" / f"{content.key([*paths, *beside], *also)}.json"
    if file.exists():
        file.touch()
        return file.read_bytes()
    text = _load(paths, beside, variables, cache, limits)
    _keep(file, text)
    return text


def _load(
    paths: Sequence[Path], beside: Sequence[Path], variables: Mapping[str, str], cache: Path, limits: guard.Limits
) -> bytes:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="meshrun-") as home:
        arguments = [f"--path={path}" for path in paths] + [f"--beside={path}" for path in beside]
        arguments += [f"--cache={cache.absolute()}", f"--seconds={limits.seconds}", f"--memory-mb={limits.memory_mb}"]
        arguments += [f"--output-mb={limits.output_mb}", f"--processes={limits.processes}"]
        ended = guard.run(arguments, _environment(variables, home, cache), limits)
    doing = f"describing {', '.join(map(str, paths))}"
    if ended.broken:
        raise DescribeError(f"{doing}: stopped by the limit on {ended.broken}")
    if ended.code or not ended.answer.endswith(b"}\n"):
        said = [line for line in ended.said.splitlines() if line.strip()][-LAST_WORDS:]
        if said and ended.code == USAGE:
            said = said[-1:]
        limited = "stopped by the limit on " if said and said[-1].startswith("memory: ") else ""
        raise DescribeError(f"{doing}: {limited}{chr(10).join(said) or f'it ended with {ended.code} and said nothing'}")
    return ended.answer


def _environment(variables: Mapping[str, str], home: str, cache: Path) -> dict[str, str]:
    """Make the environment of the project's process: bare, alike every time, and with a home of its own."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    fixed = {
        "HOME": home,
        "TMPDIR": home,
        "USER": "meshrun",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_TARGET_PATH": str(cache.absolute() / "dbt"),
        "DBT_LOG_PATH": home,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",  # a config.py may ask git for its branch, and it is another user who asks
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    return {**kept, **fixed, **variables}


def _variables(written: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise DescribeError(f"reading --env {one!r}: write NAME=VALUE")
        found[name] = value
    return found


def _folders(paths: Sequence[Path]) -> list[Path]:
    for path in paths:
        if not path.is_dir():
            raise DescribeError(
                f"describing {path}: no such folder; give the folder that has the project's configuration"
            )
    return [path.resolve() for path in paths]


def _versions() -> str:
    """Name everything installed that changes the answer, without importing it."""
    names = ("sqlmesh", "sqlglot", "dbt-core")
    found = []
    for name in names:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            if name == "sqlmesh":
                raise DescribeError("describing: sqlmesh is not installed here; pip install sqlmesh") from None
    return " ".join([*found, _own_version()])


def _own_version() -> str:
    """Name this program by what is in it: an unreleased change is another version."""
    here = Path(__file__)
    if not here.exists():  # inside a zipapp
        return hashlib.sha256(Path(sys.argv[0]).read_bytes()).hexdigest()
    found = hashlib.sha256()
    for name in PARTS:
        found.update((here.parent / f"{name}.py").read_bytes())
    return found.hexdigest()


def _usual_cache(paths: Sequence[Path]) -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    place = hashlib.sha256("\0".join(str(path.absolute()) for path in paths).encode()).hexdigest()[:16]
    return (Path(base) if base else Path.home() / ".cache") / "meshrun" / place


def _keep(file: Path, text: bytes) -> None:
    """Keep an answer, and not too many; a reader never sees half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as half:
        half.write(text)
    shutil.move(half.name, file)
    kept = sorted(file.parent.glob("*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in kept[MOST_GRAPHS:]:
        old.unlink(missing_ok=True)
