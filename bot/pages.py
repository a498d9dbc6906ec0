"""Pages: tables and sentences for people, as values that know nothing of where they are shown.

The rule: pure. The moment and the zone of the reader are given; a tone says what a text means, not how it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum


class Tone(StrEnum):
    """How a text is meant."""

    PLAIN = "plain"
    STRONG = "strong"
    FAINT = "faint"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    BUSY = "busy"


COLOURS = 12
"""So many things can be told apart by colour."""


@dataclass(frozen=True)
class Cell:
    """A piece of text and how it is meant.

    `colour` is one of `COLOURS` that show what belongs together; `uncoloured` is said instead where there are none.
    """

    text: str
    tone: Tone = Tone.PLAIN
    colour: int | None = None
    uncoloured: str = ""


@dataclass(frozen=True)
class Line:
    """A sentence, in pieces."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a heading; `empty` is said when there are none."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    empty: str = ""


Page = tuple[Line | Table, ...]


@dataclass(frozen=True)
class Clock:
    """The moment and the zone in which a page is read."""

    now: datetime
    zone: tzinfo | None = None

    @property
    def zone_name(self) -> str:
        """The short name of the zone."""
        return f"{self.now.astimezone(self.zone):%Z}"

    def at(self, moment: str | datetime | None) -> str:
        """Word a moment: the time alone when it is near, the date too when it is not."""
        if moment is None:
            return "-"
        when = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(self.zone)
        near = when.date() == self.now.astimezone(self.zone).date()
        return f"{when:%H:%M:%S}" if near else f"{when:%Y-%m-%d %H:%M}"

    def until(self, moment: str | None) -> str:
        """Word a moment to come with the time that is left: `08:15 (in 4 min)`."""
        if moment is None:
            return "-"
        when = datetime.fromisoformat(moment)
        shown = when.astimezone(self.zone)
        near = shown.date() == self.now.astimezone(self.zone).date()
        left = (when - self.now).total_seconds()
        words = f"in {duration(left)}" if left > 0 else "now" if left > -LATE else "overdue"
        return f"{shown:%H:%M} ({words})" if near else f"{shown:%Y-%m-%d %H:%M} ({words})"


def duration(seconds: float) -> str:
    """Word a length of time with its one or two leading units."""
    whole = round(seconds)
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest} s" if minutes < 5 and rest else f"{minutes} min"  # noqa: PLR2004
    hours, minutes = divmod(minutes, 60)
    if hours < 48:  # noqa: PLR2004
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


LATE = 60
STATES = {
    "queued": Tone.FAINT,
    "starting": Tone.BUSY,
    "running": Tone.BUSY,
    "succeeded": Tone.GOOD,
    "noop": Tone.GOOD,
    "partial": Tone.WARNING,
    "interrupted": Tone.WARNING,
    "cancelled": Tone.WARNING,
}
MODELS = {"evaluated": Tone.GOOD, "up_to_date": Tone.FAINT, "failed": Tone.BAD}
CHECKS = {"ok": Cell("✔", Tone.GOOD), "warning": Cell("!", Tone.WARNING), "broken": Cell("✖", Tone.BAD)}
