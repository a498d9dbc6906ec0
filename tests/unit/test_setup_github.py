"""What `setup-github` is asked for, what it writes, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.chatops.grammar import Request
from bot.errors import Refused, UsageFault
from bot.gh import NewApp
from bot.layouts import page
from bot.pages import Clock, Line
from bot.setup import manifest as appmanifest
from bot.setup import page as setuppage
from bot.setup import walk as setup

HOOK = "https://meshbot.example.com/github"
MADE = NewApp(7, "meshbot", "https://github.com/apps/meshbot", "acme", SecretStr("the key"), SecretStr("the secret"))


def asked(**given: str) -> tuple[str, str, str | None, int]:
    return setup.asked(Request("setup-github", {"webhook_url": HOOK, **given}))


def test_what_is_asked_for() -> None:
    assert asked() == ("meshbot", HOOK, None, 0)
    assert asked(webhook_url="https://h.example", name="m", organization="acme", port="81") == (
        "m",
        "https://h.example/github",
        "acme",
        81,
    )
    assert asked(webhook_url="https://h.example/meshbot/github/")[1] == "https://h.example/meshbot/github/"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"webhook_url": ""}, "reading --webhook-url"),
        ({"webhook_url": "meshbot.example.com"}, "reading --webhook-url"),
        ({"webhook_url": 'https://h/"><script>'}, "reading --webhook-url"),
        ({"webhook_url": "ftp://h/github"}, "reading --webhook-url"),
        ({"organization": "a/b"}, "reading --organization"),
        ({"name": "x" * 40}, "reading --name"),
        ({"port": "http"}, "reading --port"),
        ({"port": "65536"}, "reading --port"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(given: dict[str, str], words: str) -> None:
    with pytest.raises(UsageFault, match=words):
        asked(**given)


def test_secrets_are_for_their_owner_alone_and_nothing_is_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "github"
    setup.demand_room(folder)
    lines = setup.keep(folder, MADE)
    assert "the key" not in "".join(lines)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(
        ("private-key.pem", "webhook-secret", "settings.env"), 0o600
    )
    with pytest.raises(Refused, match="is there from another one"):
        setup.demand_room(folder)
    with pytest.raises(Refused, match=r"File exists; the App is there: make a new key and secret .*/apps/meshbot"):
        setup.keep(folder, replace(MADE, private_key=SecretStr("another")))
    assert (folder / "private-key.pem").read_text() == "the key"


def test_a_folder_that_cannot_be_written_to_is_said_before_github_is_asked(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(Refused, match="its key cannot be kept in"):
        setup.demand_room(tmp_path / "data" / "github")


def test_whatever_stands_in_the_manifest_is_text_on_the_page() -> None:
    evil = "</script><b onmouseover='x'>\"&"
    shown = setuppage.start(appmanifest.manifest(evil, f"https://h/{evil}"), f"https://github.com/{evil}")
    assert "<b " not in shown
    assert "<script" not in shown


@pytest.mark.parametrize(
    ("organization", "address"),
    [
        (None, "https://github.com/settings/apps/new?state=s%26t"),
        ("acme", "https://github.com/organizations/acme/settings/apps/new?state=s%26t"),
    ],
)
def test_the_form_goes_to_whoever_is_to_own_the_app(organization: str | None, address: str) -> None:
    assert setuppage.form_action("https://github.com", organization, "s&t") == address


def test_what_is_shown_at_the_end(golden: Callable[[str, str], None]) -> None:
    lines = setup.setting_lines(7, Path("/srv/meshbot/github"))
    check = {"name": "github", "state": "ok", "found": "meshbot[bot], App 7", "remedy": None}
    shown = page("setup-github", {"ok": True, "app": 7, "settings": lines, "checks": [check]}, Clock(datetime.now(UTC)))
    text = "".join("".join(cell.text for cell in part.cells) + "\n" for part in shown if isinstance(part, Line))
    golden("cli/setup-github.txt", setup.invitation("http://127.0.0.1:4711") + "\n\n" + text)
