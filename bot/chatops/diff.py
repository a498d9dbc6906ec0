"""`diff`: what changes from one job file to another, down to the models that move."""

from __future__ import annotations

from datetime import datetime

from bot import topologyshapes
from bot.chatops.actions import CompareFiles, CompareHere
from bot.chatops.grammar import PROJECT_HERE, Argument, Command, Decision, Facts, Kind, OnPull, Permission, Request


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Compare; the models are those beside the new file unless another project is named."""
    return Decision(CompareFiles(request.text("old") or "", request.text("new") or "", request.text("models")))


def decide_on_pull(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Compare the job files at the head of the pull request with those that it starts from."""
    return Decision(CompareHere(request.text("project")))


COMMAND = Command(
    name="diff",
    summary="Show what changes from one meshbot.yaml to another.",
    permission=Permission.READ,
    decide=decide,
    answer=topologyshapes.DiffAnswer,
    arguments=(
        Argument("old", Kind.PATH, "The meshbot.yaml as it was, or its folder.", required=True),
        Argument("new", Kind.PATH, "The meshbot.yaml as it is to be, or its folder.", required=True),
        Argument(
            "models", Kind.PATH, "The SQLMesh project to follow models in. Default: the new file's folder.", option=True
        ),
    ),
    detail="With a SQLMesh project, the models that move from one job to another are named too.",
    examples=("diff before.yaml meshbot.yaml", "diff ../main/analytics analytics"),
    on_pull=OnPull(
        decide=decide_on_pull,
        arguments=(PROJECT_HERE,),
        detail="The files are those at the head of the pull request, and those that it starts from.",
        examples=("diff", "diff analytics"),
    ),
)
