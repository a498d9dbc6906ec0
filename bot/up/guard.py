"""`meshbot up` from the outside: a process that does nothing but see to it that nothing outlives it.

The rule: everything runs in one child, `bot.up.house`. When this process ends, however it ends, the child is told by
the kernel and ends the rest; when the child ends, however it ends, this process ends what it may have left.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from bot.chatops.grammar import Request
from bot.errors import ExitCode
from bot.up import processes

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(request: Request, as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Run everything here until it is asked to end."""
    plan = {
        "repository": request.text("repository"),
        "branch": request.text("branch"),
        "as_json": as_json,
        "parent": os.getpid(),
    }
    code = guarded([sys.executable, "-P", "-m", "bot.up.house", json.dumps(plan)])
    return ExitCode(code) if code in set(ExitCode) else ExitCode.FAILED


def guarded(arguments: Sequence[str]) -> int:
    """Run a process in a group of its own, pass on what asks it to end, and leave nothing behind it."""
    processes.adopt_orphans()
    inside = subprocess.Popen(  # noqa: S603 - our own arguments
        arguments,
        stdin=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C reaches only this process, which passes it on once
        preexec_fn=_die_with_us,  # noqa: PLW1509 - one system call, and there are no threads here
    )

    def forward(number: int, _frame: FrameType | None) -> None:
        processes.send([inside.pid], number)

    for number in FORWARDED:
        signal.signal(number, forward)
    try:
        return inside.wait()
    finally:
        processes.end_descendants()


def _die_with_us() -> None:
    processes.die_with_parent(signal.SIGHUP)
