"""`status`: what runs, what comes next, and what is wrong."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ShowStatus
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.chatops.names import find_job


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Show the status of one job, or of everything."""
    written = request.text("job")
    if written is None:
        return Decision(ShowStatus())
    job = find_job(written, facts)
    return Decision(ShowStatus(job.project, job.name))


COMMAND = Command(
    name="status",
    summary="Show what runs, what comes next, and which jobs fail.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.StatusAnswer,
    arguments=(Argument("job", Kind.JOB, "Only this job."),),
    examples=("status", "status hourly"),
)
