"""What is documented is what is there: the reference pages are made from the code, and nobody edits them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import reference
from bot.chatops.operators import OPERATORS
from bot.chatops.registry import COMMANDS, ON_PULL
from scheduler.settings import PREFIX, Settings

PAGES = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "page"), [("commands.md", reference.commands_page), ("settings.md", reference.settings_page)]
)
def test_the_page_is_current(name: str, page: object, request: pytest.FixtureRequest) -> None:
    assert callable(page)
    if request.config.getoption("--update-golden"):
        (PAGES / name).write_text(page())
    assert (PAGES / name).read_text() == page(), f"{name} is out of date: pytest tests/guards --update-golden"


def test_every_command_is_documented() -> None:
    text = (PAGES / "commands.md").read_text()
    assert [one.name for one in (*COMMANDS, *ON_PULL, *OPERATORS) if f"\n### {one.name}\n" not in text] == []


def test_every_setting_is_documented_with_its_meaning() -> None:
    text = (PAGES / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert field.description
        assert f"`{PREFIX}{name.upper()}`" in text
