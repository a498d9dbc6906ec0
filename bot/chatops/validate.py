"""`validate`: read every `meshbot.yaml`, hold it against the models, and report everything, each with its line."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import CheckFiles, CheckHere
from bot.chatops.grammar import PROJECT_HERE, Argument, Command, Decision, Facts, Kind, OnPull, Permission, Request


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Check the files below the path; nothing is changed, and no service is needed."""
    return Decision(CheckFiles(request.text("path") or ".", models=not request.switch("no_models")))


def decide_on_pull(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Check the job files that the pull request has at its head."""
    return Decision(CheckHere(request.text("project")))


COMMAND = Command(
    name="validate",
    summary="Check every meshbot.yaml in a folder and say what is wrong, line by line.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.ValidateAnswer,
    arguments=(
        Argument("path", Kind.PATH, "A meshbot.yaml, or a folder that is searched for them. Default: here."),
        Argument("no_models", Kind.SWITCH, "Read the files alone, and do not load the projects.", option=True),
    ),
    detail="Where a SQLMesh project lies beside the file, its models are held against the jobs. Needs no running "
    "service. Ends with 1 when there is a fault or an error, so it fits a pre-commit hook or a CI step.",
    examples=("validate", "validate analytics/meshbot.yaml", "validate --no-models"),
    on_pull=OnPull(
        decide=decide_on_pull,
        arguments=(PROJECT_HERE,),
        detail="The files are those at the head of the pull request, held against its models.",
        examples=("validate", "validate analytics"),
    ),
)
