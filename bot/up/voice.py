"""Where news of `meshbot up` goes: sentences for people, or one JSON object a line.

The rule: nobody has to listen. Who has gone away keeps nothing from going on.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from bot.pages import Line
from bot.terminal import Terminal


class Voice:
    """Where news goes: sentences for people, or one JSON object a line."""

    def __init__(self, *, as_json: bool) -> None:
        self._terminal = None if as_json else Terminal()
        self._last = ""

    def say(self, *lines: Line) -> None:
        """Print news. When nobody reads it any more, everything goes on without a word."""
        try:
            for line in lines:
                self._say(line)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _say(self, line: Line) -> None:
        if self._terminal is None:
            words = "".join(cell.text for cell in line.cells).strip()
            print(json.dumps({"at": datetime.now(UTC).isoformat(), "line": words}))  # noqa: T201
        else:
            self._terminal.line(*line.cells)

    def once(self, line: Line) -> None:
        """Print something that may come again every second, when it is not what came last."""
        words = "".join(cell.text for cell in line.cells[1:])
        if words != self._last:
            self._last = words
            self.say(line)
