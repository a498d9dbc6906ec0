"""`runs`: the last runs, the newest first."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ListRuns
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.chatops.names import find_job

DEFAULT = 20


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """List the runs of one job, or of all."""
    limit = request.number("limit", DEFAULT)
    written = request.text("job")
    if written is None:
        return Decision(ListRuns(None, None, limit))
    job = find_job(written, facts)
    return Decision(ListRuns(job.project, job.name, limit))


COMMAND = Command(
    name="runs",
    summary="Show the last runs, the newest first.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.RunsAnswer,
    arguments=(
        Argument("job", Kind.JOB, "Only the runs of this job."),
        Argument("limit", Kind.NUMBER, f"How many. Default: {DEFAULT}.", option=True, short="-n", default=DEFAULT),
    ),
    examples=("runs", "runs hourly --limit 5"),
)
