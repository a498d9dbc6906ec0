"""Every command, in the order in which help shows them.

The click commands, `meshbot help`, the reference page and the commands in comments all come from these tuples.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.chatops import (
    accept,
    cancel,
    claims,
    diff,
    generate,
    graph,
    help,  # noqa: A004 - the command's name
    jobs,
    logs,
    merge,
    pause,
    resume,
    retry,
    run,
    runs,
    set,  # noqa: A004 - the command's name
    status,
    trust,
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


ON_PULL: tuple[Command, ...] = (accept.COMMAND, set.COMMAND, merge.COMMAND, trust.COMMAND)
"""The commands that are about a pull request: in its comments only."""

IN_COMMENTS: tuple[Command, ...] = tuple(command.in_comments for command in (*ON_PULL, *COMMANDS))
"""Every command as a comment on a pull request gives it."""


def find_command(written: str, commands: Sequence[Command] = COMMANDS) -> Command:
    """Return the command of that name. Raises `UsageFault` with the closest names when there is none."""
    for command in commands:
        if command.name == written:
            return command
    names = [command.name for command in commands]
    if commands is COMMANDS and written in {command.name for command in ON_PULL}:
        raise UsageFault(
            f"looking for command {written!r}: it is about a pull request; write there: /meshbot {written}"
        )
    raise UsageFault(f"looking for command {written!r}: there is none; {guess(written, names, 'help')}")
