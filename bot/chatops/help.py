"""`help`: every command, or one of them in full."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ShowHelp
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Show the help; whether the command exists is the registry's to say."""
    return Decision(ShowHelp(request.text("command")))


COMMAND = Command(
    name="help",
    summary="Show every command, or one of them in full.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.HelpAnswer,
    arguments=(Argument("command", Kind.COMMAND, "The command to show in full."),),
    examples=("help", "help run"),
)
