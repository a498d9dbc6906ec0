"""The table that a bench prints at its end: what was measured, against what, and how to measure it again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

AGAIN = ".venv/bin/python -m pytest -m bench -n 0 -q -s"


@dataclass(frozen=True)
class Row:
    """One line: `ours` against `other`, words with their units; `ratio` is ours over the other, for numbers."""

    what: str
    ours: str
    other: str
    ratio: float | None
    aim: str
    command: str


@dataclass
class Results:
    """The lines so far."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Keep a line."""
        self.rows.append(row)


@pytest.fixture(scope="session")
def results() -> Iterator[Results]:
    """Collect lines; print them at the end, and write them as JSON to the file that BENCH_JSON names."""
    collected = Results()
    yield collected
    show(collected)
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps([asdict(row) for row in collected.rows], indent=2) + "\n")


@pytest.fixture
def again(request: pytest.FixtureRequest) -> str:
    """The command that repeats this measurement."""
    return f"{AGAIN} {request.node.nodeid.split('[')[0]}"


def show(collected: Results) -> None:
    table = Table(title="\nMeshbot against what it is compared with", title_justify="left")
    table.add_column("measured", min_width=52)
    for heading in ("ours", "compared with", "ratio", "aim"):
        table.add_column(heading, overflow="fold")
    for row in collected.rows:
        table.add_row(row.what, row.ours, row.other, "" if row.ratio is None else f"{row.ratio:.2f}", row.aim)
    console = Console(width=130)
    console.print(table)
    for command in dict.fromkeys(row.command for row in collected.rows):
        console.print(f"  again: {command}", soft_wrap=True, highlight=False)
