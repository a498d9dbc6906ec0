"""What a proposal decides in cases that people argue about."""

from dataclasses import replace
from datetime import timedelta

import pytest
from modelshapes import coffee_shop, domains, duckdb_file, fast_core, giant, m, unconnected

from scheduler import dag
from scheduler.jobfile import Concurrency, Job
from scheduler.runs import ModelResult, ModelStatus
from scheduler.topology import History, Options, Standing, difference, learned, outlook, propose
from scheduler.topology import cadence as cadences


@pytest.mark.parametrize(
    ("cron", "schedule"),
    [
        ("@hourly", "0 * * * *"),
        ("0 * * * *", "0 * * * *"),
        ("*/30 * * * *", "*/30 * * * *"),
        ("0,30 * * * *", "*/30 * * * *"),
        ("*/15 * * * *", "*/15 * * * *"),
        ("*/5 * * * *", "*/5 * * * *"),
        ("*/7 * * * *", "*/5 * * * *"),
        ("* * * * *", "*/5 * * * *"),
        ("20 6 * * 1-5", "20 6 * * 1-5"),
        ("@weekly", "0 0 * * 0"),
    ],
)
def test_a_cadence_becomes_the_schedule_of_the_references_table(cron: str, schedule: str) -> None:
    assert cadences.serving([cadences.of(cron, "UTC")]).schedule == schedule


@pytest.mark.parametrize(
    ("crons", "schedule"),
    [
        (["0 6 * * *", "0 18 * * *"], "0 6,18 * * *"),
        (["@hourly", "@daily"], "0 * * * *"),
        (["@daily", "@weekly"], "0 0 * * *"),
        (["0 6 * * *", "0 0 * * 0"], "0 0,6 * * *"),
        (["1 1 * * *", "3 2 * * *"], "0 * * * *"),
        (["*/20 * * * *", "7 * * * *"], "*/20 * * * *"),
    ],
)
def test_a_job_of_several_cadences_fires_when_any_of_them_is_due(crons: list[str], schedule: str) -> None:
    assert cadences.serving([cadences.of(cron, "UTC") for cron in crons]).schedule == schedule


def test_what_a_fast_model_needs_is_in_its_job_and_what_reads_it_is_not() -> None:
    jobs = {job.name: set(job.models) for job in propose(fast_core()).run_jobs}
    assert jobs["core"] == {"core.events", "core.sessions", "core.users"}
    assert len(jobs["report"]) == 5


def test_one_writer_gets_one_job_and_the_sentence_why() -> None:
    (job,) = propose(duckdb_file()).run_jobs
    assert (job.select, job.parallelism) == ((), 1)
    assert "duckdb takes one writing process at a time" in job.reason


def test_state_in_a_duckdb_file_is_one_writer_too() -> None:
    graph = dag.graph(domains().models, state_engine="duckdb")
    assert len(propose(graph).run_jobs) == 1


def test_thousands_without_ties_become_a_few_balanced_jobs() -> None:
    jobs = propose(unconnected()).run_jobs
    sizes = [len(job.models) for job in jobs]
    assert len(jobs) == 4
    assert max(sizes) <= 1.5 * min(sizes)
    assert all(len(job.select) <= 3 for job in jobs)


def test_a_giant_gets_pods_instead_of_being_cut() -> None:
    (job,) = propose(giant()).run_jobs
    assert job.parallelism == 3
    assert "cutting would tear dependencies apart" in job.reason


def test_a_history_of_short_durations_needs_no_further_pods() -> None:
    graph = giant()
    history = History({model.name: 0.5 for model in graph.models})
    (job,) = propose(graph, history=history).run_jobs
    assert job.parallelism == 1


def test_parts_that_a_history_shows_to_be_tiny_are_packed() -> None:
    graph = domains()
    history = History({model.name: 0.1 for model in graph.models})
    assert len(propose(graph, history=history).run_jobs) < len(propose(graph).run_jobs)


def test_names_stay_when_a_model_is_added_without_a_committed_file() -> None:
    before = propose(domains())
    after = propose(dag.graph([*domains().models, m("elsewhere.new", "@daily", "finance.report")]))
    assert [job.name for job in after.jobs] == [job.name for job in before.jobs]


def jobs_of(*jobs: Job) -> tuple[Job, ...]:
    return jobs


