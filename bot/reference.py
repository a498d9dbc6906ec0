"""The reference pages, made from what they describe: the commands, the shapes of `--json`, the settings.

The rule: nobody writes these pages; a test holds `docs/reference/` to what is made here.
"""

from __future__ import annotations

import types
from datetime import timedelta
from typing import Any, Union, get_args, get_origin, get_type_hints

from bot import shapes, topologyshapes
from bot.chatops.grammar import Command, Operator, Permission
from bot.chatops.manual import written
from bot.chatops.operators import OPERATORS
from bot.chatops.registry import COMMANDS, ON_PULL
from bot.errors import ExitCode
from scheduler.settings import PREFIX, Settings

SHAPES: tuple[type, ...] = (
    shapes.Job,
    shapes.Pause,
    shapes.Run,
    shapes.Model,
    shapes.Incident,
    shapes.File,
    topologyshapes.Finding,
    topologyshapes.Proposed,
    topologyshapes.Note,
    topologyshapes.LoadFault,
    topologyshapes.Change,
    topologyshapes.GraphModel,
    shapes.Fault,
    shapes.Claim,
    shapes.Check,
    shapes.HelpCommand,
    shapes.ErrorDetail,
)
WHO = {
    Permission.READ: "may read",
    Permission.WRITE: "may write",
    Permission.PROTECTED: "may write and, on a protected environment, is on the operator's list",
}
WORDS = {str: "text", int: "number", float: "number", bool: "yes or no", type(None): "null"}
HEAD = """# Commands

`meshbot help` says the same; on a pull request, `/meshbot help`. JOB is `name`, or `project/name` when two projects
have one of that name; RUN is an id as `meshbot runs` lists it. Moments are UTC unless they say otherwise. Every command
takes `--json`; answers go to standard output, everything else to standard error. NO_COLOR is respected.
"""
ON_PULL_HEAD = """In comments only. What can be written in comments at all, and who may, stands with each command;
[GitHub](../github.md#commands) has an example of each, with the reply."""
SETTINGS_HEAD = """# Settings

Environment variables, read once when a process starts. An unknown `MESHBOT_` variable is an error, so that a typing
mistake is not ignored. Durations are ISO 8601 (`PT30S`) or seconds. `meshbot doctor` checks what they lead to.

| variable | default | meaning |
|---|---|---|
"""


def commands_page() -> str:
    """Write `docs/reference/commands.md`."""
    parts = [HEAD, exit_codes(), "## For everybody", *(of_command(command) for command in COMMANDS)]
    parts += ["## On a pull request", ON_PULL_HEAD, *(on_pull(command) for command in ON_PULL)]
    parts += ["## For operators", "These are on the command line only.", *("\n".join(of(one)) for one in OPERATORS)]
    parts += ["## What `--json` prints"]
    parts += ["When a command fails without an answer, it prints `error` (ErrorDetail). Keys are only ever added."]
    parts += [of_shape(shape) for shape in SHAPES]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def settings_page() -> str:
    """Write `docs/reference/settings.md`."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, timedelta):
            default = f"PT{default.total_seconds():g}S"
        shown = f"`{default}`" if default is not None else ""
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def of_command(command: Command) -> str:
    """Write the section about a command."""
    keys = ", ".join(f"`{key}` ({_kind(hint)})" for key, hint in get_type_hints(command.answer).items())
    return "\n".join([*of(command), "", f"`--json` prints {keys}.", "", in_comments(command)])


def in_comments(command: Command) -> str:
    """Say how a command is written in a comment, and who may."""
    spoken = command.in_comments
    detail = f" {spoken.detail}" if command.on_pull and spoken.detail != command.detail else ""
    return f"In a comment: `/meshbot {spoken.synopsis}`, from whoever {WHO[command.permission]}.{detail}"


def on_pull(command: Command) -> str:
    """Write the section about a command that a pull request alone has."""
    head, *lines = of(command, "/meshbot")
    return "\n".join([head, *lines, "", f"From whoever {WHO[command.permission]}."])


def of(command: Command | Operator, prefix: str = "meshbot") -> list[str]:
    """Write what there is to say of a command for everybody and for operators alike."""
    detail = f" {command.detail}" if command.detail else ""
    lines = [f"### {command.name}", "", f"`{prefix} {command.synopsis}`", "", f"{command.summary}{detail}"]
    if command.arguments:
        lines += ["", "| argument | meaning |", "|---|---|"]
        lines += [f"| `{written(argument)}` | {argument.help} |" for argument in command.arguments]
    if command.examples and prefix == "meshbot":
        lines += ["", "```console", *(f"$ {prefix} {example}" for example in command.examples), "```"]
    elif command.examples:
        lines += ["", "```", *(f"{prefix} {example}" for example in command.examples), "```"]
    return lines


def of_shape(shape: type) -> str:
    """Write the section about a shape that `--json` prints."""
    lines = [f"### {shape.__name__}", "", shape.__doc__ or "", "", "| key | type | meaning |", "|---|---|---|"]
    plain = get_type_hints(shape)
    for key, hint in get_type_hints(shape, include_extras=True).items():
        lines.append(f"| `{key}` | {_kind(plain[key])} | {hint.__metadata__[0]} |")
    return "\n".join(lines)


def exit_codes() -> str:
    """Write the table of exit codes."""
    rows = [f"| {code.value} | {code.meaning} |" for code in ExitCode]
    return "\n".join(["## Exit codes", "", "| code | when |", "|---|---|", *rows])


def _kind(hint: Any) -> str:  # noqa: ANN401 - a type, or what typing makes of one
    if get_origin(hint) is list:
        return f"list of {_kind(get_args(hint)[0])}"
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join(_kind(part) for part in get_args(hint))
    return WORDS.get(hint) or str(hint.__name__)
