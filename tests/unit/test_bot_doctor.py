from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bot_samples import NOW, row
from pydantic import SecretStr

from bot import versions
from bot.doctor import examination as doctor
from scheduler.settings import Settings
from scheduler.store import Heartbeat, Store


@pytest.mark.parametrize(
    ("settings", "state", "words"),
    [
        (Settings(), "warning", "alerts are kept and told to nobody"),
        (Settings(slack_webhook_url=SecretStr("https://example.org/x")), "ok", "an incoming webhook"),
        (Settings(slack_bot_token=SecretStr("x")), "warning", "go to nobody"),
        (Settings(slack_bot_token=SecretStr("x"), slack_channel="#data"), "ok", "go to #data"),
    ],
)
def test_slack(settings: Settings, state: str, words: str) -> None:
    found = doctor.slack(settings)
    assert found["state"] == state
    assert words in found["found"]
    assert (found["remedy"] is None) == (state == "ok")


def test_without_a_sandbox_it_says_what_is_not_done_and_what_to_install() -> None:
    found = doctor.described("bubblewrap is not installed; install it")
    assert (found["state"], found["remedy"]) == ("broken", "install it")
    assert found["found"] == "pull requests are not described: bubblewrap is not installed"
    assert doctor.described(None)["state"] == "ok"
    assert doctor.described(None, "pods")["found"] == "projects of pull requests are described in pods"


def test_a_secret_that_a_job_names_and_nobody_granted_is_broken(tmp_path: Path) -> None:
    job = row("hourly")
    named = type(job)(**{**vars(job), "job": job.job.model_copy(update={"secrets": ("PASSWORD", "TOKEN")})})
    granted = tmp_path / "analytics" / "PASSWORD"
    granted.parent.mkdir()
    granted.write_text("x")
    found = doctor.secrets(tmp_path, [named])
    assert found["state"] == "broken"
    assert found["found"] == "not granted: analytics/TOKEN"

    (granted.parent / "TOKEN").write_text("x")
    assert doctor.secrets(tmp_path, [named])["state"] == "warning", "others may read them"
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o700)
    assert doctor.secrets(tmp_path, [named])["state"] == "ok"


def test_no_secrets_are_fine(tmp_path: Path) -> None:
    assert doctor.secrets(tmp_path / "none", [row("hourly")])["state"] == "ok"


def test_a_process_that_was_not_heard_of_for_long_is_down() -> None:
    silent, well = timedelta(seconds=45), doctor.clock(None, NOW)
    here = Heartbeat("clock", "a:1", NOW, NOW - timedelta(seconds=20))
    gone = Heartbeat("clock", "a:2", NOW, NOW - timedelta(minutes=10))
    other = Heartbeat("watch", "a:3", NOW, NOW)
    assert doctor.living(well, [here, gone, other], silent, NOW)["found"] == "no job is overdue; 1 alive"
    down = doctor.living(well, [gone, other], silent, NOW)
    assert (down["state"], down["remedy"]) == ("broken", "start `meshbot clock`, or start `meshbot up` here")
    assert down["found"].startswith("none is alive, the last one was heard of at ")
    assert doctor.living(well, [], silent, NOW)["found"] == "none is alive"
    overdue = doctor.clock(NOW - timedelta(minutes=2), NOW)
    assert doctor.living(overdue, [here], silent, NOW)["state"] == "broken"


def test_what_is_left_undone_tells_who_does_not_work() -> None:
    late = NOW - timedelta(minutes=2)
    assert doctor.clock(late, NOW)["state"] == "broken"
    assert doctor.clock(NOW - timedelta(seconds=30), NOW)["state"] == "ok"
    assert doctor.clock(None, NOW)["state"] == "ok"
    assert doctor.worker(["a"])["state"] == "broken"
    assert doctor.worker([])["state"] == "ok"
    assert doctor.watch(["a", "b"])["found"] == "2 runs are not followed to the end: a"
    assert doctor.watch([])["state"] == "ok"
    assert doctor.alerts([("key", "no such channel")])["found"] == "1 not sent: no such channel"


def test_an_old_python_and_a_vanished_repository_are_broken(tmp_path: Path) -> None:
    assert doctor.python((3, 10, 1))["state"] == "broken"
    assert doctor.python((3, 13, 0))["state"] == "ok"
    assert doctor.repositories([str(tmp_path / "gone")])["state"] == "broken"
    assert doctor.repositories([str(tmp_path), "https://example.org/a/b"])["state"] == "ok"


def test_without_git_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.git()["state"] == "ok"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.git()["state"] == "broken"


def test_the_settings_are_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHBOT_NOTHING", "x")
    assert [check["name"] for check in doctor.examine()] == ["python", "git", "sqlmesh", "settings"]


def test_where_pods_run_what_runs_here_would_need_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MESHBOT_DATA_DIR", str(tmp_path))
    store = Store(f"sqlite:///{tmp_path}/meshbot.db")
    store.migrate()
    store.close()
    assert {"sqlmesh", "secrets"} <= {check["name"] for check in doctor.examine()}
    monkeypatch.setenv("MESHBOT_LAUNCHER", "kubernetes")
    names = {check["name"] for check in doctor.examine()}
    assert "watch" in names
    assert not {"sqlmesh", "secrets"} & names


@pytest.mark.parametrize(
    ("version", "fits"), [("0.220.0", True), ("0.236.4", True), ("0.219.9", False), ("0.237.0", False), ("1.0", False)]
)
def test_a_version_lies_within_its_bounds(version: str, *, fits: bool) -> None:
    assert versions.fits(version, ">=0.220,<0.237") is fits


def test_the_supported_sqlmesh_is_stated_once() -> None:
    assert versions.wanted("sqlmesh").startswith(">=0.")
    assert versions.numbers("git version 2.39.5 (Apple)") == (2, 39, 5)
    assert versions.numbers("no version") == ()