HAND_MADE = jobs_of(
    Job(name="screen", schedule="*/5 * * * *", select=("tag:live",), timeout=timedelta(minutes=4)),
    Job(name="money", schedule="7 * * * *", timezone="Europe/Berlin", select=("tag:finance",), parallelism=2),
    Job(name="nightly", schedule="30 2 * * *"),
)


def test_hand_made_jobs_are_kept_as_they_are() -> None:
    proposal = propose(coffee_shop(), present=HAND_MADE)
    kept = {job.name: job for job in proposal.run_jobs}
    for job in HAND_MADE:
        assert kept[job.name].select == job.select
        assert kept[job.name].parallelism == job.parallelism
    assert kept["screen"].standing is Standing.KEPT


def test_a_model_that_two_jobs_would_select_is_taken_from_one_of_them() -> None:
    graph = dag.graph([*domains().models, m("finance.new", "@daily", "logistics.report", tags="logistics")])
    present = jobs_of(
        Job(name="money", schedule="@daily", select=("finance.*",)),
        Job(name="trucks", schedule="@daily", select=("logistics.*", "tag:logistics")),
        Job(name="rest", schedule="@hourly", select=("growth.*", "people.*")),
    )
    jobs = {job.name: job for job in propose(graph, present=present).run_jobs}
    assert jobs["money"].select == ("finance.* & ^finance.new",)
    assert jobs["trucks"].select == ("logistics.*", "tag:logistics")
    assert "finance.new" in jobs["trucks"].models


def test_the_difference_says_what_is_added_removed_retimed_and_moved() -> None:
    before = jobs_of(
        Job(name="a", schedule="@daily", select=("finance.*",)),
        Job(name="b", schedule="@daily", select=("growth.*", "people.*")),
        Job(name="c", schedule="@daily", select=("logistics.*",)),
    )
    after = jobs_of(
        before[0],
        replace_job(before[1], schedule="@hourly", select=("growth.*",)),
        Job(name="d", schedule="@weekly", select=("people.*",)),
    )
    found = difference(before, after, domains())
    assert (found.added, found.removed, found.reselected) == (("d",), ("c",), ("b",))
    assert [(one.name, one.before, one.after) for one in found.retimed] == [("b", "@daily UTC", "@hourly UTC")]
    moved = {one.model: (one.before, one.after) for one in found.moved}
    assert moved["people.report"] == ("b", "d")
    assert moved["logistics.report"] == ("c", None)
    assert len(moved) == 12
    assert not difference(before, before, domains())


def replace_job(job: Job, **changes: object) -> Job:
    return job.model_copy(update=changes)


def test_a_single_run_makes_fast_models_wait_and_separate_jobs_do_not() -> None:
    slow = [m(f"slow.step_{at:02}", "@daily", *([f"slow.step_{at - 1:02}"] if at else [])) for at in range(20)]
    fast = [m(f"fast.step_{at}", "*/5 * * * *", *([f"fast.step_{at - 1}"] if at else [])) for at in range(3)]
    graph = dag.graph([*slow, *fast])
    history = History({model.name: 90.0 if model.name.startswith("slow") else 5.0 for model in graph.models})
    proposal = propose(graph, history=history, options=Options(smallest_seconds=0))
    found = outlook(graph, proposal, present=[Job(name="all", schedule="*/5 * * * *")], history=history)
    proposed, now, single = (
        {late.cadence.shortest: late.seconds for late in one.lateness}
        for one in (found.proposed, found.present or found.single, found.single)
    )
    assert proposed[5] == 15 + 3 * 5
    assert single[5] == 15 + 20 * 90 - 300 + 15 + 3 * 5
    assert now[5] < single[5]
    assert proposed[1440] == 15 + 20 * 90
    jobs = {job.name: job for job in found.proposed.jobs}
    assert jobs["slow"].chain_seconds == 1800
    assert found.single.jobs[0].overlapping == 6
    assert (found.measured, found.models) == (23, 23)


