"""What is said about the App: what is missing by its name, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.doctor import githubchecks
from bot.gh import HookConfig, HookDelivery, InstallationInfo
from bot.setup import manifest as appmanifest
from scheduler.settings import Settings

ALL = appmanifest.permissions()
PAGE = "https://github.com/apps/meshbot/installations/new"


def test_all_permissions_are_well() -> None:
    assert githubchecks.permissions(ALL, teams=False)["state"] == "ok"


def test_each_missing_permission_is_named() -> None:
    found = githubchecks.permissions({**ALL, "checks": "read", "statuses": "none"}, teams=False)
    assert found["state"] == "broken"
    assert found["found"] == "the App lacks `Checks: write`, `Commit statuses: read`"
    assert found["remedy"] == (
        "grant `Checks: write`, `Commit statuses: read` in the App's settings under Permissions & events, "
        "and accept it where it is installed"
    )


@pytest.mark.parametrize(("teams", "state"), [(False, "ok"), (True, "broken")])
def test_teams_take_a_permission_only_when_a_setting_names_one(state: str, *, teams: bool) -> None:
    assert githubchecks.permissions(ALL, teams=teams)["state"] == state


@pytest.mark.parametrize(("people", "needs"), [(None, False), ("ada, bea", False), ("ada, acme/data", True)])
def test_a_setting_names_a_team(people: str | None, *, needs: bool) -> None:
    assert githubchecks.needs_teams(Settings(github_protected_people=people)) is needs


def test_each_missing_event_is_named() -> None:
    found = githubchecks.events(frozenset(appmanifest.EVENTS) - {"push", "repository"})
    assert (found["state"], found["found"]) == ("broken", "the App is not told of `push`, `repository`")
    assert githubchecks.events(frozenset([*appmanifest.EVENTS, "star"]))["state"] == "ok"


def place(account: str, *, suspended: bool = False, lacks: str = "") -> InstallationInfo:
    granted = tuple((name, level) for name, level in sorted(ALL.items()) if name != lacks)
    return InstallationInfo(1, account, suspended, granted)


@pytest.mark.parametrize(
    ("places", "state", "found", "remedy"),
    [
        ([], "warning", "the App is installed nowhere", f"install it: {PAGE}"),
        ([place("acme"), place("umbrella", suspended=True)], "ok", "acme, umbrella (suspended)", None),
        ([place("a", suspended=True)], "warning", "a (suspended)", "unsuspend it in the settings of the account"),
        (
            [place("acme"), place("umbrella", lacks="checks")],
            "broken",
            "umbrella has not accepted `Checks: write`",
            "an owner of umbrella accepts them where the App is installed",
        ),
        ([place(f"a{number}") for number in range(7)], "ok", "a0, a1, a2, a3, a4 and 2 more", None),
    ],
)
def test_where_it_is_installed(places: list[InstallationInfo], state: str, found: str, remedy: str | None) -> None:
    said = githubchecks.installations(places, PAGE, teams=False)
    assert (said["state"], said["found"], said["remedy"]) == (state, found, remedy)


@pytest.mark.parametrize(
    ("hook", "state", "words"),
    [
        (HookConfig("", signed=True), "broken", "no webhook URL"),
        (HookConfig("https://m.example/github", signed=False), "broken", "does not sign"),
        (HookConfig("https://m.example/hook", signed=True), "warning", "`web` listens at /github"),
        (HookConfig("https://m.example/github", signed=True, verified_tls=False), "warning", "does not verify"),
        (HookConfig("https://m.example/github", signed=True), "ok", "signed, to https://m.example/github"),
    ],
)
def test_where_events_go(hook: HookConfig, state: str, words: str) -> None:
    found = githubchecks.webhook(hook)
    assert found["state"] == state
    assert words in found["found"]
    assert (found["remedy"] is None) == (state == "ok")


@pytest.mark.parametrize(("code", "ended"), [(502, "ended with 502"), (0, "was not answered")])
def test_what_did_not_arrive(code: int, ended: str) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    failed = [HookDelivery(2, "b", "push", code, at), HookDelivery(1, "a", "ping", 500, at)]
    found = githubchecks.deliveries(failed)
    assert found["found"] == f"2 of the last hour did not arrive; the newest, `push`, {ended}"
    assert githubchecks.deliveries([])["state"] == "ok"


def test_without_a_secret_web_does_not_start() -> None:
    found = githubchecks.secrets(Settings(github_app_id=7))
    assert found is not None
    assert (found["state"], found["found"]) == ("broken", "none is set, and `web` does not start without")
