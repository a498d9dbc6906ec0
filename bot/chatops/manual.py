"""The manual of the commands, made from the registry: for `help` and for comments."""

from __future__ import annotations

from collections.abc import Sequence

from bot import shapes
from bot.chatops.grammar import Argument, Command
from bot.chatops.registry import COMMANDS, find_command


def help_answer(name: str | None) -> shapes.HelpAnswer:
    """Tell of every command, or of one. Raises `UsageFault` when there is none of that name."""
    chosen: Sequence[Command] = COMMANDS if name is None else (find_command(name),)
    return {
        "commands": [
            {"name": c.name, "synopsis": c.synopsis, "summary": c.summary, "permission": c.permission.value}
            for c in chosen
        ]
    }


def help_text(name: str | None, prefix: str = "meshbot", commands: Sequence[Command] = COMMANDS) -> str:
    """Word the help of every command, or of one in full; `prefix` is how commands begin where it is shown."""
    if name is None:
        width = max(len(command.name) for command in commands)
        lines = [f"  {command.name:{width}}  {command.summary}" for command in commands]
        return "\n".join(["Commands:", *lines, "", f"{prefix} help COMMAND shows one in full."])
    command = find_command(name, commands)
    parts = [f"{prefix} {command.synopsis}", "", command.summary]
    parts += [command.detail] if command.detail else []
    if command.arguments:
        parts += ["", *(f"  {written(argument):22}  {argument.help}" for argument in command.arguments)]
    parts += ["", "For example:", *(f"  {prefix} {example}" for example in command.examples)]
    return "\n".join(parts)


def written(argument: Argument) -> str:
    """Write an argument as the list of arguments does: `--follow, -f`, `--until WHEN`, `JOB`."""
    if not argument.option:
        return f"{argument.metavar} ..." if argument.many else argument.metavar
    flags = f"{argument.flag}, {argument.short}" if argument.short else argument.flag
    return flags if argument.kind.value == "switch" else f"{flags} {argument.metavar}"
