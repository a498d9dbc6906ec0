"""`claims`: which run holds which model, and a way to take one away."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ListClaims, ReleaseClaim
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Reply, Request, Step
from bot.chatops.names import find_project
from bot.errors import UsageFault


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """List the claims of one project or of all, or release one; a release must say of which project."""
    projects = tuple(sorted({job.project for job in facts.jobs}))
    written = request.text("project")
    if written is not None:
        projects = (find_project(written, facts),)
    model = request.text("release")
    if model is None:
        return Decision(ListClaims(projects))
    if len(projects) != 1:
        raise UsageFault(
            f"releasing {model}: which project is it of ({', '.join(projects) or 'there is none'})? "
            f"write: claims PROJECT --release {model}"
        )
    reply = Reply(
        f"{model} is free. The run that held it can no longer record what it does.",
        (Step(f"claims {projects[0]}", "see who holds what now"),),
    )
    return Decision(ReleaseClaim(projects[0], model), reply)


COMMAND = Command(
    name="claims",
    summary="Show which run holds which model, or release one.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.ClaimsAnswer,
    arguments=(
        Argument("project", Kind.PROJECT, "Only this project."),
        Argument("release", Kind.MODEL, "Take this model from the run that holds it.", option=True),
    ),
    detail="A crashed run's claims expire by themselves within a minute. Release one only if its run is known to hang.",
    examples=("claims analytics", "claims analytics --release finance.orders"),
)
