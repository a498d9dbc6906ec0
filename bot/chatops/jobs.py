"""`jobs`: the live schedule, with what is due next."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ListJobs
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.chatops.names import find_project


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """List the jobs of one project, or of all."""
    written = request.text("project")
    return Decision(ListJobs(find_project(written, facts) if written else None))


COMMAND = Command(
    name="jobs",
    summary="Show every job with its schedule in words and when it is due next.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.JobsAnswer,
    arguments=(Argument("project", Kind.PROJECT, "Only the jobs of this project."),),
    examples=("jobs", "jobs analytics"),
)
