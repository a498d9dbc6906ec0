"""The command line as people and programs use it, on a real database and a real Valkey, without `meshbot up`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from bot_samples import FILE, RESULTS, SHA
from waiting import until

from bot import cli, shapes
from bot.chatops.registry import COMMANDS
from scheduler import jobfile
from scheduler.queues import Queues
from scheduler.runs import RunState
from scheduler.settings import Settings
from scheduler.store import Ending, Heartbeat, Origin, Store

MESHBOT = Path(sys.executable).parent / "meshbot"


@dataclass
class Line:
    """A command line in a folder, and how it ended."""

    store: Store
    capture: pytest.CaptureFixture[str]
    queues: Queues
    folder: Path

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self.capture.readouterr()
        ended = cli.run(list(arguments))
        out, self.err = self.capture.readouterr()
        assert ended == code, f"{out}{self.err}"
        return out

    def json(self, *arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - what a program would get
        return json.loads(self(*arguments, "--json", code=code))

    def end(self, run_id: str, state: RunState = RunState.FAILED) -> None:
        """End a run as the reconciler would."""
        found = self.store.run(run_id)
        assert found is not None
        now = datetime.now(UTC)
        began = now - timedelta(seconds=5)
        ended = replace(found, state=state, since=now, started_at=began, ended_at=now, message="two failed")
        assert self.store.finish(Ending(ended, found.state, RESULTS))


@pytest.fixture
def line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], valkey_url: str
) -> Iterator[Line]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHBOT_REDIS_URL", valkey_url)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / ".meshbot").mkdir()
    store = Store(Settings().database)
    store.migrate()
    merge(store, FILE)
    queues = Queues(valkey_url)
    yield Line(store, capsys, queues, tmp_path)
    queues.close()
    store.close()


def merge(store: Store, text: str) -> None:
    store.merge_schedule(jobfile.parse(text), Origin("https://example.org/a/b", ".", "main", SHA), datetime.now(UTC))


def test_a_job_is_run_by_hand_cancelled_and_retried(line: Line) -> None:
    run_id = line.json("run", "hourly")["run"]["id"]
    assert line.queues.missing([run_id]) == []
    assert line.json("cancel", run_id)["run"]["state"] == "queued"
    found = line.store.run(run_id)
    assert found is not None
    assert found.cancel_requested_at is not None
    assert "it has not ended (it is queued)" in line.json("retry", run_id, code=1)["error"]["message"]
    line.end(run_id)
    assert "it has ended already (failed)" in line.json("cancel", run_id, code=1)["error"]["message"]
    retried = line.json("retry", run_id)["run"]
    assert (retried["attempt"], retried["trigger"], retried["state"]) == (2, "retry", "queued")
    assert line.json("retry", run_id)["run"]["id"] == retried["id"], (
        "the retry that waits is the one that was asked for"
    )
    line.end(retried["id"])
    assert line.json("retry", run_id)["run"]["attempt"] == 3


def test_waiting_ends_with_the_run_and_its_exit_code(line: Line) -> None:
    arguments = [str(MESHBOT), "run", "hourly", "--wait", "--json"]
    for state, code in ((RunState.FAILED, 1), (RunState.SUCCEEDED, 0)):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=line.folder) as process:
            [found] = until(line.store.active)
            line.end(found.id, state)
            out, _ = process.communicate(timeout=30)
            assert process.returncode == code
        answer = json.loads(out)
        assert answer["run"]["state"] == state.value
        assert len(answer["models"]) == len(RESULTS)


def test_who_stops_waiting_is_told_that_the_run_goes_on(line: Line) -> None:
    arguments = [str(MESHBOT), "run", "hourly", "--wait"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=line.folder) as process:
        [found] = until(line.store.active)
        until(lambda: not line.queues.missing([found.id]))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"it goes on; `meshbot logs {found.id} --follow` watches it" in said
    assert [run.state for run in line.store.active()] == [RunState.QUEUED]


def test_a_run_over_an_interval_has_its_bounds(line: Line) -> None:
    run_id = line.json("run", "hourly", "--start", "2026-01-01", "--end", "2026-02-01T12:00+01:00")["run"]["id"]
    found = line.store.run(run_id)
    assert found is not None
    assert (found.start, found.end) == ("2026-01-01T00:00:00+00:00", "2026-02-01T11:00:00+00:00")


def test_a_pause_is_told_everywhere_and_ended(line: Line) -> None:
    job = line.json("pause", "hourly", "--until", "2h", "--reason", "an upgrade")["job"]
    assert job["paused"]["reason"] == "an upgrade"
    assert job["next_tick"] is None
    assert "paused until" in line("jobs")
    assert [one["job"] for one in line.json("status")["paused"]] == ["hourly"]
    assert line.json("resume", "hourly")["job"]["paused"] is None
    assert "is not paused; nothing changed" in line("resume", "hourly")


def test_the_status_says_what_runs_and_what_comes_next(line: Line) -> None:
    first, second = (line.json("run", name)["run"]["id"] for name in ("hourly", "daily"))
    line.end(first)
    status = line.json("status")
    assert [run["id"] for run in status["active"]] == [second]
    assert [run["id"] for run in status["ended"]] == [first]
    assert status["jobs"] == 3
    assert status["next"][0]["job"] == "hourly"
    assert line.json("status", "daily")["ended"] == []
    assert [run["id"] for run in line.json("runs", "hourly")["runs"]] == [first]
    assert len(line.json("runs", "--limit", "1")["runs"]) == 1
    page = line("status")
    assert first in page
    assert "every 15 minutes" in page


def test_a_log_is_shown_in_sentences_and_as_it_was_printed(line: Line) -> None:
    run_id = line.json("run", "hourly")["run"]["id"]
    line.end(run_id)
    printed = '{"meshrun": 1, "event": "evaluating", "model": "finance.orders", "at": "2026-01-31T06:00:00Z"}\nhello\n'
    log = line.folder / ".meshbot" / "logs" / f"{run_id}.log"
    log.parent.mkdir()
    log.write_text(printed)
    assert "▶ finance.orders\nhello\n" in line("logs", run_id)
    lines = [json.loads(one)["line"] for one in line("logs", run_id, "--follow", "--json").splitlines()]
    assert lines == printed.splitlines()


def test_every_answer_has_exactly_the_documented_keys(line: Line) -> None:
    run_id = line.json("run", "hourly")["run"]["id"]
    line.end(run_id)
    (line.folder / "meshbot.yaml").write_text(FILE)
    (line.folder / ".meshbot" / "logs").mkdir()
    (line.folder / ".meshbot" / "logs" / f"{run_id}.log").write_text("one line\n")
    given = {
        "run": ["daily"],
        "logs": [run_id],
        "retry": [run_id],
        "pause": ["hourly"],
        "resume": ["hourly"],
        "cancel": [line.json("run", "daily")["run"]["id"]],
    }
    for command in COMMANDS:
        if command.name not in {"claims", "generate", "diff", "graph"}:  # those load a SQLMesh project
            assert fits(line.json(command.name, *given.get(command.name, [])), command.answer), command.name
    assert fits(line.json("doctor", code=1), shapes.DoctorAnswer)
    for process in ("clock", "worker", "watch"):
        line.store.beat(Heartbeat(process, "here:1", datetime.now(UTC), datetime.now(UTC)))
    assert line.json("doctor")["ok"]
    assert fits(line.json("run", "nothing", code=2), shapes.ErrorAnswer)


def fits(value: Any, hint: Any) -> bool:  # noqa: ANN401 - JSON, and a type
    """Say whether JSON is of a type: exactly its keys, and each value of the type of its key."""
    if get_origin(hint) is list:
        return isinstance(value, list) and all(fits(one, get_args(hint)[0]) for one in value)
    if get_origin(hint) in {Union, types.UnionType}:
        return any(fits(value, one) for one in get_args(hint))
    if is_typeddict(hint):
        keys = get_type_hints(hint)
        return isinstance(value, dict) and value.keys() == keys.keys() and all(fits(value[k], keys[k]) for k in keys)
    return type(value) is hint or (hint is float and type(value) is int)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["jbos"], 2, "did you mean jobs?"),
        (["run", "hourli"], 2, "did you mean analytics/hourly?"),
        (["run"], 2, "Missing argument 'JOB'"),
        (["runs", "--limt", "3"], 2, "--limit"),
        (["pause", "hourly", "--until", "whenever"], 2, "write 2h, 3d or"),
        (["validate", "nowhere"], 2, "no such file or folder"),
        (["logs", "analytics-hourly-20200101t0000"], 2, "there is none"),
    ],
)
def test_what_is_not_understood_ends_with_2_and_says_what_to_write(
    line: Line, arguments: list[str], code: int, words: str
) -> None:
    assert line(*arguments, code=code) == ""
    assert line.err.startswith("error: ")
    assert words in line.err
    assert words in line.json(*arguments, code=code)["error"]["message"]


def test_a_service_that_cannot_be_reached_ends_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["jobs"]) == 3
    assert "start `meshbot up` here, or set MESHBOT_DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("MESHBOT_DATABASE_URL", "postgresql://127.0.0.1:1/nothing?connect_timeout=2")
    assert cli.run(["jobs"]) == 3
    assert "see that it runs" in capsys.readouterr().err
    assert not (tmp_path / ".meshbot").exists(), "asking makes nothing"


def test_without_a_queue_a_run_is_kept_and_it_is_said(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHBOT_REDIS_URL", "redis://127.0.0.1:1/0")
    assert "is queued as" in line("run", "hourly")
    assert "the clock will queue it" in line.err
    monkeypatch.delenv("MESHBOT_REDIS_URL")
    line("run", "hourly")
    assert "it waits in the database for `meshbot up`" in line.err
    assert len(line.store.active()) == 2


def test_a_wrong_setting_ends_with_1_and_names_all_faults(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHBOT_DATADIR", "x")
    monkeypatch.setenv("MESHBOT_WATCH_INTERVAL", "often")
    line("jobs", code=1)
    assert "MESHBOT_DATADIR: no such setting" in line.err
    assert "MESHBOT_WATCH_INTERVAL" in line.err


def test_validate_needs_no_service_and_names_every_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, text in (("a", FILE), ("b", FILE.replace("*/15", "*/4").replace("3 * * *", "3 * *")), ("c", FILE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "meshbot.yaml").write_text(text)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "meshbot.yaml").write_text("not: looked at")
    assert cli.run(["validate", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [file["path"] for file in answer["files"]] == ["a/meshbot.yaml", "b/meshbot.yaml", "c/meshbot.yaml"]
    assert [fault["line"] for fault in answer["files"][1]["faults"]] == [7, 13]
    assert "project analytics is also in c/meshbot.yaml" in answer["files"][0]["faults"][0]["problem"]
    assert cli.run(["validate", "b"]) == 1
    assert "b/meshbot.yaml:7:" in capsys.readouterr().out


def test_migrate_makes_the_database_and_may_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["migrate"]) == 0
    assert cli.run(["migrate", "--json"]) == 0
    assert '{"migrated": true}' in capsys.readouterr().out
    assert cli.run(["jobs"]) == 0
    assert "No jobs yet" in capsys.readouterr().out


def test_the_schema_is_the_one_of_job_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == jobfile.schema()


def test_help_imports_nothing_that_takes_long() -> None:
    script = "import sys; from bot import cli; cli.run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert "For operators" in done.stdout
    slow = {"pydantic", "sqlalchemy", "rich", "redis", "rq", "git", "ruamel", "ruamel.yaml", "croniter", "fsspec"}
    assert slow & set(done.stderr.split()) == set()


def test_a_reader_that_goes_away_is_no_error(line: Line) -> None:
    script = f"{MESHBOT} help | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, cwd=line.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Commands:\n", "")
