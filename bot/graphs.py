"""The graph of a project at a commit: from what was kept, or described anew in the sandbox.

The rule: what is kept is found by exactly what decides it: every file that the sandbox can read, and everything
installed that reads them. A file that is not exported cannot be read, so the key is never too small. Of the project
that is all of it; of the rest of the repository it is the small texts that a project may import or read (packages at
the top, shared macros, another project). The surprise: SQLMesh's own cache of parsed models is kept for nobody. It
holds pickles, and one load that means harm would run code in the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from bot import sandbox
from bot.checkout import Exported, Item, Mirror, checked_path, filelock
from bot.checkout.entries import is_below
from bot.errors import Refused
from scheduler import dagjson
from scheduler.dag import Graph, GraphError, LoadFault
from scheduler.errors import UserError
from scheduler.store import Store

FORMAT = "1"
SKIPPED = frozenset({".hg", ".venv", "venv", ".cache", ".meshbot", "node_modules", "__pycache__"})
IGNORED = frozenset({"meshbot.yaml"})
BESIDE = frozenset({".py", ".sql", ".yaml", ".yml", ".toml", ".json", ".csv", ".env", ".cfg", ".jinja", ".j2"})
LARGEST_BESIDE = 1024 * 1024
AT_ONCE = max(1, os.cpu_count() or 1)
FORGOTTEN = 3600
"""Seconds: an export that is older was left behind by a process that was killed."""
MOST_LEFT_OUT = 50
Describe = Callable[[Path, str], str]


@dataclass(frozen=True)
class Kept:
    """What came of a load: a graph, or the words of a refusal that would be the same again; and what was left out."""

    graph: str | None
    refused: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> str:
        """Write it down for the store."""
        return json.dumps({"graph": self.graph, "refused": self.refused, "left_out": self.left_out})

    @classmethod
    def of_json(cls, text: str) -> Kept:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        return cls(found["graph"], found["refused"], tuple((path, why) for path, why in found["left_out"]))


class Graphs:
    """Graphs of projects in mirrors, kept in the store; what is under way lies below `data_dir`.

    `reader` names what reads projects where `describe` does it, besides what is installed here.
    """

    def __init__(self, store: Store, data_dir: Path, describe: Describe = sandbox.describe, reader: str = "") -> None:
        self._store, self._folder = store, data_dir.resolve() / "describing"
        self._describe, self._reader = describe, reader

    def of(self, mirror: Mirror, sha: str, path: str) -> Graph:
        """Return the graph of the project in the folder `path` (`.` is the top) at a commit.

        Raises `Refused` in meshrun's words when it does not load or breaks a limit, and when no sandbox can be had;
        `UserError` when there is no such commit or folder; `Retryable` when it may work in a moment.
        """
        path = checked_path(path)
        items = readable(mirror.listing(sha), path)
        if not any(is_below(item.path, path) for item in items):
            raise UserError(f"describing {path} at {sha[:12]}: the commit has no such folder; name one that it has")
        key = key_of(items, path, self._reader)
        kept = self._kept(key) or self._load(mirror, sha, path, key, items)
        return _graph(kept, path)

    def _kept(self, key: str) -> Kept | None:
        text = self._store.graph_kept(key)
        return Kept.of_json(text) if text is not None else None

    def _load(self, mirror: Mirror, sha: str, path: str, key: str, items: Sequence[Item]) -> Kept:
        """Describe it, one process for a key, and few at once; whoever waited finds what the other has kept."""
        doing = f"describing {path} at {sha[:12]}"
        with ExitStack() as held:
            held.enter_context(filelock.held(self._folder / f"{int(key[:4], 16) % 64}.key", doing))
            if (kept := self._kept(key)) is not None:
                return kept
            held.enter_context(filelock.one_of([self._folder / f"{number}.slot" for number in range(AT_ONCE)], doing))
            with self._aside() as tree:
                kept = self._answer(tree, path, mirror.export(sha, tree, items))
            self._store.keep_graph(key, kept.to_json(), datetime.now(UTC))
            return kept

    def _answer(self, tree: Path, path: str, exported: Exported) -> Kept:
        left_out = [(one.path, one.why) for one in exported.left_out if is_below(one.path, path)][:MOST_LEFT_OUT]
        try:
            text = self._describe(tree, path)
            dagjson.parse(text)
        except (sandbox.Broken, sandbox.NoSandbox):
            raise
        except Refused as refusal:
            return Kept(None, str(refusal), tuple(left_out))
        except GraphError as error:
            return Kept(None, f"describing {path}: what it printed is no graph ({error})", tuple(left_out))
        return Kept(text, None, tuple(left_out))

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """Make a folder for an export, which is removed afterwards; and remove those that others left behind."""
        for old in self._folder.glob("tree-*"):
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > FORGOTTEN:
                    shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="tree-", ignore_cleanup_errors=True) as folder:
            yield Path(folder) / "tree"


def _graph(kept: Kept, path: str) -> Graph:
    if kept.graph is None:
        raise Refused(kept.refused or f"describing {path}: it does not load")
    found = dagjson.parse(kept.graph)
    missing = tuple(LoadFault(str(PurePosixPath(where).relative_to(path)), why) for where, why in kept.left_out)
    return replace(found, faults=(*found.faults, *missing)) if missing else found


def readable(items: Sequence[Item], path: str) -> list[Item]:
    """Choose what a load of the project in the folder `path` may read."""
    return [item for item in items if _is_readable(item, path)]


def _is_readable(item: Item, path: str) -> bool:
    if item.name in IGNORED or SKIPPED & set(item.path.split("/")):
        return False
    if is_below(item.path, path) or item.is_link:
        return True
    small = item.is_file and (item.size or 0) <= LARGEST_BESIDE
    return small and (item.name == ".env" or item.name[item.name.rfind(".") :] in BESIDE)


def key_of(items: Sequence[Item], path: str, reader: str = "") -> str:
    """Name all that decides the answer: what can be read, and what reads it."""
    found = hashlib.sha256(f"{FORMAT}\0{path}\0{_installed()}\0{reader}\0".encode())
    for item in items:
        found.update(f"{item.mode} {item.object} {item.path}\0".encode(errors="surrogateescape"))
    return found.hexdigest()


@cache
def _installed() -> str:
    """Name everything that is installed here, and meshrun by what is in it: an unreleased change is another version."""
    found = hashlib.sha256(sys.version.encode())
    for one in sorted({f"{each.name}=={each.version}" for each in metadata.distributions()}):
        found.update(f"{one}\0".encode())
    spec = find_spec("meshrun")
    for file in sorted(Path(spec.origin).parent.rglob("*.py")) if spec and spec.origin else ():
        found.update(file.read_bytes())
    return found.hexdigest()
