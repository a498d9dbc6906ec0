"""`logs`: what a run printed."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ShowLogs
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.chatops.names import find_run


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Show the log of a run, also while it runs and after its process is gone."""
    run = find_run(request.text("run") or "", facts)
    return Decision(ShowLogs(run.id, request.switch("follow")))


COMMAND = Command(
    name="logs",
    summary="Show what a run printed, also while it runs.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.LogLine,
    arguments=(
        Argument("run", Kind.RUN, "The run's id, as `runs` lists it.", required=True),
        Argument("follow", Kind.SWITCH, "Go on until the run has ended.", option=True, short="-f", terminal=True),
    ),
    detail="The values of granted secrets are redacted.",
    examples=("logs analytics-hourly-20260131t0600 --follow",),
)
