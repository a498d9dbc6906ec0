"""The manual of the commands, made from the registry: for `help`, for comments, and for the reference page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_type_hints

from bot import shapes
from bot.chatops.grammar import Argument, Command, Operator, Permission
from bot.chatops.registry import COMMANDS, find_command
from bot.errors import ExitCode

SHAPES = (shapes.Job, shapes.Pause, shapes.Run, shapes.Model, shapes.Incident, shapes.File, shapes.Fault, shapes.Claim,
          shapes.Check, shapes.HelpCommand, shapes.ErrorAnswer, shapes.ErrorDetail)  # fmt: skip


def help_answer(name: str | None) -> shapes.HelpAnswer:
    """Tell of every command, or of one. Raises `UsageFault` when there is none of that name."""
    chosen: Sequence[Command] = COMMANDS if name is None else (find_command(name),)
    return {
        "commands": [
            {"name": c.name, "synopsis": c.synopsis, "summary": c.summary, "permission": c.permission.value}
            for c in chosen
        ]
    }


def help_text(name: str | None, prefix: str = "meshbot") -> str:
    """Word the help of every command, or of one in full; `prefix` is how commands begin where it is shown."""
    if name is None:
        width = max(len(command.name) for command in COMMANDS)
        lines = [f"  {command.name:{width}}  {command.summary}" for command in COMMANDS]
        return "\n".join(["Commands:", *lines, "", f"{prefix} help COMMAND shows one in full."])
    command = find_command(name)
    parts = [f"{prefix} {command.synopsis}", "", command.summary]
    parts += [command.detail] if command.detail else []
    if command.arguments:
        parts += ["", *(f"  {written(argument):22}  {argument.help}" for argument in command.arguments)]
    parts += ["", "For example:", *(f"  {prefix} {example}" for example in command.examples)]
    return "\n".join(parts)


def written(argument: Argument) -> str:
    """Write an argument as the list of arguments does: `--follow, -f`, `--until WHEN`, `JOB`."""
    if not argument.option:
        return argument.name.upper()
    flags = f"{argument.flag}, {argument.short}" if argument.short else argument.flag
    return flags if argument.kind.value == "switch" else f"{flags} {argument.metavar}"


def command_section(command: Command) -> str:
    """Write the section of the reference page about a command."""
    who = "may read"
    if command.permission is not Permission.READ:
        who = (
            "may write" if command.permission is Permission.WRITE else "the operator lists, on a protected environment"
        )
    keys = ", ".join(f"`{key}`" for key in get_type_hints(command.answer))
    return "\n".join([*section(command), "", f"`--json` prints: {keys}. In a comment: for everybody who {who}.", ""])


def section(command: Command | Operator) -> list[str]:
    """Write what the reference page says of a command for everybody and for operators alike."""
    detail = f" {command.detail}" if command.detail else ""
    lines = [f"### {command.name}", "", f"`meshbot {command.synopsis}`", "", f"{command.summary}{detail}"]
    if command.arguments:
        lines += ["", "| argument | meaning |", "|---|---|"]
        lines += [f"| `{written(argument)}` | {argument.help} |" for argument in command.arguments]
    if command.examples:
        lines += ["", "```console", *(f"$ meshbot {example}" for example in command.examples), "```"]
    return lines


def shape_section(shape: type) -> str:
    """Write the section of the reference page about a shape that `--json` prints."""
    lines = [f"### {shape.__name__}", "", shape.__doc__ or "", "", "| key | type | meaning |", "|---|---|---|"]
    for key, hint in get_type_hints(shape, include_extras=True).items():
        kind, meaning = hint.__origin__, hint.__metadata__[0]
        lines.append(f"| `{key}` | {_kind(kind)} | {meaning} |")
    return "\n".join(lines) + "\n"


def exit_codes() -> str:
    """Write the table of exit codes."""
    rows = (f"| {code.value} | {code.meaning} |" for code in ExitCode)
    return "\n".join(["| code | when |", "|---|---|", *rows]) + "\n"


def _kind(kind: object) -> str:
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    for name, word in (
        ("bot.shapes.", ""),
        ("str", "text"),
        ("int", "number"),
        ("float", "number"),
        ("bool", "yes or no"),
    ):
        text = text.replace(name, word)
    return text.replace("None", "null").replace("|", "or").replace("list[", "list of ").replace("]", "")
