"""The log of a run on a terminal: what is there, and with `--follow` what comes.

The rule: whole lines only, each once; the end is the run's end, after everything that it printed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.chatops.actions import ShowLogs
from bot.errors import ExitCode, Refused

if TYPE_CHECKING:
    from bot.services import Services

POLL = 0.3
Read = Callable[[int], bytes]
"""Reads what a run has printed from a byte on, redacted; nothing when there is nothing new."""


def show(action: ShowLogs, services: Services, *, as_json: bool) -> ExitCode:
    """Print the log of a run."""
    log = partial(services.logs.read, action.run_id)
    pieces = follow(log, lambda: _is_over(action.run_id, services)) if action.follow else iter([log(0)])
    if as_json:
        for text in lines(pieces):
            print(json.dumps({"run": action.run_id, "line": text}), flush=action.follow)  # noqa: T201
    else:
        _tell(lines(pieces))
    return ExitCode.OK


def _tell(texts: Iterator[str]) -> None:
    from bot.pages import Clock
    from bot.reportlines import line
    from bot.terminal import Terminal

    terminal, clock = Terminal(), Clock(datetime.now(UTC))
    for text in texts:
        terminal.line(*line(text, clock).cells)


def follow(read: Read, is_over: Callable[[], bool]) -> Iterator[bytes]:
    """Yield what a run prints until it is over, and then what it still had to say."""
    offset, pause = 0, threading.Event()
    while True:
        over = is_over()  # asked first: what is printed before the end is then read after it
        piece = read(offset)
        offset += len(piece)
        yield piece
        if over and not piece:
            return
        if not piece:
            pause.wait(POLL)


def lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Cut what comes in pieces into whole lines; the last one need not end."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _is_over(run_id: str, services: Services) -> bool:
    run = services.store.run(run_id)
    if run is None:
        raise Refused(f"following {run_id}: it is not there any more; `meshbot runs` lists what is")
    return run.state.is_final
