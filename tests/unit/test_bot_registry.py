from __future__ import annotations

import re
from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest
from bot_samples import NOW

from bot import cli, shapes
from bot.chatops import actions, manual
from bot.chatops.grammar import Command, Kind, Operator
from bot.chatops.operators import OPERATORS
from bot.chatops.parser import parse
from bot.chatops.registry import COMMANDS, IN_COMMENTS, ON_PULL

EVERY = [*COMMANDS, *ON_PULL, *OPERATORS]


def name(command: Command | Operator) -> str:
    return command.name


def test_names_are_unique_and_each_is_a_click_command() -> None:
    names = [command.name for command in EVERY]
    assert len(set(names)) == len(names)
    assert set(cli.build().commands) == {command.name for command in (*COMMANDS, *OPERATORS)}


@pytest.mark.parametrize("command", EVERY, ids=name)
def test_a_command_explains_itself(command: Command | Operator) -> None:
    assert re.fullmatch(r"[A-Z][^\n]*\.", command.summary)
    assert command.examples
    assert all(example.split()[0] == command.name for example in command.examples)
    assert all(re.search(r"[.]$", argument.help) for argument in command.arguments)
    flags = [flag for argument in command.arguments for flag in (argument.flag, argument.short) if flag]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_the_examples_are_understood(command: Command) -> None:
    for example in command.examples:
        assert parse(example, NOW).command == command.name


@pytest.mark.parametrize("command", IN_COMMENTS, ids=name)
def test_the_examples_are_understood_in_comments(command: Command) -> None:
    for example in command.examples:
        assert parse(example, NOW, IN_COMMENTS).command == command.name


def test_what_only_makes_sense_on_a_terminal_cannot_be_written_in_a_comment() -> None:
    written = [argument for command in IN_COMMENTS for argument in command.arguments]
    assert not any(argument.terminal or argument.kind is Kind.PATH for argument in written)
    assert not {"wait", "follow", "write", "format"} & {argument.name for argument in written}
    assert [command.name for command in IN_COMMENTS] == [command.name for command in (*ON_PULL, *COMMANDS)]


def test_only_the_last_argument_by_place_takes_many_words() -> None:
    for command in (*COMMANDS, *IN_COMMENTS):
        places = [argument.many for argument in command.arguments if not argument.option]
        assert not any(places[:-1])


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_the_command_line_and_the_parser_have_the_same_arguments(command: Command) -> None:
    params = {param.name for param in cli.build().commands[command.name].params}
    assert params == {argument.name for argument in command.arguments} | {"as_json"}


@pytest.mark.parametrize("command", IN_COMMENTS, ids=name)
def test_the_answer_is_one_of_the_documented_shapes(command: Command) -> None:
    assert command.answer in get_args(shapes.Answer)
    assert all(hint.__metadata__[0] for hint in get_type_hints(command.answer, include_extras=True).values())


def test_every_action_names_its_object_and_stays_a_value() -> None:
    for action in get_args(actions.Action):
        assert action.__dataclass_params__.frozen


def test_positional_arguments_come_required_first() -> None:
    for command in EVERY:
        places = [argument.required for argument in command.arguments if not argument.option]
        assert places == sorted(places, reverse=True)


def test_a_switch_is_always_an_option() -> None:
    assert all(argument.option for command in EVERY for argument in command.arguments if argument.kind is Kind.SWITCH)


def test_help(golden: Callable[[str, str], None]) -> None:
    parts = [manual.help_text(None), *(manual.help_text(command.name) for command in COMMANDS)]
    golden("cli/help.txt", "\n\n".join(parts) + "\n")


def test_help_in_comments(golden: Callable[[str, str], None]) -> None:
    names = [None, *(command.name for command in IN_COMMENTS)]
    parts = [manual.help_text(name, "/meshbot", IN_COMMENTS) for name in names]
    golden("github/help.txt", "\n\n".join(parts) + "\n")
