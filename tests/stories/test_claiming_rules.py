"""The rules of claiming, each with real runs that overlap: who waits, who leaves, what is cut, what is blocked."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from projects import Project, fresh_database, model, write_project
from waiting import until

pytestmark = [pytest.mark.xdist_group("rules"), pytest.mark.slow]

DAY = "SELECT day AS ds FROM generate_series(@start_ts::timestamp, @end_ts, '1 day'::interval) AS t(day)"
MODELS = {
    "s.slow": model("s.slow", "INCREMENTAL_BY_TIME_RANGE (time_column ds)", DAY, gated=True),
    "s.below": model("s.below", "FULL", "SELECT count(*)::int AS n FROM s.slow"),
    "s.free": model("s.free", "FULL", "SELECT 1 AS n"),
    "s.switched": model("s.switched", "FULL", "SELECT 1 / works AS n FROM log.switch", sleep=0.5),
    "s.behind": model("s.behind", "FULL", "SELECT n FROM s.switched"),
}
ONCE = dict.fromkeys(MODELS, 1)
STATEMENTS = """
before_all: ["INSERT INTO log.statements VALUES ('before')"]
after_all: ["INSERT INTO log.statements VALUES ('after')"]
"""
HELD = "SELECT model FROM sqlmesh._meshbot_claims WHERE owner IS NOT NULL"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Project:
    models = {f"{name}.sql": text for name, text in MODELS.items()}
    folder = tmp_path_factory.mktemp("rules") / "project"
    made = write_project(folder, fresh_database(postgres_server), models, STATEMENTS)
    made.plan("prod", "--empty-backfill")
    return made


@pytest.fixture
def project(planned: Project) -> Project:
    planned.owe()
    return planned


def held(project: Project) -> set[str]:
    return {name for (name,) in project.rows(HELD)}


def test_a_run_of_another_job_waits_and_goes_on_where_the_first_left(project: Project) -> None:
    project.gate(is_open=False)
    first = project.start("--job", "a", "--select", "s.slow", "--run-id", "first")
    first.await_evaluating("s.slow")
    running = project.start("--job", "b", "--max-concurrent-models", "1")
    until(lambda: len(running.evaluated()) == len(MODELS) - 2, timeout=60)
    project.gate(is_open=True)
    second = running.finish()
    assert first.finish().statuses() == {"s.slow": "evaluated"}
    assert second.statuses() == dict.fromkeys(MODELS, "evaluated") | {"s.slow": "up_to_date"}
    assert project.evaluations() == ONCE
    order = [line["model"] for line in second.lines if line["event"] == "model"]
    # a model that is waited for takes no slot: with one slot, the others were done meanwhile
    assert order.index("s.free") < order.index("s.slow") < order.index("s.below")
    assert project.rows("SELECT n FROM s.below") == [(1,)]


def test_a_second_run_of_the_same_job_leaves_to_the_first_what_it_holds_and_ends(project: Project) -> None:
    project.gate(is_open=False)
    first = project.start("--job", "a", "--run-id", "first")
    first.await_evaluating("s.slow")
    second = project.run("--job", "a", "--run-id", "second")
    project.gate(is_open=True)
    lines = second.models()
    assert lines["s.slow"]["status"] == lines["s.below"]["status"] == "claimed_elsewhere"
    assert lines["s.slow"]["held_by"] == "first"
    assert second.code == 0
    assert first.finish().statuses()["s.below"] == "evaluated"
    assert project.evaluations() == ONCE


def test_a_longer_second_run_evaluates_only_what_the_first_did_not(project: Project) -> None:
    project.owe(days=2)
    project.gate(is_open=False)
    days = [low for (low,) in project.rows("SELECT to_timestamp(end_ts / 1000.0)::date::text FROM sqlmesh._intervals")]
    first = project.start("--job", "a", "--select", "s.slow", "--end", days[0])
    first.await_evaluating("s.slow")
    running = project.start("--job", "b")
    until(lambda: len(running.evaluated()) == len(MODELS) - 2, timeout=60)
    project.gate(is_open=True)
    second = running.finish()
    (one,) = first.finish().models()["s.slow"]["intervals"]
    (two,) = second.models()["s.slow"]["intervals"]
    assert one[1] == two[0]
    assert project.rows("SELECT count(*)::int, count(DISTINCT ds)::int FROM s.slow") == [(2, 2)]


def test_processes_of_one_run_share_it(project: Project) -> None:
    running = [project.start("--job", "a", "--run-id", "shared", "--max-concurrent-models", "1") for _ in range(3)]
    done = [each.finish() for each in running]
    assert [each.code for each in done] == [0, 0, 0], [each.output for each in done]
    assert project.evaluations() == ONCE
    evaluated = [name for each in done for name in each.evaluated()]
    assert sorted(evaluated) == sorted(MODELS)
    assert sorted(project.rows("SELECT stage FROM log.statements")) == [("after",), ("before",)]
    starts = {row for (row,) in project.rows("SELECT run_started FROM sqlmesh._meshbot_claims WHERE model = 'shared'")}
    assert len(starts) == 1


def test_a_failed_model_blocks_what_is_behind_it_in_every_process_and_nothing_else(project: Project) -> None:
    project.execute("UPDATE log.switch SET works = 0")
    running = [project.start("--run-id", "shared"), project.start("--run-id", "shared")]
    running.append(project.start("--job", "other", "--run-id", "other"))
    done = [each.finish() for each in running]
    assert {each.code for each in done} <= {1, 3}, [each.output for each in done]
    failed = [each.models()["s.switched"] for each in done]
    assert [line["status"] for line in failed].count("failed") == 1
    assert all("division by zero" in line["error"] for line in failed)
    assert all(each.models()["s.behind"]["status"] == "blocked" for each in done)
    assert all(each.models()["s.behind"]["blocked_by"] == ["s.switched"] for each in done)
    assert project.evaluations() == {"s.slow": 1, "s.below": 1, "s.free": 1}


def test_a_late_process_of_the_run_sees_the_failure_and_a_later_run_tries_again(project: Project) -> None:
    project.execute("UPDATE log.switch SET works = 0")
    assert project.run("--run-id", "shared").statuses()["s.switched"] == "failed"
    late = project.run("--run-id", "shared")
    assert late.models()["s.switched"]["status"] == "claimed_elsewhere"
    assert late.models()["s.switched"]["held_by"] == "shared"
    assert late.models()["s.behind"]["status"] == "blocked"
    assert (late.code, late.end["outcome"]) == (1, "failed")
    project.execute("UPDATE log.switch SET works = 1")
    again = project.run("--run-id", "shared-r2", "--retry-of", "shared")
    assert again.statuses() == {"s.switched": "evaluated", "s.behind": "evaluated"}


def test_selecting_a_model_includes_what_is_due_upstream_and_nothing_else(project: Project) -> None:
    assert project.run("--select", "s.behind").statuses() == {"s.switched": "evaluated", "s.behind": "evaluated"}


def test_a_plan_that_changes_the_environment_interrupts_the_run(project: Project) -> None:
    project.gate(is_open=False)
    running = project.start("--select", "s.below")
    running.await_evaluating("s.slow")
    (plan,) = project.rows("SELECT plan_id FROM sqlmesh._environments")[0]
    project.execute("UPDATE sqlmesh._environments SET plan_id = 'another'")
    project.gate(is_open=True)
    ended = running.finish()
    project.execute(f"UPDATE sqlmesh._environments SET plan_id = '{plan}'")  # noqa: S608
    assert (ended.code, ended.end["outcome"]) == (4, "interrupted"), ended.output
    assert ended.statuses() == {"s.slow": "evaluated"}
    assert held(project) == set()


def test_sigterm_lets_running_models_end_and_starts_nothing_more(project: Project) -> None:
    project.gate(is_open=False)
    running = project.start()
    running.await_evaluating("s.slow")
    running.kill(signal.SIGTERM)
    project.gate(is_open=True)
    ended = running.finish()
    assert (ended.code, ended.end["outcome"]) == (5, "cancelled"), ended.output
    assert ended.statuses()["s.slow"] == "evaluated"
    assert "s.below" not in ended.statuses()
    assert held(project) == set()
    assert project.run().statuses()["s.below"] == "evaluated"


@pytest.mark.parametrize("grace", ["0.5", "600"], ids=["after its grace", "at a second signal"])
def test_what_does_not_end_is_cancelled_and_its_claim_given_back(project: Project, grace: str) -> None:
    project.gate(is_open=False)
    running = project.start("--select", "s.slow", MESHRUN_GRACE=grace)
    until(lambda: project.sleeping() and held(project), timeout=60)
    running.kill(signal.SIGTERM)
    if grace == "600":
        until(lambda: running.kill(signal.SIGTERM) or running.ended() is not None, timeout=20)
    ended = running.finish(timeout=20)
    assert (ended.code, ended.end["outcome"]) == (5, "cancelled"), ended.output
    assert held(project) == set()
    until(lambda: not project.sleeping(), timeout=10)
    assert project.evaluations() == {}


def test_an_operator_lists_and_releases_a_claim_whose_holder_can_then_record_nothing(project: Project) -> None:
    project.gate(is_open=False)
    running = project.start("--select", "s.slow", "--job", "a", "--run-id", "held")
    until(lambda: project.sleeping() and held(project), timeout=60)
    folder = str(project.folder)
    (line,) = project.start_command("claims", folder).finish().lines
    assert (line["model"], line["run_id"], line["job"], line["expired"]) == ("s.slow", "held", "a", False)
    (line,) = project.start_command("claims", folder, "--release", "s.slow").finish().lines
    assert line["released"] is True
    project.gate(is_open=True)
    ended = running.finish()
    # its first evaluation could not be recorded; it took the free claim and did it again
    assert (ended.code, ended.statuses()) == (0, {"s.slow": "evaluated"}), ended.output
    assert project.evaluations() == {"s.slow": 2}
    assert project.rows("SELECT count(*)::int FROM s.slow") == [(1,)]
    assert project.start_command("claims", folder, "--release", "s.slow").finish().code == 1


def test_a_run_with_nothing_to_do_says_when_something_is_due(project: Project) -> None:
    project.owe(days=0)
    ended = project.run()
    assert (ended.code, ended.end["outcome"], ended.end["counts"]) == (0, "noop", {})
    assert ended.end["next_due"].endswith("T00:00:00Z")
    assert [line["event"] for line in ended.lines] == ["start", "promoted", "end"]


def test_a_run_never_cleans_up_and_the_janitor_does(project: Project) -> None:
    project.sqlmesh("plan", "old", "--auto-apply", "--no-prompts", "--skip-tests", "--include-unmodified")
    project.execute("UPDATE sqlmesh._environments SET expiration_ts = 1 WHERE name = 'old'")
    assert project.run().code == 0
    assert ("old",) in project.rows("SELECT name FROM sqlmesh._environments")
    cleaned = project.start_command("janitor", str(project.folder)).finish()
    assert (cleaned.code, cleaned.end["outcome"]) == (0, "succeeded"), cleaned.output
    assert project.rows("SELECT name FROM sqlmesh._environments") == [("prod",)]


def test_what_is_wrong_with_the_command_or_the_project_is_said(project: Project, tmp_path: Path) -> None:
    unknown = project.run(environment="nowhere")
    assert unknown.code == 2
    assert "sqlmesh plan nowhere" in unknown.end["error"]
    absent = project.start_command("run", str(tmp_path / "absent"), "prod").finish()
    assert absent.code == 2
    assert "no such folder" in absent.end["error"]
    assert project.run("--max-concurrent-models", "0").code == 2
