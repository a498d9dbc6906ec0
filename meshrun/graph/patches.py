"""SQLMesh's loader, changed in three places: failing files are left out, files are known by content, some are skipped.

The rule: everything else is SQLMesh's own code, so that what loads here loads as it does there. These are the only
changes to its internals, and each is made to a name that all supported versions have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlmesh.core import loader as sqlmesh_loader

from . import salvage
from .faults import Faults
from .remedies import Remedies, line_in, words

SUPPORT = ("macros", "signals", "audits")
_original_load: Callable[[Path], list[Any]] = sqlmesh_loader.load_sql_models
_current: list[Patches] = []


class Patches:
    """The changes of one load."""

    def __init__(self, faults: Faults, remedies: Remedies, projects: Sequence[Path]) -> None:
        self._faults, self._remedies, self._projects = faults, remedies, projects
        self._excluded: set[Path] = set()
        self.names: tuple[str | None, str | None] = (None, None)  # default catalog and dialect, once they are known

    def install(self) -> None:
        """Make the changes, in this process and those that are forked from it."""
        _current[:] = [self]
        sqlmesh_loader.load_sql_models = load_one
        loader: Any = sqlmesh_loader.Loader
        loader._glob_paths = self._skipping(loader._glob_paths)  # noqa: SLF001 - the only way to it
        models: Any = sqlmesh_loader.SqlMeshLoader._Cache  # noqa: SLF001 - the same
        models._model_cache_entry_id = _entry_id  # noqa: SLF001 - the same

    def exclude(self, path: Path) -> bool:
        """Leave a file out of the next attempt; return whether it was in the last one."""
        if path in self._excluded:
            return False
        self._excluded.add(path)
        return True

    def broken(self, path: Path, error: BaseException) -> None:
        """Write down that a file does not load, and what its text tells of its models."""
        catalog, dialect = self.names
        rows = salvage.of_file(path, dialect, catalog) if path.suffix in {".sql", ".py"} else []
        line = line_in(error, path)
        problem = f"{f'line {line}: ' if line else ''}{words(error)}"
        if not rows:
            self._faults.add(path, problem, "mend the file; nothing of it is in the graph")
        for row in rows:
            said = f"{row['name']}: {problem}"
            self._faults.add(path, said, "mend the file; the graph has what its text tells", {**row, "path": str(path)})

    def _skipping(self, original: Callable[..., Iterator[Path]]) -> Callable[..., Iterator[Path]]:
        def glob_paths(loader: Any, *given: Any, **named: Any) -> Iterator[Path]:  # noqa: ANN401 - SQLMesh's
            return (path for path in original(loader, *given, **named) if path.absolute() not in self._excluded)

        return glob_paths


def load_one(path: Path) -> list[Any]:
    """Load one file of SQL models; runs in forked processes. A file that fails has no models, and is written down."""
    try:
        return _original_load(path)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it
        _current[0].broken(path, error)
        return []


def _entry_id(self: Any, path: Path) -> str:  # noqa: ANN401 - SQLMesh's cache
    loader = self._loader
    parts = [
        content(path),
        support(loader.config_path),
        loader.config.fingerprint,
        loader.context.default_catalog or "",
        loader.context.gateway or loader.config.default_gateway_name,
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def content(path: Path) -> str:
    """Hash a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def support(project: Path) -> str:
    """Hash what any model of a project may be made with: configuration, macros, signals, audits, and Python code."""
    files = {path for folder in SUPPORT for path in (project / folder).rglob("*") if path.is_file()}
    files |= set(project.rglob("*.py")) | {path for path in project.glob("*.*") if path.is_file()}
    named = sorted((str(path.relative_to(project)), content(path)) for path in files)
    return hashlib.sha256(repr(named).encode()).hexdigest()
