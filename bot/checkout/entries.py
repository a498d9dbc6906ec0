"""What stands in the tree of a commit, as git lists it. Pure.

The rule: a listing is data. Nothing is followed and nothing is entered; a name that is no text is kept as bytes are
(surrogates), and never shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

JOB_FILE = "meshbot.yaml"
LARGEST_JOB_FILE = 1024 * 1024
SYMLINK, SUBMODULE, FOLDER = "120000", "160000", "040000"
SKIPPED = frozenset({"node_modules", "site-packages", ".venv", "venv", "dbt_packages", "dbt_modules", "__pycache__"})
CERTAIN = frozenset({"sqlmesh.yaml", "sqlmesh.yml", "dbt_project.yml"})
LIKELY = frozenset({"config.yaml", "config.yml", "config.py"})
SQLMESH_KEYS = re.compile(rb"^(gateways|model_defaults|default_gateway|default_connection)\s*:", re.MULTILINE)
SAYS_SQLMESH = re.compile(rb"^\s*(from|import)\s+sqlmesh\b", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A `meshbot.yaml` at a commit: where it lies, and its text, or the reason why it cannot be read."""

    path: str
    text: str
    fault: str | None = None

    @property
    def folder(self) -> str:
        """The folder of the project, `.` for the top."""
        return str(PurePosixPath(self.path).parent)


@dataclass(frozen=True)
class Item:
    """One file, link or submodule of a tree. `size` is None for what has none."""

    mode: str
    object: str
    size: int | None
    path: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder that it lies in, `.` for the top."""
        return self.path.rpartition("/")[0] or "."

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file."""
        return self.mode not in {SYMLINK, SUBMODULE}

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == SYMLINK

    @property
    def is_text_path(self) -> bool:
        """Whether its path can be shown and stored: text without control letters."""
        return self.path.isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in self.path)


def listed(output: bytes) -> Iterator[Item]:
    """Read what `git ls-tree -r -z -l` printed."""
    for line in output.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, _kind, name, size = meta.decode("ascii").split()
            yield Item(mode, name, int(size) if size.isdigit() else None, os.fsdecode(path))


def refused(item: Item) -> Entry | None:
    """Say why a job file is not read at all; None for one that is."""
    if not item.is_file:
        return Entry(item.path, "", "it is a link, and links are not followed; commit the file itself")
    if not item.is_text_path:
        shown = ascii(item.path)[1:-1]
        return Entry(shown, "", "its path has a line break in it, or is no UTF-8; rename it")
    if (item.size or 0) > LARGEST_JOB_FILE:
        return Entry(item.path, "", f"it has {item.size} bytes; a job file has at most {LARGEST_JOB_FILE}")
    return None


def entry(item: Item, content: bytes) -> Entry:
    """Return a job file with what stands in it."""
    try:
        return Entry(item.path, content.decode("utf-8"))
    except UnicodeDecodeError:
        return Entry(item.path, "", "it is not UTF-8 text; save it as UTF-8")


def may_be_project(item: Item) -> bool:
    """Whether the name of a file is that of a project's configuration."""
    if item.name not in CERTAIN | LIKELY or SKIPPED & set(item.path.split("/")):
        return False
    return item.is_file and item.is_text_path and (item.size or 0) <= LARGEST_JOB_FILE


def is_project(path: str, content: bytes | None = None) -> bool:
    """Whether the file configures SQLMesh or dbt: by its name alone, or by what it says."""
    name = PurePosixPath(path).name
    if content is None:
        return name in CERTAIN
    return bool(SAYS_SQLMESH.search(content) if name.endswith(".py") else SQLMESH_KEYS.search(content))


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder (`.` is the top)."""
    return folder == "." or path.startswith(f"{folder}/")
