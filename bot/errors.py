"""The errors of the bot, one for each exit code of the command line.

All of them are `UserError`: their message is shown as it stands, and never a traceback.
"""

from __future__ import annotations

from enum import IntEnum

from scheduler.errors import UserError


class ExitCode(IntEnum):
    """How `meshbot` ends. The values are part of the interface and never change their meaning."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Say when the command line ends with this code."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "It was done.",
    ExitCode.FAILED: "It was understood and did not work: a run failed (`run --wait`), `validate` found faults, "
    "`doctor` found something broken, a run has ended already and cannot be cancelled.",
    ExitCode.USAGE: "It was not understood: an unknown command, option, setting, job or run, or a value that does "
    "not fit.",
    ExitCode.UNREACHABLE: "A service could not be reached: the database, or the Valkey.",
    ExitCode.INTERRUPTED: "Ctrl-C, before it was done; a run that was waited for goes on.",
}


class UsageFault(UserError):
    """What was asked for is not understood: an unknown name, or a value that does not fit."""


class Refused(UserError):
    """What was asked for is understood and cannot be done as things stand."""


class LeftAlone(UserError):
    """Somebody stopped waiting: what was waited for goes on without them."""


class Unreachable(UserError):
    """A service that this needs does not answer."""


def exit_code(error: UserError) -> ExitCode:
    """Say how the command line ends when `error` reaches it."""
    match error:
        case UsageFault():
            return ExitCode.USAGE
        case Unreachable():
            return ExitCode.UNREACHABLE
        case LeftAlone():
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.FAILED
