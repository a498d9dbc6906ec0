from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.errors import Retryable, UserError
from scheduler.launchers.folder import RunFolder
from scheduler.logs import Logs, live_log


@pytest.fixture(params=["file", "memory"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Logs:
    url = (tmp_path / "logs").as_uri() if request.param == "file" else f"memory://{tmp_path.name}"
    return Logs(url, tmp_path)


def live(tmp_path: Path, text: bytes) -> Path:
    path = live_log(tmp_path, "run-a")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path


def test_a_kept_log_is_read_from_any_offset(logs: Logs) -> None:
    assert logs.read("run-a") == b""
    assert not logs.exists("run-a")
    logs.keep("run-a", iter([b"one\n", b"two\n"]))
    assert logs.exists("run-a")
    assert [logs.read("run-a", at) for at in (0, 4, 8, 99)] == [b"one\ntwo\n", b"two\n", b"", b""]


def test_a_log_is_never_replaced_by_less(logs: Logs) -> None:
    for chunks in ([b"one\n", b"two\n"], [], [b"one\n"]):
        logs.keep("run-a", iter(chunks))
    assert logs.read("run-a") == b"one\ntwo\n"


def test_a_log_that_was_half_kept_is_kept_whole(logs: Logs) -> None:
    logs.keep("run-a", iter([b"one\n"]))
    logs.keep("run-a", iter([b"one\n", b"two\n"]))
    assert logs.read("run-a") == b"one\ntwo\n"


def test_an_empty_log_is_kept_too(logs: Logs) -> None:
    logs.keep("run-a", iter(()))
    assert logs.exists("run-a")
    assert logs.read("run-a") == b""


def test_a_reader_follows_from_the_live_log_to_the_kept_one(logs: Logs, tmp_path: Path) -> None:
    path = live(tmp_path, b"one\n")
    seen = logs.read("run-a")
    live(tmp_path, b"one\ntwo\n")
    seen += logs.read("run-a", len(seen))
    logs.keep("run-a", [b"one\ntwo\nthree\n"])
    path.unlink()
    seen += logs.read("run-a", len(seen))
    assert seen == b"one\ntwo\nthree\n"
    assert logs.read("run-a", len(seen)) == b""


def test_the_end_of_a_log_is_read_alone(logs: Logs, tmp_path: Path) -> None:
    assert logs.tail("run-a", 4) == (b"", False)
    live = live_log(tmp_path, "run-a")
    live.parent.mkdir(parents=True)
    live.write_bytes(b"one\ntwo\n")
    assert [logs.tail("run-a", length) for length in (4, 8, 99)] == [
        (b"two\n", True),
        (b"one\ntwo\n", False),
        (b"one\ntwo\n", False),
    ]
    logs.keep("run-a", [b"one\ntwo\n"])
    live.unlink()
    assert [logs.tail("run-a", length) for length in (4, 99)] == [(b"two\n", True), (b"one\ntwo\n", False)]


def test_the_live_log_is_where_the_launcher_writes_it(tmp_path: Path) -> None:
    assert live_log(tmp_path, "run-a") == RunFolder(tmp_path, "run-a").log


def test_nothing_is_left_aside(tmp_path: Path) -> None:
    Logs((tmp_path / "logs").as_uri(), tmp_path).keep("run-a", [b"one\n"])
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["run-a.log"]


def test_a_folder_that_takes_no_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    logs = Logs((tmp_path / "logs").as_uri(), tmp_path)
    with pytest.raises(Retryable, match="keeping the log of run-a"):
        logs.keep("run-a", [b"one\n"])
    with pytest.raises(Retryable, match="writing into the folder of logs"):
        logs.check()


def test_a_folder_that_takes_logs_passes_the_check(logs: Logs) -> None:
    logs.check()


@pytest.mark.parametrize("url", ["nowhere://logs", "s3fs+broken://x"])
def test_a_url_that_no_file_system_fits_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MESHBOT_LOGS_URL"):
        Logs(url, tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A"])
def test_the_name_of_a_run_leads_nowhere(logs: Logs, name: str) -> None:
    with pytest.raises(UserError, match="is no run"):
        logs.read(name)


def test_what_is_promoted_is_kept_for_each_environment(logs: Logs) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert logs.promoted("shop", "prod") is None
    logs.keep_promoted(("shop", "prod"), now, {"s.m": "1"})
    logs.keep_promoted(("shop", "../../prod"), now, {})
    assert (logs.promoted("shop", "prod"), logs.promoted("shop", "../../prod")) == ({"s.m": "1"}, {})
    assert logs.promoted("web", "prod") is None
    logs.keep_promoted(("shop", "prod"), now + timedelta(hours=1), {"s.m": "2"})
    logs.keep_promoted(("shop", "prod"), now, {"s.m": "1"})  # a run that began before, and took longer
    assert logs.promoted("shop", "prod") == {"s.m": "2"}
