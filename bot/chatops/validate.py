"""`validate`: read every `meshbot.yaml` and report every fault in it, each with its line."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import CheckFiles
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Check the files below the path; nothing is changed, and no service is needed."""
    return Decision(CheckFiles(request.text("path") or "."))


COMMAND = Command(
    name="validate",
    summary="Check every meshbot.yaml in a folder and say what is wrong, line by line.",
    permission=Permission.READ,
    decide=decide,
    answer=shapes.ValidateAnswer,
    arguments=(Argument("path", Kind.PATH, "A meshbot.yaml, or a folder that is searched for them. Default: here."),),
    detail="Needs no running service. Ends with 1 when there is a fault, so it fits a pre-commit hook or a CI step.",
    examples=("validate", "validate analytics/meshbot.yaml"),
)
