"""The command line: `meshbot`. The only door to click.

The rule: every command comes from a registry, and what takes long to import is imported when a command needs it, so
that help is there at once. Nothing but an answer goes to standard output; a `UserError` is shown without a traceback.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from bot.chatops.actions import ShowHelp, ShowLogs
from bot.chatops.grammar import Argument, Command, Decision, Kind, Operator, Reply, Request
from bot.chatops.names import guess
from bot.chatops.operators import OPERATORS
from bot.chatops.registry import COMMANDS
from bot.errors import ExitCode, exit_code
from scheduler.errors import MeshbotError, UserError

if TYPE_CHECKING:
    from bot.acting import Outcome
    from bot.services import Services
    from bot.terminal import Terminal
    from scheduler.runs import Run

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print the answer for a program.")
Entry = Callable[[Request, bool], ExitCode]


class Meshbot(click.Group):
    """The command line: knows its commands by their registries, and suggests one for a typing error."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; click's own words for an unknown one name no other."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            names = self.list_commands(ctx)
            ctx.fail(f"there is no command {args[0]!r}; {guess(args[0], names, 'meshbot --help')}")
        return super().resolve_command(ctx, args)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """List the commands in the order of the registries."""
        return [*(command.name for command in COMMANDS), *(operator.name for operator in OPERATORS)]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the commands for everybody apart from those for operators."""
        everybody = [(command.name, command.summary) for command in COMMANDS]
        for title, rows in (("Commands", everybody), ("For operators", [(one.name, one.summary) for one in OPERATORS])):
            with formatter.section(title):
                formatter.write_dl(rows)


def build() -> click.Group:
    """Make the click command of every registered command."""
    group = Meshbot("meshbot", context_settings=CONTEXT, help="Keep SQLMesh environments up to date from Git.")
    click.version_option(package_name="meshbot", message="meshbot %(version)s")(group)
    for command in COMMANDS:
        group.add_command(_click(command, partial(handle, command)))
    for operator in OPERATORS:
        group.add_command(_click(operator, partial(operate, operator)))
    return group


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(int(run(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> ExitCode:
    """Run one command line. Whatever happens, it ends with one of the documented codes."""
    as_json = "--json" in arguments
    try:
        return ExitCode(build().main(arguments, prog_name="meshbot", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return ExitCode.OK
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except (click.ClickException, MeshbotError) as error:
        return _failed(error, as_json=as_json)


def handle(command: Command, raw: dict[str, Any], as_json: bool) -> ExitCode:  # noqa: FBT001 - called by `_click` alone
    """Carry out a command of the registry and show its answer."""
    from bot.chatops.values import request
    from bot.services import Services
    from scheduler import settings

    now = datetime.now(UTC)
    asked = request(command, raw, now)
    services = Services(settings.load())
    try:
        decision = command.decide(asked, services.facts(command, asked, now), now)
        if isinstance(decision.action, ShowLogs):
            from bot import tail

            return tail.show(decision.action, services, as_json=as_json)
        return _carry_out(command, decision, services, as_json=as_json)
    finally:
        services.close()


def operate(operator: Operator, raw: dict[str, Any], as_json: bool) -> ExitCode:  # noqa: FBT001 - called by `_click` alone
    """Carry out an operator's command."""
    module, _, function = operator.entry.partition(":")
    given = {name: value or None for name, value in raw.items()}
    entry: Entry = getattr(import_module(module), function)
    return entry(Request(operator.name, given), as_json)


def _carry_out(command: Command, decision: Decision, services: Services, *, as_json: bool) -> ExitCode:
    from bot import acting
    from bot.terminal import Terminal

    terminal = Terminal()
    with terminal.progress(f"{command.name} ...") as work:

        def watcher(run: Run) -> None:
            work.say(f"{run.id} is {run.state.value}")

        outcome = acting.perform(decision.action, services, watcher)
    for note in outcome.notes:
        terminal.note(note)
    if as_json:
        click.echo(json.dumps(outcome.answer, indent=2))
    else:
        _show(command, decision, outcome, terminal)
    return ExitCode.OK if outcome.ok else ExitCode.FAILED


def _show(command: Command, decision: Decision, outcome: Outcome, terminal: Terminal) -> None:
    from bot import layouts
    from bot.pages import Clock

    if isinstance(decision.action, ShowHelp):
        from bot.chatops.manual import help_text

        click.echo(help_text(decision.action.command))
        return
    form: Any = outcome.answer
    if form.get("text") is not None:
        click.echo(form["text"], nl=False)
        return
    if outcome.drawing is None:
        page = layouts.page(command.name, outcome.answer, Clock(datetime.now(UTC)))
    else:
        page = layouts.drawing(outcome.drawing, outcome.answer)
    terminal.show(page)
    if decision.reply and not (page and command.name in {"run", "retry"}):
        terminal.show(layouts.reply_page(_named(decision.reply, outcome)))


def _named(reply: Reply, outcome: Outcome) -> Reply:
    answer: Any = outcome.answer
    return reply.about(answer["run"]["id"]) if "run" in answer else reply


def _failed(error: click.ClickException | MeshbotError, *, as_json: bool) -> ExitCode:
    message, code = _verdict(error)
    if as_json:
        click.echo(json.dumps({"error": {"message": message, "exit_code": int(code)}}, indent=2))
    else:
        from bot.terminal import Terminal

        Terminal().error(message)
    return code


def _verdict(error: click.ClickException | MeshbotError) -> tuple[str, ExitCode]:
    match error:
        case click.ClickException():
            return f"{error.format_message().rstrip('.')}{_usage(error)}", ExitCode.USAGE
        case UserError():
            return str(error), exit_code(error)
        case _:
            return f"{error}; try again in a moment", ExitCode.UNREACHABLE


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"; see {context.command_path} --help" if context else ""


def _click(command: Command | Operator, carry_out: Callable[[dict[str, Any], bool], ExitCode]) -> click.Command:
    def callback(*, as_json: bool = False, **raw: Any) -> ExitCode:  # noqa: ANN401 - click's values
        return carry_out(raw, as_json)

    return click.Command(
        command.name,
        params=[*(_param(argument) for argument in command.arguments), JSON],
        callback=callback,
        help=f"{command.summary}\n\n{command.detail}" if command.detail else command.summary,
        short_help=command.summary,
        epilog="For example: " + "; ".join(f"meshbot {example}" for example in command.examples),
        context_settings=CONTEXT,
    )


def _param(argument: Argument) -> click.Parameter:
    if not argument.option:
        return click.Argument([argument.name], required=argument.required, metavar=argument.shown)
    names = [argument.flag, argument.name] + ([argument.short] if argument.short else [])
    if argument.kind is Kind.SWITCH:
        return click.Option(names, is_flag=True, help=argument.help)
    return click.Option(names, metavar=argument.metavar, help=argument.help)
