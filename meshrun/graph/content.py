"""The content of a project as one hash: what decides whether a graph that was made before is still true.

Everything below the project counts, and of the rest of its repository the small texts that a project may read or
import (packages beside it, shared macros). The surprise: times and permissions do not count, so that every checkout of
one tree has one hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SKIPPED = frozenset(
    {".git", ".hg", ".venv", "venv", ".cache", ".meshbot", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache"}
)
IGNORED = frozenset({"meshbot.yaml"})  # about the models, and no part of them
BESIDE = frozenset({".py", ".sql", ".yaml", ".yml", ".toml", ".json", ".csv", ".env", ".cfg", ".jinja", ".j2"})
LARGEST_BESIDE = 1024 * 1024
CHUNK = 1024 * 1024


def repository_of(project: Path) -> Path:
    """Return the repository in which a project lies, or the project itself when it lies in none."""
    for folder in (project, *project.parents):
        if (folder / ".git").exists():
            return folder
    return project


def key(projects: Iterable[Path], *also: str) -> str:
    """Hash the projects' files together with whatever else decides the answer."""
    found = hashlib.sha256()
    for text in also:
        found.update(f"{len(text)}:{text}".encode())
    seen: set[Path] = set()
    for project in projects:
        for path in sorted(_files(project)):
            if path not in seen:
                seen.add(path)
                _add(found, str(path.relative_to(repository_of(project))), path)
    return found.hexdigest()


def _files(project: Path) -> Iterator[Path]:
    """Yield what counts: all of the project, and small texts beside it."""
    yield from _walk(project)
    repository = repository_of(project)
    if repository == project:
        return
    for path in _walk(repository, but=project):
        if (path.suffix in BESIDE or path.name == ".env") and path.stat().st_size <= LARGEST_BESIDE:
            yield path


def _walk(folder: Path, but: Path | None = None) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if name not in SKIPPED and here / name != but]
        for name in names:
            path = here / name
            if name not in IGNORED and path.is_file():  # no socket, no pipe, no link that leads nowhere
                yield path


def _add(found: hashlib._Hash, name: str, path: Path) -> None:
    size = path.stat().st_size
    found.update(f"{len(name)}:{name}:{size}:".encode(errors="surrogateescape"))
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
