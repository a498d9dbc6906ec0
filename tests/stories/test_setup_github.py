"""From nothing to an App: the terminal says where to go, the browser goes there, and the secrets are in files."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

import pytest
from ghworld import World
from ghworld import world as a_world

from bot.setup import manifest as appmanifest
from bot.setup.door import BACK

MESHBOT = Path(sys.executable).parent / "meshbot"
HOOK = "https://meshbot.example.com/github"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "github") as made:
        made.github.courier.hold()
        yield made


class Terminal:
    """`meshbot setup-github` at work; `url` is where it sends the browser."""

    def __init__(self, world: World, data: Path, *arguments: str, **more: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHBOT_")}
        ours = {"MESHBOT_DATA_DIR": str(data), "MESHBOT_GITHUB_API_URL": world.github.api_url}
        self.process = subprocess.Popen(
            [MESHBOT, "setup-github", *arguments],
            env={**kept, **ours, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def url(self) -> str:
        errors: IO[str] | None = self.process.stderr
        assert errors is not None
        said = errors.readline()
        found = re.search(r"Open (http://127\.0\.0\.1:\d+) in a browser", said)
        assert found, said + errors.read()
        return found[1]

    def ends(self) -> tuple[int, str, str]:
        said, errors = self.process.communicate(timeout=60)
        return self.process.returncode, said, errors


def get(url: str, host: str | None = None) -> tuple[int, str]:
    asked = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - our own machine
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def form(page: str) -> tuple[str, dict[str, object]]:
    """Read the form as a browser does: where it goes, and the manifest."""
    action, value = re.search(r'action="([^"]*)"', page), re.search(r'name="manifest" value="([^"]*)"', page)
    assert action
    assert value
    return unescape(action[1]), json.loads(unescape(value[1]))


def test_an_app_is_created_kept_and_checked(world: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    terminal = Terminal(world, data, "--webhook-url", HOOK, "--organization", "acme", "--name", "meshbot-acme")
    url = terminal.url
    action, manifest = form(get(url)[1])
    state = parse_qs(urlsplit(action).query)["state"][0]
    assert action.startswith(f"{world.github.url}/organizations/acme/settings/apps/new?state=")
    assert manifest == appmanifest.manifest("meshbot-acme", HOOK, f"{url}{BACK}")

    for wrong in ("", "?code=evil", "?code=evil&state=guessed", f"?state={state}", f"?code=&state={state}"):
        assert get(f"{url}{BACK}{wrong}")[0] in {400, 403}
    assert get(f"{url}/elsewhere")[0] == 404
    assert get(f"{url}{BACK}?code=evil&state={state}", host="evil.example")[0] == 403

    world.github.app.hook_url = HOOK
    world.github.manifests["the-code"] = manifest
    assert "terminal" in get(f"{url}{BACK}?code=the-code&state={state}")[1]
    code, said, errors = terminal.ends()

    folder, app = data / "github", world.github.app
    assert code == 0, errors
    assert (folder / "private-key.pem").read_text() == app.private_key
    assert (folder / "webhook-secret").read_text().strip() == app.secret
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, *sorted(folder.iterdir()))] == [0o700, *[0o600] * 3]
    lines = (folder / "settings.env").read_text()
    assert lines.splitlines() == [
        f"MESHBOT_GITHUB_APP_ID={app.id}",
        f"MESHBOT_GITHUB_PRIVATE_KEY_FILE={folder / 'private-key.pem'}",
        f"MESHBOT_GITHUB_WEBHOOK_SECRETS_FILE={folder / 'webhook-secret'}",
    ]
    assert all(line in said for line in lines.splitlines())
    assert "github: meshbot[bot]" in said
    for secret in (app.secret, "PRIVATE KEY", app.private_key.splitlines()[3]):
        assert secret not in said + errors + lines

    again = Terminal(world, data, "--webhook-url", HOOK)
    code, _, errors = again.ends()
    assert code == 1
    assert "is there from another one" in errors

    known = dict(line.split("=", 1) for line in lines.splitlines())
    code, said, errors = Terminal(world, data, "--json", **known).ends()
    assert code == 0, errors
    answer = json.loads(said)
    assert (answer["ok"], answer["app"], answer["settings"]) == (True, app.id, [])


def test_a_code_that_github_does_not_know_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    terminal = Terminal(world, tmp_path / "data", "--webhook-url", "https://meshbot.example.com")
    url = terminal.url
    action, manifest = form(get(url)[1])
    assert manifest["hook_attributes"] == {"url": HOOK, "active": True}
    state = parse_qs(urlsplit(action).query)["state"][0]
    get(f"{url}{BACK}?code=unknown&state={state}")
    code, _, errors = terminal.ends()
    assert code == 1
    assert "exchanging GitHub's code for the new App" in errors
    assert list((tmp_path / "data" / "github").iterdir()) == []
