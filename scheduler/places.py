"""The name of a data folder, by which the ledger tells where a run was started; and where in it mirrors lie.

The rule: a folder is named once, by whoever asks first, and keeps its name wherever it is moved. Only who works in that
folder can tell how its runs stand: seen from another one, they would all seem to be lost.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path

from scheduler.errors import UserError

NAME = "place"
MIRRORS = "mirrors"


def mirror_name(repository: str) -> str:
    """Return the name of the folder below `MIRRORS` that mirrors the repository at this address."""
    return f"{hashlib.sha256(repository.encode()).hexdigest()[:16]}.git"


def place_of(data_dir: Path) -> str:
    """Return the name of the place; raises `UserError` when its file says none."""
    path = data_dir / NAME
    if not path.exists():
        _settle(path, f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}\n")
    name = path.read_text().strip()
    if not name:
        raise UserError(f"reading the name of this place: {path} is empty; remove it")
    return name


def _settle(path: Path, text: str) -> None:
    """Write the file whole, unless another process was first."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    with aside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        path.hardlink_to(aside)
    aside.unlink()
