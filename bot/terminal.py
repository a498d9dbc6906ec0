"""The only door to rich: pages, replies and progress on a terminal, or plain text where there is none.

The rule: answers go to standard output, everything about them to standard error. NO_COLOR and pipes are respected;
nothing is cut to fit a pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text

from bot.pages import Cell, Line, Page, Table, Tone

STYLES = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.FAINT: "dim",
    Tone.GOOD: "green",
    Tone.WARNING: "yellow",
    Tone.BAD: "bold red",
    Tone.BUSY: "cyan",
}
# One for each of `bot.pages.COLOURS`, to be read on a dark and on a light ground.
PALETTE = (
    *("dark_cyan", "magenta", "dodger_blue2", "chartreuse4", "dark_orange3", "medium_purple"),
    *("deep_pink3", "steel_blue", "yellow4", "spring_green4", "slate_blue1", "light_salmon3"),
)
PIPE_WIDTH = 1000


class Terminal:
    """Where people read. `width` is for tests; otherwise the terminal's own, and wide for a pipe."""

    def __init__(self, width: int | None = None) -> None:
        self.out = _console(stderr=False, width=width)
        self.err = _console(stderr=True, width=width)

    def show(self, page: Page) -> None:
        """Print a page."""
        for number, part in enumerate(page):
            if isinstance(part, Line):
                self.line(*part.cells)
            else:
                if number:
                    self.out.print()
                self._table(part)

    def line(self, *cells: Cell) -> None:
        """Print a sentence."""
        self.out.print(text(cells, coloured=self._is_coloured), soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Print something worth knowing beside the answer."""
        self.err.print(Text(sentence, style="yellow"), soft_wrap=True)

    def error(self, message: str) -> None:
        """Print what went wrong."""
        self.err.print(Text("error: ", style="bold red").append(message, style="not bold default"), soft_wrap=True)

    @contextmanager
    def progress(self, doing: str) -> Iterator[Work]:
        """Show that something goes on, and for how long, until the block ends; silent where nobody looks."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal) as progress:
            yield Work(progress, progress.add_task(doing))

    @property
    def _is_coloured(self) -> bool:
        """Whether there are enough colours to tell things apart."""
        return self.out.color_system in {"256", "truecolor"} and not self.out.no_color

    def _table(self, table: Table) -> None:
        if table.title:
            self.out.print(Text(table.title, style="bold underline"))
        if not table.rows:
            self.out.print(Text(table.empty, style="dim"), soft_wrap=True)
            return
        shown = RichTable(box=None, pad_edge=False, header_style="dim")
        for number, column in enumerate(table.columns):
            shown.add_column(column, no_wrap=number == 0, overflow="fold")
        for row in table.rows:
            shown.add_row(*(text([cell]) for cell in row))
        self.out.print(shown)


class Work:
    """Something that goes on and is shown."""

    def __init__(self, progress: Progress, task: object) -> None:
        self._progress, self._task = progress, task

    def say(self, doing: str) -> None:
        """Say what goes on now."""
        self._progress.update(self._task, description=doing)  # type: ignore[arg-type]


def text(cells: Sequence[Cell], *, coloured: bool = False) -> Text:
    """Make a styled text; nothing in it is markup. Where it is not `coloured`, it says what colours would."""
    joined = Text()
    for cell in cells:
        said = cell.text if coloured else cell.text + cell.uncoloured
        joined.append(_printable(said), style=_style(cell))
    return joined


def _style(cell: Cell) -> str:
    colour = "" if cell.colour is None else PALETTE[cell.colour % len(PALETTE)]
    return f"{STYLES[cell.tone]} {colour}".strip()


def _printable(written: str) -> str:
    """Take out what would steer the terminal: everything here may come from somebody else's file."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in written)


class _Console(Console):
    """Leaves it to the caller what becomes of a reader that went away; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Say so."""
        raise BrokenPipeError


def _console(*, stderr: bool, width: int | None) -> _Console:
    stream = sys.stderr if stderr else sys.stdout
    wide = PIPE_WIDTH if width is None and not stream.isatty() and "COLUMNS" not in os.environ else width
    return _Console(stderr=stderr, width=wide, highlight=False, markup=False, emoji=False)
