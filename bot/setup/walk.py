"""`meshbot setup-github`: creates the GitHub App with the help of a browser, keeps its secrets in files, and checks it.

The rule: a secret is never shown: it goes from GitHub into a file that only its owner may read, and what is printed are
the names of the files. Nothing that is there is written over.

The surprise: GitHub hands the key over once. Whoever is stopped between that and the file makes a new key on the App's
page; the App itself is there, and is not created twice.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot import shapes
from bot.chatops.grammar import Request
from bot.doctor import githubchecks
from bot.doctor.checkup import BROKEN
from bot.errors import ExitCode, Refused, UsageFault
from bot.services import Services
from bot.setup import manifest as appmanifest
from bot.setup.door import SetupDoor
from scheduler import settings
from scheduler.settings import PREFIX, Settings

if TYPE_CHECKING:
    from bot.gh import NewApp

PATIENCE = 3600.0
"""So many seconds GitHub's code is good for."""

FOLDER, KEY, SECRET, NAMES = "github", "private-key.pem", "webhook-secret", "settings.env"
ORGANIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
LONGEST_NAME = 34


def setup_github(request: Request, as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Create the App, or check the one that the settings name."""
    from bot.gh import convert, site
    from bot.terminal import Terminal

    chosen, terminal = settings.load(), Terminal()
    if chosen.github_app_id is not None:
        terminal.note(f"An App is set already: {PREFIX}GITHUB_APP_ID is {chosen.github_app_id}. This checks it.")
        return _show(chosen, [], as_json=as_json)
    folder = chosen.data_dir.resolve() / FOLDER
    demand_room(folder)
    name, hook, organization, port = asked(request)
    teams = githubchecks.needs_teams(chosen)

    def manifest(back: str) -> dict[str, object]:
        return appmanifest.manifest(name, hook, back, teams=teams)

    with SetupDoor(manifest, site(chosen.github_api), organization, port) as door:
        terminal.note(invitation(door.url))
        with terminal.progress("waiting for GitHub to create the App"):
            code = door.code(PATIENCE)
    made = convert(chosen.github_api, code)
    lines = keep(folder, made)
    now_set = chosen.model_copy(
        update={
            "github_app_id": made.id,
            "github_private_key_file": folder / KEY,
            "github_webhook_secrets_file": folder / SECRET,
        }
    )
    return _show(now_set, lines, as_json=as_json)


def asked(request: Request) -> tuple[str, str, str | None, int]:
    """Read what was asked for: name, webhook, organization, port. Raises `UsageFault`."""
    name, hook = request.text("name") or "meshbot", request.text("webhook_url") or ""
    organization, port = request.text("organization"), request.text("port") or "0"
    parts = urlsplit(hook)
    if parts.scheme not in {"https", "http"} or not parts.hostname or re.search(r"[\s\"'<>]", hook):
        raise UsageFault(
            f"reading --webhook-url: GitHub needs a URL such as {appmanifest.EXAMPLE}, where `web` is reached"
        )
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise UsageFault(f"reading --name: the name of an App has 1 to {LONGEST_NAME} characters")
    if organization is not None and not ORGANIZATION.fullmatch(organization):
        raise UsageFault("reading --organization: write its name as it stands in its URL")
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the last port
        raise UsageFault("reading --port: a port is a number up to 65535")
    return (
        name,
        hook if parts.path.strip("/") else f"{hook.rstrip('/')}{appmanifest.HOOK_PATH}",
        organization,
        int(port),
    )


def demand_room(folder: Path) -> None:
    """See that the folder can be written to, and nothing in it would be written over. Raises `Refused`."""
    if found := [name for name in (KEY, SECRET, NAMES) if (folder / name).exists()]:
        words = f"creating a GitHub App: {folder / found[0]} is there from another one"
        raise Refused(f"{words}; load {folder / NAMES}, or move the folder away to create another App")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refused(f"creating a GitHub App: its key cannot be kept in {folder}: {error.strerror}") from error


def keep(folder: Path, made: NewApp) -> list[str]:
    """Write the secrets into files; the key first, it is handed over once. Returns the settings that lead there."""
    lines = setting_lines(made.id, folder)
    try:
        _write(folder / KEY, made.private_key.get_secret_value())
        _write(folder / SECRET, made.webhook_secret.get_secret_value() + "\n")
        _write(folder / NAMES, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        words = f"keeping the secrets of App {made.id} in {folder}: {error.strerror}"
        raise Refused(
            f"{words}; the App is there: make a new key and secret in its settings, from {made.url}"
        ) from error
    return lines


def setting_lines(app_id: int, folder: Path) -> list[str]:
    """Name the settings of the new App; none of them is a secret."""
    return [
        f"{PREFIX}GITHUB_APP_ID={app_id}",
        f"{PREFIX}GITHUB_PRIVATE_KEY_FILE={folder / KEY}",
        f"{PREFIX}GITHUB_WEBHOOK_SECRETS_FILE={folder / SECRET}",
    ]


def invitation(url: str) -> str:
    """Say where to go on in a browser."""
    port = urlsplit(url).port
    return (
        f"Open {url} in a browser on this machine, within an hour. "
        f"From another one, first: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
    )


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _show(chosen: Settings, lines: Sequence[str], *, as_json: bool) -> ExitCode:
    from bot.layouts import page
    from bot.pages import Clock
    from bot.terminal import Terminal

    services, now, terminal = Services(chosen), datetime.now(UTC), Terminal()
    with terminal.progress("asking GitHub about the App"):
        checks = list(githubchecks.examine(services, now))
    services.close()
    answer: shapes.SetupAnswer = {
        "ok": all(one["state"] != BROKEN for one in checks),
        "app": chosen.github_app_id or 0,
        "settings": list(lines),
        "checks": checks,
    }
    if as_json:
        print(json.dumps(answer, indent=2))  # noqa: T201
    else:
        terminal.show(page("setup-github", answer, Clock(now)))
    return ExitCode.OK if answer["ok"] else ExitCode.FAILED
