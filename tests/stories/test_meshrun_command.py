"""What `meshrun` says and which code it ends with: wrong commands, wrong projects, audits, signals."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from projects import Project, fresh_database, model, write_project
from waiting import until

pytestmark = [pytest.mark.xdist_group("command"), pytest.mark.slow]

AUDITED = "audits (refuses, warns, agrees)"
MODELS = {
    "s.gated": model("s.gated", "FULL", "SELECT 1 / works AS n FROM log.switch", gated=True),
    "s.audited": model("s.audited", "FULL", "SELECT works AS n FROM log.switch", more=AUDITED),
    "../audits/refuses": "AUDIT (name refuses); SELECT * FROM @this_model WHERE n = 0;",
    "../audits/warns": "AUDIT (name warns, blocking false); SELECT * FROM @this_model WHERE n = 1;",
    "../audits/agrees": "AUDIT (name agrees); SELECT * FROM @this_model WHERE n = 2;",
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Project:
    models = {f"{name}.sql": text for name, text in MODELS.items()}
    made = write_project(tmp_path_factory.mktemp("command") / "project", fresh_database(postgres_server), models)
    made.plan("prod", "--empty-backfill")
    return made


@pytest.fixture
def project(planned: Project) -> Project:
    planned.owe()
    return planned


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--select", "s.nowhere"], "selecting s.nowhere: the environment has no such model; write a model's name"),
        (["--select", "tag:("], "selecting tag:(: Expected model name"),
        (["--start", "some day"], "reading --start and --end: Could not convert `some day`"),
        (["--start", "2026-05-02", "--end", "2026-05-01"], "write dates such as 2026-01-31"),
    ],
)
def test_a_wrong_argument_is_refused(project: Project, arguments: list[str], error: str) -> None:
    ended = project.run(*arguments)
    assert (ended.code, ended.end["outcome"]) == (2, "failed"), ended.output
    assert error in ended.end["error"]
    assert project.evaluations() == {}


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("MAX_CONCURRENT_MODELS", "many", "reading MAX_CONCURRENT_MODELS: 'many' is not a number of at least 1"),
        ("MESHRUN_LEASE", "0", "reading MESHRUN_LEASE: '0' is not a number of at least 1"),
        ("MESHRUN_GRACE", "nan", "reading MESHRUN_GRACE: 'nan' is not a number of at least 0"),
    ],
)
def test_a_wrong_variable_is_refused(project: Project, name: str, value: str, error: str) -> None:
    ended = project.run(**{name: value})
    assert (ended.code, error in ended.output) == (2, True), ended.output


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("gateways: [", "line 1, column 12"),
        ("surprise: 1", "Invalid field 'surprise'"),
        ("default_gateway: nowhere\nmodel_defaults: {dialect: postgres}", "Missing gateway with name 'nowhere'"),
        (None, "config could not be found"),
    ],
    ids=["not YAML", "unknown key", "unknown gateway", "none"],
)
def test_a_broken_configuration_is_told_by_every_command(tmp_path: Path, text: str | None, error: str) -> None:
    if text is not None:
        (tmp_path / "config.yaml").write_text(text)
    project = Project(tmp_path, "")
    folder = str(tmp_path)
    for arguments in (["run", folder, "prod"], ["janitor", folder], ["claims", folder]):
        ended = project.start_command(*arguments).finish()
        assert ended.code == 2, ended.output
        assert error in ended.output
        assert "Traceback" not in ended.output
        assert arguments[0] == "claims" or f"opening the project in {folder}" in ended.end["error"]


def test_audits_are_counted_whether_they_refuse_or_warn(project: Project) -> None:
    ended = project.run("--select", "s.audited")
    assert ended.models()["s.audited"]["status"] == "evaluated"
    assert ended.models()["s.audited"]["audits"] == {"passed": 2, "failed": 1}
    assert "s.audited: 'warns' audit error: 1 row failed" in ended.output
    project.owe()
    project.execute("UPDATE log.switch SET works = 0")
    refused = project.run("--select", "s.audited")
    line = refused.models()["s.audited"]
    assert (refused.code, line["status"], line["intervals"]) == (1, "failed", [])
    assert line["audits"] == {"passed": 2, "failed": 1}
    assert "'refuses' audit error: 1 row failed" in line["error"]
    project.execute("UPDATE log.switch SET works = 1")
    assert project.run("--select", "s.audited").statuses() == {"s.audited": "evaluated"}  # it was not recorded as done


def test_a_model_that_fails_while_the_run_is_asked_to_end_is_reported(project: Project) -> None:
    project.execute("UPDATE log.switch SET works = 0")
    project.gate(is_open=False)
    running = project.start("--select", "s.gated")
    until(project.sleeping, timeout=60)
    running.kill(signal.SIGTERM)
    project.gate(is_open=True)
    ended = running.finish()
    assert (ended.code, ended.end["outcome"], ended.statuses()) == (5, "cancelled", {"s.gated": "failed"}), ended.output


def test_a_janitor_beside_a_run_disturbs_nobody(project: Project) -> None:
    project.gate(is_open=False)
    running = project.start("--select", "s.gated", "--job", "a")
    until(project.sleeping, timeout=60)
    assert project.start_command("janitor", str(project.folder)).finish().code == 0
    project.gate(is_open=True)
    assert running.finish().statuses() == {"s.gated": "evaluated"}
    assert project.evaluations() == {"s.gated": 1}


def test_a_run_that_waits_goes_on_when_the_claim_is_gone_without_a_trace(project: Project) -> None:
    project.gate(is_open=False)
    first = project.start("--select", "s.gated", "--job", "a")
    until(project.sleeping, timeout=60)
    second = project.start("--select", "s.gated", "--job", "b")
    until(second.lines, timeout=60)
    first.kill()
    first.finish()
    project.execute("DELETE FROM sqlmesh._meshbot_claims")
    project.gate(is_open=True)
    assert second.finish().statuses() == {"s.gated": "evaluated"}
    assert project.run("--select", "s.gated").end["outcome"] == "noop"
