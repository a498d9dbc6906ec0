"""`doctor` looks at the App: on a GitHub where all is well, and on one where something is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from ghworld import World, settings
from ghworld import world as a_world
from pydantic import SecretStr
from waiting import until

from bot.doctor import githubchecks
from bot.services import Services
from bot.setup import manifest as appmanifest
from bot.shapes import Check
from scheduler.settings import Settings


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        made.github.app.hook_url = "http://127.0.0.1:9/github"
        made.github.courier.hold()
        yield made


def look(world: World, tmp_path: Path, **changed: object) -> dict[str, Check]:
    chosen = settings(world.github).model_copy(update={"data_dir": tmp_path / "data", **changed})
    services = Services(chosen)
    found = {one["name"]: one for one in githubchecks.examine(services, datetime.now(UTC))}
    services.close()
    return found


def test_all_is_well(world: World, tmp_path: Path) -> None:
    found = look(world, tmp_path)
    assert {name: one["state"] for name, one in found.items()} == {
        "github": "ok",
        "permissions": "ok",
        "events": "ok",
        "installations": "ok",
        "clone": "ok",
        "webhook": "ok",
        "deliveries": "ok",
    }
    assert found["clone"]["found"] == "git reads acme/shop with a token"
    assert not (tmp_path / "data").exists(), "a check changes nothing"


def test_without_an_app_nothing_is_said() -> None:
    assert list(githubchecks.examine(Services(Settings()), datetime.now(UTC))) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"github_private_key": None}, "none is set"),
        ({"github_private_key": SecretStr("no key")}, "it is no RSA key in PEM form"),
        ({"github_app_id": 1}, "Integration not found"),
        ({"github_api_url": "http://127.0.0.1:9"}, "the connection to GitHub was lost, or could not be made"),
    ],
)
def test_an_app_that_does_not_answer_is_all_that_is_said(
    world: World, tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    found = look(world, tmp_path, **changed)
    assert list(found) == ["github"]
    assert found["github"]["state"] == "broken"
    assert words in found["github"]["found"]


def test_what_is_missing_is_named(world: World, tmp_path: Path) -> None:
    world.github.app.permissions["checks"] = "read"
    world.github.app.events.remove("push")
    world.installed.permissions["contents"] = "read"
    found = look(world, tmp_path, github_webhook_secrets=None)
    assert found["permissions"]["found"] == "the App lacks `Checks: write`"
    assert found["events"]["found"] == "the App is not told of `push`"
    assert found["installations"]["found"] == "acme has not accepted `Contents: write`"
    assert found["webhook secret"]["state"] == "broken"
    assert found["clone"]["state"] == "ok"


def test_what_did_not_arrive_is_counted(world: World, tmp_path: Path) -> None:
    world.github.courier.release()
    world.pull()
    until(world.github.courier.settled)
    found = look(world, tmp_path)
    assert found["deliveries"]["state"] == "warning"
    assert "did not arrive" in found["deliveries"]["found"]


def test_one_question_that_fails_does_not_keep_from_the_others(world: World, tmp_path: Path) -> None:
    world.goes_wrong(Fault.BROKEN_BEFORE, "GET /app/installations", times=9)
    found = look(world, tmp_path)
    assert found["installations"]["state"] == "broken"
    assert found["webhook"]["state"] == "ok"


def test_the_fake_asks_for_what_the_manifest_asks_for(world: World) -> None:
    assert appmanifest.lacking(world.github.app.permissions, teams=True) == []
    assert appmanifest.unheard(world.github.app.events) == []
