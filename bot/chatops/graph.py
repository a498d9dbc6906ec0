"""`graph`: the models and what they depend on, coloured by job."""

from __future__ import annotations

from datetime import datetime

from bot import topologyshapes
from bot.chatops.actions import DrawGraph
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.chatops.names import chosen

FORMATS = ("svg", "mermaid", "json")


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Draw; nothing is changed."""
    format_ = chosen("format", request.text("format"), FORMATS)
    return Decision(DrawGraph(request.text("path") or ".", format_))


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
)
