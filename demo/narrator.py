"""What the demo says, and how: chapters, commands, tables, and promises that are checked where they are made.

The rule: nothing is claimed that was not looked at; a promise that does not hold ends the demo with an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

WIDTH_OF_A_PIPE = 118


class BrokenPromise(Exception):
    """The demo said something, looked, and it was not so."""


class Narrator:
    """Tells the story on a terminal, or plainly where there is none."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, markup=False, emoji=False, width=WIDTH_OF_A_PIPE)
        self._began = time.monotonic()
        self._chapters = 0

    @property
    def seconds(self) -> float:
        """The seconds since the story began."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapters += 1
        self.console.print()
        self.console.rule(Text(f"{self._chapters}  {title}", style="bold"), align="left", style="dim")

    def say(self, text: str) -> None:
        """Tell something."""
        self.console.print(Text(text))

    def command(self, line: str, output: str = "") -> None:
        """Show a command as one types it, and what it printed."""
        self.console.print(Text(f"$ {line}", style="bold cyan"))
        if output.strip():
            self.console.print(Text.from_ansi(output.rstrip()))

    def source(self, text: str, language: str) -> None:
        """Show a piece of a file."""
        if self.console.is_terminal:
            self.console.print(Syntax(text.rstrip(), language, theme="ansi_dark", background_color="default"))
        else:
            self.console.print(Text(text.rstrip()))

    def letter(self, text: str, title: str) -> None:
        """Show a message that somebody received."""
        self.console.print(Panel(Text(text), title=Text(title), title_align="left", border_style="dim", expand=False))

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for number, heading in enumerate(headings):
            table.add_column(heading, no_wrap=number == 0, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def promise(self, claim: str, seen: object, expected: object) -> None:
        """Say that something is so, if it is. Raises `BrokenPromise` otherwise."""
        if seen != expected:
            raise BrokenPromise(f"{claim}: expected {expected!r}, saw {seen!r}")
        self.console.print(Text("✔ ", style="green").append(claim, style="default"))

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """Say what goes on while it goes on, and how long it took."""
        began = time.monotonic()
        shown = self.console.status(Text(f"{doing} ...")) if self.console.is_terminal else nullcontext()
        with shown:
            yield
        self.console.print(Text(f"  {doing}: {time.monotonic() - began:.1f} s", style="dim"))
