"""Every rule of the linter: found where it is broken, at its line, and nowhere else."""

from dataclasses import replace
from datetime import UTC, datetime

from modelshapes import coffee_shop, duckdb_file, m

from scheduler import dag, jobfile
from scheduler.amend import lines, mend
from scheduler.dag import Flag, Graph, Model
from scheduler.lint import Facts, Finding, lint
from scheduler.topology import History, Level

GOOD = """\
version: 1
project: kettle
environment: prod
timezone: UTC
jobs:
  live:
    schedule: "*/5 * * * *"
    select: ["+live.conversion", "+live.pulse"]
  hourly:
    schedule: "0 * * * *"
    select:
      - finance.revenue_hourly
      - raw.payments
      - raw.subscriptions
      - shop.payments
      - shop.subscription_history
  daily:
    schedule: "0 0 * * *"
    select: [finance.mrr, finance.revenue_daily, "growth.*"]
    timeout: 1h
  cleanup: {type: janitor, schedule: "37 3 * * *"}
"""
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def linted(text: str, graph: Graph | None = None, **facts: object) -> tuple[Finding, ...]:
    known = Facts(graph or coffee_shop(), lines(text), now=NOW)
    return lint(jobfile.parse(text), replace(known, **facts))  # type: ignore[arg-type]


def only(text: str, graph: Graph | None = None, **facts: object) -> Finding:
    found = linted(text, graph, **facts)
    assert len(found) == 1, found
    line = text.splitlines()[found[0].line - 1]
    assert found[0].job == "" or found[0].job in line or line.startswith("    "), (found[0], line)
    return found[0]


def fixed(text: str, finding: Finding) -> str:
    assert finding.fix is not None
    return mend(text, finding.fix)


def test_a_file_that_fits_its_models_has_no_findings() -> None:
    assert linted(GOOD) == ()


def test_a_job_slower_than_its_fastest_model() -> None:
    text = GOOD.replace('"*/5 * * * *"', '"*/15 * * * *"  # enough')
    found = only(text)
    assert (found.code, found.level, found.line) == ("job-too-slow", Level.ERROR, 7)
    assert "6 of its models are due every 5 minutes" in found.sentence
    assert fixed(text, found) == GOOD.replace('"*/5 * * * *"', '"*/5 * * * *"  # enough')


def test_a_model_in_no_job() -> None:
    graph = dag.graph([*coffee_shop().models, m("shop.new", "@hourly", "shop.payments")])
    found = only(GOOD, graph)
    assert (found.code, found.level, found.job, found.models) == (
        "model-in-no-job",
        Level.ERROR,
        "hourly",
        ("shop.new",),
    )
    assert found.line == 11
    assert linted(fixed(GOOD, found), graph) == ()


def test_a_model_in_no_job_that_fits_into_none() -> None:
    graph = dag.graph([*coffee_shop().models, m("elsewhere.new", "@monthly")])
    found = only(GOOD.replace(', "growth.*"', ", growth.forecast, growth.retention"), graph)
    assert found.models == ("elsewhere.new",)


def test_what_a_job_only_reaches_upstream_is_in_a_job() -> None:
    text = GOOD.replace('["+live.conversion", "+live.pulse"]', '["live.*"]')
    assert linted(text) == ()


def test_a_model_in_two_jobs() -> None:
    text = GOOD.replace('"growth.*"]', '"growth.*", "finance.*"]')
    found = only(text)
    assert (found.code, found.level, found.models) == ("model-in-two-jobs", Level.WARNING, ("finance.revenue_hourly",))
    assert not [one for one in linted(fixed(text, found)) if one.code == "model-in-two-jobs"]


def test_a_job_without_selectors_beside_others_is_a_safety_net_and_no_fault() -> None:
    text = GOOD.replace('    select: [finance.mrr, finance.revenue_daily, "growth.*"]\n', "")
    assert linted(text) == ()


def test_a_selector_that_matches_nothing() -> None:
    text = GOOD.replace('"growth.*"]', '"growth.*", "tag:gone"]')
    found = only(text)
    assert (found.code, found.level, found.line) == ("selector-matches-nothing", Level.WARNING, 19)
    assert linted(fixed(text, found)) == ()


def test_a_selector_that_cannot_be_read() -> None:
    codes = {one.code: one for one in linted(GOOD.replace('"growth.*"]', '"growth.* & a & b"]'))}
    assert codes["selector-not-read"].line == 19
    assert codes["selector-not-read"].level is Level.ERROR


def test_a_selector_that_asks_git() -> None:
    assert only(GOOD.replace('"growth.*"]', '"growth.*", "git:main"]')).code == "selector-asks-git"


def test_models_that_are_not_promoted_or_differ() -> None:
    graph = dag.graph(replace(one, fingerprint=f"now-{one.name}") for one in coffee_shop().models)
    promoted = {one.name: one.fingerprint or "" for one in graph.models}
    assert linted(GOOD, graph, promoted=promoted) == ()
    del promoted["live.pulse"]
    promoted["finance.mrr"] = "before"
    found = {one.code: one for one in linted(GOOD, graph, promoted=promoted)}
    assert found["not-promoted"].models == ("live.pulse",)
    assert found["differs-from-promoted"].models == ("finance.mrr",)
    assert {one.line for one in found.values()} == {3}
    assert "sqlmesh plan prod" in found["not-promoted"].remedy