def test_a_job_that_forbids_overlap_is_as_late_as_a_single_run() -> None:
    graph = dag.graph([m("a.slow", "@daily"), m("a.fast", "*/5 * * * *")])
    history = History({"a.slow": 3600.0, "a.fast": 1.0})
    jobs = [Job(name="all", schedule="*/5 * * * *", concurrency=one) for one in (Concurrency.ALLOW, Concurrency.FORBID)]
    late = []
    for job in jobs:
        found = outlook(graph, propose(graph, history=history), present=[job], history=history).present
        assert found is not None
        late.append(found.lateness[0].seconds)
    assert late == [16.0, 3615.0 - 300 + 16]


def test_a_limit_of_one_is_one_job_of_everything() -> None:
    (job,) = propose(domains(), options=Options(max_jobs=1)).run_jobs
    assert job.select == ()
    assert job.schedule == "0 * * * *"


def test_an_environment_that_shares_a_tag_with_a_seed_may_select_it_too() -> None:
    graph = dag.graph(
        [
            *(replace(one, tags=("x",)) for one in domains().models if one.name.startswith("finance")),
            *(one for one in domains().models if not one.name.startswith("finance")),
            dag.Model("seeds.plans", "SEED", flags=frozenset({dag.Flag.SEED}), tags=("x",)),
        ]
    )
    jobs = {job.name: job for job in propose(graph).run_jobs}
    assert jobs["x"].select == ("tag:x",)


def test_the_usual_duration_is_the_median_of_the_latest_evaluations() -> None:
    results = [ModelResult("a.b", ModelStatus.EVALUATED, seconds) for seconds in [3.0, 5.0, 400.0] + [4.0] * 17]
    results += [ModelResult("a.b", ModelStatus.EVALUATED, 9000.0)] * 40
    results += [ModelResult("a.c", ModelStatus.FAILED, 1.0), ModelResult("a.d", ModelStatus.UP_TO_DATE, 0.0)]
    assert learned(results).seconds == {"a.b": 4.0}


def hourly_pair() -> list[dag.Model]:
    return [
        m(f"{one}.m{at}", "@hourly", *([f"{one}.m{at - 1}"] if at else [])) for one in ("a", "b") for at in range(3)
    ]


def test_two_small_readers_of_the_same_two_jobs_make_no_cycle_between_them() -> None:
    readers = [m("c.daily", "@daily", "a.m2", "b.m2"), m("c.weekly", "@weekly", "a.m2", "b.m2")]
    jobs = propose(dag.graph([*hourly_pair(), *readers])).run_jobs
    where = {model: job.name for job in jobs for model in job.models}
    assert where["a.m2"] != where["b.m2"]
    assert {where["c.daily"], where["c.weekly"]}.isdisjoint({where["a.m2"], where["b.m2"]})


def test_at_the_limit_a_new_model_goes_to_the_job_of_the_nearest_pace() -> None:
    present = jobs_of(
        Job(name="one", schedule="@hourly", select=("a.*",)), Job(name="two", schedule="@hourly", select=("b.*",))
    )
    graph = dag.graph([*hourly_pair(), m("c.new", "@weekly"), m("d.new", "*/5 * * * *")])
    found = propose(graph, present=present, options=Options(max_jobs=2))
    assert [job.name for job in found.run_jobs] == ["one", "two"]
    assert sum(len(job.models) for job in found.run_jobs) == 8


def test_a_fast_model_between_two_models_of_a_job_stays_with_them() -> None:
    present = jobs_of(Job(name="one", schedule="@daily", select=("a.first", "a.last")))
    graph = dag.graph([m("a.first"), m("x.new", "*/5 * * * *", "a.first"), m("a.last", "@daily", "x.new")])
    (job,) = propose(graph, present=present).run_jobs
    assert (job.name, job.schedule) == ("one", "*/5 * * * *")


def test_a_fast_model_below_a_slow_job_does_not_go_to_the_fast_job_above_it() -> None:
    present = jobs_of(
        Job(name="fast", schedule="*/5 * * * *", select=("k.*",)), Job(name="slow", schedule="@daily", select=("a.*",))
    )
    graph = dag.graph(
        [m("k.core", "*/5 * * * *"), m("a.mid", "@daily", "k.core"), m("n.board", "*/5 * * * *", "a.mid")]
    )
    jobs = {job.name: job.models for job in propose(graph, present=present).run_jobs}
    assert jobs["fast"] == ("k.core",)
    assert jobs["slow"] == ("a.mid",)
    assert len(jobs) == 3
