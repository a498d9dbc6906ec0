"""Every command, in the order in which help shows them.

The click commands, `meshbot help`, the reference page and the commands in comments all come from this tuple.
"""

from __future__ import annotations

from bot.chatops import (
    cancel,
    claims,
    diff,
    generate,
    graph,
    help,  # noqa: A004 - the command's name
    jobs,
    logs,
    pause,
    resume,
    retry,
    run,
    runs,
    status,
    validate,
)
from bot.chatops.grammar import Command
from bot.chatops.names import guess
from bot.errors import UsageFault

COMMANDS: tuple[Command, ...] = (
    generate.COMMAND,
    validate.COMMAND,
    diff.COMMAND,
    graph.COMMAND,
    jobs.COMMAND,
    status.COMMAND,
    run.COMMAND,
    runs.COMMAND,
    logs.COMMAND,
    retry.COMMAND,
    cancel.COMMAND,
    pause.COMMAND,
    resume.COMMAND,
    claims.COMMAND,
    help.COMMAND,
)


def find_command(written: str) -> Command:
    """Return the command of that name. Raises `UsageFault` with the closest names when there is none."""
    for command in COMMANDS:
        if command.name == written:
            return command
    names = [command.name for command in COMMANDS]
    raise UsageFault(f"looking for command {written!r}: there is none; {guess(written, names, 'help')}")
