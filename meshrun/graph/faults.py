"""What stood in the way of loading, and how the graph came about nevertheless.

The rule: a fault is written down once, at once, and in a file: models are read in forked processes, and what they find
out would be lost with them.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 400
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MOST = 500


@dataclass(frozen=True)
class Fault:
    """One thing: where, what is wrong, what to write instead; `row` is what is known of the model it is about."""

    where: str
    problem: str
    remedy: str = ""
    row: dict[str, object] | None = field(default=None, hash=False)


class Faults:
    """The faults of one load. `root` is what their places are written relative to."""

    def __init__(self, file: Path, root: Path) -> None:
        self._file, self.root = file, root
        self._said: set[tuple[str, str]] = set()

    def add(self, where: Path | str, problem: str, remedy: str = "", row: dict[str, object] | None = None) -> bool:
        """Write a fault down; return whether it is new to this process."""
        place = self.place(where) if isinstance(where, Path) else where
        short = " ".join(COLOUR.sub("", problem).replace(f"{self.root}/", "").split())
        short = short if len(short) <= LONGEST else short[: LONGEST - 1] + "…"
        if (place, short) in self._said:
            return False
        self._said.add((place, short))
        line = json.dumps({"where": place, "problem": short, "remedy": remedy, "row": row}) + "\n"
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode(errors="replace"))
        finally:
            os.close(descriptor)
        return True

    def place(self, path: Path) -> str:
        """Write a path as a person does who stands at the root."""
        return os.path.relpath(path.absolute(), self.root)

    def listed(self) -> list[Fault]:
        """Read all faults, each once, in the order in which they were found, files by name."""
        if not self._file.exists():
            return []
        found: dict[tuple[str, str], Fault] = {}
        for line in self._file.read_text(encoding="utf-8", errors="replace").splitlines():
            one = Fault(**json.loads(line))
            found.setdefault((one.where, one.problem), one)
        return sorted(found.values(), key=lambda one: (one.where, one.problem))[:MOST]
