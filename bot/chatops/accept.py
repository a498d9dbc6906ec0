"""`accept`: commit the proposed jobs to the pull request."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import AcceptProposal
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Accept the whole proposal, or what it says of some jobs; whether it has such jobs is seen when it is made."""
    return Decision(AcceptProposal(tuple(dict.fromkeys(request.texts("job")))))


COMMAND = Command(
    name="accept",
    summary="Commit the proposed jobs to the pull request.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.CommitAnswer,
    arguments=(Argument("job", Kind.JOB, "Only what is proposed for these jobs. Default: everything.", many=True),),
    detail="The commit has whoever accepts as its co-author. Where the branch cannot be pushed to, the reply has the "
    "file to copy. On a review comment that stands on a job's lines, it accepts what is proposed for that job.",
    examples=("accept", "accept hourly daily"),
)
