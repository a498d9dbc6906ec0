"""The App itself: who it is, where it is installed, what could not be delivered to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ghworld import World
from ghworld import world as a_world
from waiting import until

from bot.gh import App, HookConfig
from scheduler.errors import UserError
from scheduler.settings import Settings


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def test_the_app_is_asked_once_who_it_is(world: World) -> None:
    app = world.app
    assert (app.slug, app.login, app.permissions()["checks"]) == ("meshbot", "meshbot[bot]", "write")
    assert "pull_request" in app.events()
    assert world.calls() == ["GET /app"]
    assert {one.agent.partition("/")[0] for one in world.github.seen} == {"meshbot"}


def test_without_an_app_in_the_settings_there_is_a_way_to_make_one() -> None:
    with pytest.raises(UserError, match="`meshbot setup-github` makes one"):
        App(Settings())


def test_installations_and_their_repositories(world: World) -> None:
    other = world.github.install(world.github.repository("umbrella/labs"), world.github.repository("umbrella/web"))
    world.ada.suspends(other)
    found = world.app.installations()
    assert [(one.id, one.account, one.suspended) for one in found] == [
        (world.installed.id, "acme", False),
        (other.id, "umbrella", True),
    ]
    assert dict(found[0].permissions)["checks"] == "write"
    assert [one.full_name for one in world.app.repositories(world.installed.id)] == ["acme/shop"]
    world.ada.suspends(other, suspended=False)
    world.github.page = 1
    assert len(world.app.repositories(other.id)) == 2


def test_failed_deliveries_are_listed_once_and_delivered_again(world: World) -> None:
    world.github.page = 2
    world.github.courier.point("http://127.0.0.1:9/github")
    before = datetime.now(UTC) - timedelta(minutes=1)
    for number in range(3):
        world.pull(f"jobs-{number}")
    until(world.github.courier.settled)
    found = world.app.failed_deliveries(before)
    assert {one.event for one in found} >= {"push", "pull_request"}
    assert [one.id for one in found] == sorted((one.id for one in found), reverse=True)
    world.app.redeliver(found[-1].id)
    until(world.github.courier.settled)
    again = world.app.failed_deliveries(before)
    assert (again[0].guid, len(again)) == (found[-1].guid, len(found))
    assert again[0].id != found[-1].id
    assert world.app.failed_deliveries(datetime.now(UTC) + timedelta(hours=1)) == []


def test_where_events_are_sent(world: World) -> None:
    world.github.courier.point("https://meshbot.example.com/github")
    assert world.app.hook() == HookConfig("https://meshbot.example.com/github", signed=True)
