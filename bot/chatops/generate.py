"""`generate`: propose the jobs of a project from its models, starting from what is committed."""

from __future__ import annotations

from datetime import datetime

from bot import topologyshapes
from bot.chatops.actions import Generate, ProposeHere
from bot.chatops.grammar import PROJECT_HERE, Argument, Command, Decision, Facts, Kind, OnPull, Permission, Request
from bot.chatops.names import chosen

FORMATS = ("markdown", "yaml", "json", "mermaid")


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Propose; write the file only when that is asked for."""
    path = request.text("path") or "."
    format_ = chosen("format", request.text("format"), FORMATS)
    return Decision(Generate(path, request.switch("write"), format_))


def decide_on_pull(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Propose for what the pull request has at its head; `accept` commits it."""
    return Decision(ProposeHere(request.text("project")))


COMMAND = Command(
    name="generate",
    summary="Propose the jobs of a SQLMesh project from its models.",
    permission=Permission.READ,
    decide=decide,
    answer=topologyshapes.GenerateAnswer,
    arguments=(
        Argument("path", Kind.PATH, "The folder of the SQLMesh project. Default: here."),
        Argument("write", Kind.SWITCH, "Write the proposal into the project's meshbot.yaml.", option=True),
        Argument("format", Kind.TEXT, f"Print one form of it: {', '.join(FORMATS)}.", option=True),
    ),
    detail="An existing meshbot.yaml is amended: names, comments and choices made by hand stay. Needs no warehouse and "
    "no credentials; the project is loaded in a process of its own, within limits.",
    examples=("generate", "generate analytics --write", "generate --format markdown"),
    on_pull=OnPull(
        decide=decide_on_pull,
        arguments=(PROJECT_HERE,),
        detail="The comment with the topology is made anew, too. `accept` commits what it shows.",
        examples=("generate", "generate analytics"),
    ),
)
