"""`graph`: the models and what they depend on, coloured by job."""

from __future__ import annotations

from datetime import datetime

from bot import topologyshapes
from bot.chatops.actions import DrawGraph, DrawHere
from bot.chatops.grammar import PROJECT_HERE, Argument, Command, Decision, Facts, Kind, OnPull, Permission, Request
from bot.chatops.names import chosen

FORMATS = ("svg", "mermaid", "json")


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Draw; nothing is changed."""
    format_ = chosen("format", request.text("format"), FORMATS)
    return Decision(DrawGraph(request.text("path") or ".", format_))


def decide_on_pull(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Draw the models that the pull request has at its head."""
    return Decision(DrawHere(request.text("project")))


COMMAND = Command(
    name="graph",
    summary="Show the models of a SQLMesh project, and which job runs each.",
    permission=Permission.READ,
    decide=decide,
    answer=topologyshapes.GraphAnswer,
    arguments=(
        Argument("path", Kind.PATH, "The folder of the SQLMesh project. Default: here."),
        Argument("format", Kind.TEXT, f"Print a drawing: {', '.join(FORMATS)}.", option=True),
    ),
    detail="The jobs are those of meshbot.yaml; where there is none, those that `generate` would propose. "
    "A terminal shows each job in a colour of its own; without colours (a pipe, NO_COLOR) each line names its job.",
    examples=("graph", "graph analytics --format svg"),
    on_pull=OnPull(
        decide=decide_on_pull,
        arguments=(PROJECT_HERE,),
        detail="The models are those at the head of the pull request.",
        examples=("graph", "graph analytics"),
    ),
)
