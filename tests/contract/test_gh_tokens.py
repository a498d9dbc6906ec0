"""Tokens: for one repository, kept as long as they are good, asked for anew once, and never shown to anybody."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fakegithub.mischief import Fault
from ghworld import World, settings
from ghworld import world as a_world
from pydantic import SecretStr

from bot.gh import App, Check, Gone, KeyRefused, MissingPermission
from bot.gh.refusals import Asked
from bot.gh.tokens import WORK, AppKey
from scheduler.errors import MeshbotError, UserError


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def asked(world: World) -> list[Any]:
    """What tokens were asked for."""
    return [one.body for one in world.github.seen if "access_tokens" in one.call]


def test_a_token_is_for_one_repository_and_no_more_than_it_takes(world: World) -> None:
    world.door.open_pulls()
    world.door.git_token()
    world.app.repositories(world.installed.id)
    assert asked(world) == [
        {"repository_ids": [world.repo.id], "permissions": dict(WORK)},
        {"repository_ids": [world.repo.id], "permissions": {"contents": "read"}},
        {"permissions": {"metadata": "read"}},
    ]


def test_a_token_is_kept_until_five_minutes_before_its_end(world: World) -> None:
    world.door.open_pulls()
    world.ahead = timedelta(minutes=54)
    world.door.open_pulls()
    assert len(asked(world)) == 1
    world.ahead = timedelta(minutes=55, seconds=5)
    world.door.open_pulls()
    assert len(asked(world)) == 2


def test_a_token_is_kept_for_all_who_open_the_repository(world: World) -> None:
    for _ in range(3):
        world.app.repository(world.installed.id, world.repo.id).open_pulls()
    assert len(asked(world)) == 1


def test_a_revoked_token_is_asked_for_anew_and_the_work_goes_on(world: World) -> None:
    world.door.open_pulls()
    world.github.revoke_tokens()
    assert world.door.open_pulls() == []
    assert len(asked(world)) == 2


def test_a_token_is_asked_for_anew_once(world: World) -> None:
    world.goes_wrong(Fault.UNAUTHORIZED, "GET .*/pulls", times=2)
    with pytest.raises(KeyRefused):
        world.door.open_pulls()
    assert len(asked(world)) == 2
    assert world.calls("/pulls") == ["GET /repos/acme/shop/pulls"] * 2


def test_a_revoked_token_in_the_middle_of_a_list_loses_nothing(world: World) -> None:
    world.github.page = 1
    for number in range(3):
        world.pull(f"jobs-{number}")
    revoked: list[int] = []

    def revoke(_number: int, call: str) -> None:
        if call.endswith("/pulls"):
            revoked.append(1)
            if len(revoked) == 2:
                world.github.revoke_tokens()

    world.github.before = revoke  # type: ignore[method-assign]
    assert len(world.door.open_pulls()) == 3


def test_gits_token_can_be_had_anew(world: World) -> None:
    first = world.door.git_token()
    assert world.door.git_token() == first
    assert world.door.git_token(anew=True) != first


def test_an_installation_that_is_suspended_is_gone_until_it_is_not(world: World) -> None:
    world.door.open_pulls()
    world.ada.suspends(world.installed)
    for ask in (world.door.open_pulls, world.door.git_token):
        with pytest.raises(Gone, match="suspended"):
            ask()
    world.ada.suspends(world.installed, suspended=False)
    assert world.door.open_pulls() == []


def test_an_installation_that_is_removed_is_gone(world: World) -> None:
    world.door.open_pulls()
    world.ada.uninstalls(world.installed)
    with pytest.raises(Gone):
        world.door.open_pulls()


def test_a_repository_that_was_taken_away_is_gone(world: World) -> None:
    other = world.github.repository("acme/other")
    with pytest.raises(Gone, match="is not in it"):
        world.app.repository(world.installed.id, other.id).open_pulls()


def test_what_was_accepted_works_and_what_was_not_is_named(world: World) -> None:
    world.installed.permissions = {"metadata": "read", "contents": "read", "pull_requests": "write"}
    assert world.door.branch_head("main") == world.repo.heads["main"]
    pull = world.pull()
    world.door.put_comment(pull.number, "<!-- m -->", "<!-- m -->")
    with pytest.raises(MissingPermission) as caught:
        world.door.put_check(pull.head_sha, Check("a", "b", "c", "success"))
    assert caught.value.permission == "Checks: write"
    with pytest.raises(MissingPermission, match="grant `Contents: write`"):
        world.door.create_branch("x", pull.head_sha)


def test_what_is_looked_for_before_it_is_written_names_what_writing_takes(world: World) -> None:
    world.installed.permissions = {"metadata": "read", "contents": "read"}
    for write in (world.door.put_comment, lambda *said: world.door.put_reply(1, "review_comment", 1, *said[1:])):
        with pytest.raises(MissingPermission, match="grant `Pull requests: write`"):
            write(1, "<!-- m -->", "<!-- m -->")
    with pytest.raises(MissingPermission, match="grant `Pull requests: read`"):
        world.door.comments(1)


def test_an_installation_without_any_permission_names_the_first(world: World) -> None:
    world.installed.permissions = {"metadata": "read"}
    with pytest.raises(MissingPermission, match="grant `Contents: read`"):
        world.door.git_token()


def other_key(world: World) -> App:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return App(settings(world.github).model_copy(update={"github_private_key": SecretStr(key.decode())}))


def test_another_apps_key_is_refused_and_asked_with_once(world: World) -> None:
    app = other_key(world)
    with pytest.raises(KeyRefused, match="MESHBOT_GITHUB_APP_ID and the private key belong to the same App"):
        app.repository(world.installed.id, world.repo.id).open_pulls()
    assert len(asked(world)) == 1


def test_a_clock_that_is_wrong_is_among_what_to_look_at(world: World) -> None:
    world.github.ahead = timedelta(minutes=20)
    with pytest.raises(KeyRefused, match="that this machine's clock is right"):
        world.door.open_pulls()


@pytest.mark.parametrize(
    "key", ["", "no key", "-----BEGIN RSA PRIVATE KEY-----\nSECRETSECRET\n-----END RSA PRIVATE KEY-----"]
)
def test_a_key_that_is_none_is_said_without_showing_it(world: World, key: str) -> None:
    chosen = settings(world.github).model_copy(update={"github_private_key": SecretStr(key)})
    with pytest.raises(UserError) as caught:
        App(chosen).permissions()
    assert "SECRET" not in text(caught.value)


def test_the_key_is_read_once_and_signs_each_request_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    algorithm: Any = jwt.algorithms.RSAAlgorithm
    load = algorithm.prepare_key

    def watched(self: object, key: object) -> object:
        if isinstance(key, str | bytes):
            read.append(key)
        return load(self, key)

    monkeypatch.setattr(algorithm, "prepare_key", watched)
    key = AppKey(world.app.id, settings(world.github).private_key)
    tokens = [jwt.decode(key.bearer(), options={"verify_signature": False}) for _ in range(3)]
    assert {one["iss"] for one in tokens} == {str(world.app.id)}
    assert all(one["exp"] - one["iat"] <= 600 for one in tokens)
    assert len(read) == 1


def text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


FAILURES: list[Callable[[World], object]] = [
    lambda world: world.goes_wrong(Fault.BROKEN_BEFORE, ".*"),
    lambda world: world.goes_wrong(Fault.RESET_BEFORE, ".*"),
    lambda world: world.goes_wrong(Fault.LIMITED, ".*"),
    lambda world: world.goes_wrong(Fault.UNAUTHORIZED, ".*", times=9),
    lambda world: world.installed.permissions.clear(),
    lambda world: world.ada.suspends(world.installed),
    lambda world: world.ada.uninstalls(world.installed),
]


@pytest.mark.parametrize("fails", FAILURES)
def test_no_failure_and_no_log_shows_a_secret(
    world: World, fails: Callable[[World], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world.door.open_pulls()
    world.door.git_token()
    fails(world)
    world.github.revoke_tokens()
    with pytest.raises(MeshbotError) as caught:
        world.door.put_check(world.repo.heads["main"], Check("a", "b", "c", "success"))
    secrets = [*world.github.tokens, world.github.app.private_key[60:120], world.github.app.secret, "Bearer ey"]
    shown = text(caught.value) + caplog.text + repr(vars(caught.value))
    assert [one[:12] for one in secrets if one in shown] == []


def test_a_token_with_a_line_break_is_not_shown_by_the_refusal_to_send_it(world: World) -> None:
    token = f"ghs_{'a1b2' * 9}\nX-Evil: 1"
    with pytest.raises(MeshbotError, match="could not be read") as caught:
        world.app._wire.send(Asked("reading"), token, "GET", "/app", {})
    assert token[:20] not in text(caught.value)