def test_a_model_is_the_promoted_one_whatever_its_metadata() -> None:
    graph = dag.graph(replace(one, fingerprint="12-34") for one in coffee_shop().models)
    promoted = {one.name: "12" for one in graph.models}
    assert linted(GOOD, graph, promoted=promoted) == ()
    found = only(GOOD, graph, promoted=promoted | {"finance.mrr": "1"})
    assert (found.code, found.models) == ("differs-from-promoted", ("finance.mrr",))


def test_what_has_no_table_or_no_run_need_not_be_promoted() -> None:
    flags = [Flag.EXTERNAL, Flag.SEED, Flag.EMBEDDED]
    others = [Model(f"x.{flag}", flags=frozenset({flag}), audits=("a",), fingerprint="1-2") for flag in flags]
    graph = dag.graph([*coffee_shop().models, *others])
    promoted = {one.name: one.fingerprint or "" for one in coffee_shop().models}
    found = {one.code for one in linted(GOOD, graph, promoted=promoted)}
    assert found.isdisjoint({"not-promoted", "differs-from-promoted"})


def test_an_environment_with_nothing_promoted() -> None:
    found = only(GOOD, promoted={})
    assert (found.code, found.level) == ("nothing-promoted", Level.ERROR)


def test_a_file_without_a_run_job_runs_nothing() -> None:
    found = only(ONE + JANITOR)
    assert (found.code, found.line, len(found.models)) == ("model-in-no-job", 5, 15)


ONE = "version: 1\nproject: a\nenvironment: prod\ntimezone: UTC\njobs:\n"
JANITOR = '  cleanup: {type: janitor, schedule: "37 3 * * *"}\n'


def test_one_writer_and_pods_in_parallel() -> None:
    text = ONE + '  all:\n    schedule: "0 * * * *"\n    parallelism: 3\n' + JANITOR
    found = only(text, duckdb_file())
    assert (found.code, found.level, found.line) == ("one-writer", Level.ERROR, 8)
    assert linted(fixed(text, found), duckdb_file()) == ()


def test_one_writer_and_jobs_in_parallel() -> None:
    text = ONE + '  all: {schedule: "0 * * * *"}\n  fast: {schedule: "*/5 * * * *", select: ["growth.*"]}\n' + JANITOR
    found = only(text, duckdb_file())
    assert (found.code, found.line) == ("one-writer", 7)


def test_a_schedule_in_the_hour_that_a_clock_change_skips_or_repeats() -> None:
    graph = dag.graph([m("a.b", "30 2 * * *")])
    text = ONE.replace("UTC", "Europe/Berlin") + '  all: {schedule: "30 2 * * *"}\n' + JANITOR.replace("37 3", "37 4")
    zoned = dag.graph([replace(one, cron_tz="Europe/Berlin") for one in graph.models])
    found = only(text, zoned)
    assert (found.code, found.level, found.line) == ("clock-change", Level.NOTE, 6)
    assert "02:30 on 2027-03-28 in Europe/Berlin does not exist" in found.sentence
    assert found.fix is not None
    assert found.fix.value == "30 3 * * *"
    later = linted(text, zoned, now=datetime(2027, 4, 1, tzinfo=UTC))
    assert "02:30 on 2027-10-31 in Europe/Berlin comes twice" in later[0].sentence


def test_a_timeout_shorter_than_the_usual_duration() -> None:
    found = only(GOOD, usual_seconds={"daily": 5000.0})
    assert (found.code, found.level, found.line) == ("timeout-too-short", Level.ERROR, 20)
    assert 'timeout: "167m"' in fixed(GOOD, found)


def test_a_timeout_shorter_than_what_the_history_of_its_models_adds_up_to() -> None:
    seconds = {one.name: 4000.0 for one in coffee_shop().models if one.name.startswith(("finance.", "growth."))}
    assert only(GOOD, history=History(seconds)).job == "daily"
    del seconds["finance.mrr"]
    assert linted(GOOD, history=History(seconds)) == ()


def test_a_job_that_ticks_long_after_its_models_are_due() -> None:
    text = GOOD.replace('"0 0 * * *"', '"0 0 * * *"\n    timezone: Europe/Berlin')
    found = only(text)
    assert (found.code, found.level, found.line) == ("late-by-design", Level.WARNING, 18)
    assert "Its clock is Europe/Berlin, theirs is UTC" in found.sentence
    assert linted(fixed(text, found)) == ()


def test_no_janitor() -> None:
    assert only(GOOD.replace('  cleanup: {type: janitor, schedule: "37 3 * * *"}\n', "")).code == "no-janitor"


def test_a_standalone_audit_that_no_job_selects() -> None:
    graph = dag.graph(coffee_shop().models, audits=[dag.StandaloneAudit("no_holes")])
    assert only(GOOD, graph).code == "audits-in-no-job"


def test_thousands_of_selectors_without_a_model_are_not_each_said() -> None:
    text = GOOD.replace('"growth.*"', ", ".join(f"no.{number}" for number in range(2000)))
    found = [one for one in linted(text) if one.code == "selector-matches-nothing"]
    assert len(found) == 100
