"""Every command that can be written on a pull request is in the page about GitHub, with an example that is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bot_samples import NOW

from bot.chatops.lines import commands
from bot.chatops.parser import parse
from bot.chatops.registry import IN_COMMENTS

PAGE = (Path(__file__).parents[2] / "docs" / "github.md").read_text()
SECTIONS = dict(
    re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE.partition("\n## Commands\n")[2], re.MULTILINE | re.DOTALL)
)


@pytest.mark.parametrize("name", [command.name for command in IN_COMMENTS])
def test_the_page_has_each_command_with_an_example_and_a_reply(name: str) -> None:
    section = SECTIONS[name]
    example = re.search(r"^```\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)
    assert example, f"docs/github.md has no example of {name}"
    (found,) = commands(example[1])
    assert parse(found.text, NOW, IN_COMMENTS).command == name
    assert "\n> " in section
