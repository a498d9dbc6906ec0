"""Job files in a folder, checked without any service: what `validate` does.

The rule: every fault of every file at once, and the same verdict that a push of these files would get.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot import shapes
from bot.errors import UsageFault

if TYPE_CHECKING:
    from bot.durations import Ask

JOB_FILE = "meshbot.yaml"
SKIPPED = frozenset({".git", ".meshbot", ".venv", "node_modules", "__pycache__"})


def check(path: Path, ask: Ask | None = None) -> shapes.ValidateAnswer:
    """Read every job file at or below `path`; with `ask`, also hold it against the project beside it.

    Raises `UsageFault` when there is none.
    """
    from bot import answers, linting, sync
    from bot.checkout import Entry

    entries = [Entry(str(file), *_text(file)) for file in find(path)]
    well, faulty = sync.read(entries)
    parsed = {entry.path: file for entry, file in well}
    faults = {one.path: one.faults for one in faulty}
    found = {entry.path: linting.findings(entry, file, ask) for entry, file in well} if ask else {}
    shown = [
        answers.file(entry.path, parsed.get(entry.path), faults.get(entry.path, ()), found.get(entry.path, ()))
        for entry in entries
    ]
    bad = any(one["level"] == "error" for file in shown for one in file["findings"])
    return {"ok": not faulty and not bad, "files": shown}


def find(path: Path) -> list[Path]:
    """List the job files at or below `path`. Raises `UsageFault` when there is none."""
    if path.is_file():
        return [path]
    if not path.exists():
        raise UsageFault(f"looking for {JOB_FILE} in {path}: there is no such file or folder; name one that is there")
    found = sorted(_below(path))
    if not found:
        raise UsageFault(
            f"looking for {JOB_FILE} in {path.resolve()}: there is none; write one beside the SQLMesh project"
        )
    return found


def _below(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in SKIPPED]
        if JOB_FILE in names:
            yield Path(folder) / JOB_FILE


def _text(file: Path) -> tuple[str, str | None]:
    try:
        return file.read_text(encoding="utf-8"), None
    except UnicodeDecodeError:
        return "", "it is not UTF-8 text; save it as UTF-8"
    except OSError as error:
        return "", f"it cannot be read: {error.strerror}"
