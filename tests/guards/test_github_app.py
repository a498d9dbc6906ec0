"""The manifest and the documents say what the code asks for, and a token never asks for more than the App has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.events.payloads import READERS
from bot.gh import asking, tokens
from bot.setup import manifest as appmanifest

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "config" / "github-app.yaml"
PAGE = ROOT / "docs" / "github.md"
TOLD_ANYWAY = {"installation", "installation_repositories", "ping"}


def place(text: str, name: str) -> re.Match[str]:
    found = re.search(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", text, re.DOTALL)
    assert found, f"docs/github.md has no place for the table of {name}"
    return found


def test_the_manifest_is_current(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        MANIFEST.write_text(appmanifest.yaml_page())
    assert MANIFEST.read_text() == appmanifest.yaml_page(), "pytest tests/guards --update-golden"


def test_the_manifest_is_what_github_takes() -> None:
    read: dict[str, Any] = YAML(typ="safe").load(MANIFEST.read_text())
    assert read == appmanifest.manifest("meshbot", appmanifest.EXAMPLE)


@pytest.mark.parametrize(
    ("name", "table"), [("permissions", appmanifest.permissions_table), ("events", appmanifest.events_table)]
)
def test_the_page_has_the_table(name: str, table: Callable[[], str], request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text()
    if request.config.getoption("--update-golden"):
        found = place(text, name)
        text = text[: found.start()] + table() + text[found.end() :]
        PAGE.write_text(text)
    assert place(text, name)[0] == table(), "pytest tests/guards --update-golden"


def test_every_event_that_is_read_is_subscribed_to_and_no_other() -> None:
    assert set(READERS) - TOLD_ANYWAY == set(appmanifest.EVENTS)


def test_tokens_ask_for_what_the_app_has_and_for_all_of_it() -> None:
    has = appmanifest.permissions(teams=True)
    scopes = [tokens.WORK, tokens.FETCH, tokens.LIST, tokens.TEAMS]
    asked = {name: level for scope in scopes for name, level in scope}
    for scope in scopes:
        for name, level in scope:
            assert appmanifest.LEVELS.index(level) <= appmanifest.LEVELS.index(has[name])
    assert set(asked) == set(has)


def test_a_missing_permission_is_named_as_githubs_page_names_it() -> None:
    pages = {one.page for one in appmanifest.GRANTS}
    named = [value for name, value in vars(asking).items() if name.isupper() and isinstance(value, str)]
    assert {one.partition(":")[0] for one in named} <= pages
