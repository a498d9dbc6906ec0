"""What every proposal keeps, on random graphs of many shapes."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from modelgraphs import SHAPES, generated, graphs
from sqlmeshselects import SqlmeshSelector, sqlmesh

from scheduler import dag
from scheduler.dag import Graph, Model
from scheduler.jobfile import Job, JobType
from scheduler.topology import Options, Proposal, ProposedJob, coverage, propose
from scheduler.topology import cadence as cadences
from scheduler.topology.coverage import Coverage, pace

OPTIONS = st.builds(Options, max_jobs=st.integers(1, 8), smallest_seconds=st.sampled_from([0.0, 30.0, 100.0]))
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def committed(proposal: Proposal) -> list[Job]:
    """Return the proposed jobs as a team would have them after the merge."""
    return [
        Job(
            name=job.name,
            type=job.type,
            schedule=job.schedule,
            timezone=job.timezone,
            select=job.select,
            parallelism=job.parallelism,
        )
        for job in proposal.jobs
    ]


def homes(graph: Graph, jobs: Sequence[Job | ProposedJob]) -> dict[str, str]:
    return {graph.models[index].name: name for index, name in coverage(graph, jobs).home.items()}


def has_cycle(found: Coverage) -> bool:
    edges = found.edges()
    while edges:
        ends = {name for name, after in edges.items() if not after}
        if not ends:
            return True
        edges = {name: after - ends for name, after in edges.items() if name not in ends}
    return False


@many
@given(graphs(), OPTIONS)
def test_every_model_that_runs_is_selected_by_exactly_one_run_job(graph: Graph, options: Options) -> None:
    proposal = propose(graph, options=options)
    found = coverage(graph, proposal.jobs)
    assert sorted(name for job in proposal.run_jobs for name in job.models) == [m.name for m in graph.schedulable]
    for job in proposal.run_jobs:
        assert {graph.models[index].name for index in found.selected[job.name]} == set(job.models)
    assert not found.several
    assert not found.nowhere


@many
@given(graphs(), OPTIONS)
def test_a_job_is_never_slower_than_its_fastest_model_and_never_under_five_minutes(
    graph: Graph, options: Options
) -> None:
    for job in propose(graph, options=options).run_jobs:
        shortest = min(cadences.of(graph[name].cron, graph[name].cron_tz).shortest for name in job.models)
        longest = min(cadences.of(graph[name].cron, graph[name].cron_tz).longest for name in job.models)
        assert 5 <= pace(job).shortest <= max(5, shortest)
        assert pace(job).longest <= max(5, longest)
        Job(name=job.name, schedule=job.schedule, timezone=job.timezone)


@many
@given(graphs(), OPTIONS)
def test_there_is_no_cycle_between_jobs(graph: Graph, options: Options) -> None:
    assert not has_cycle(coverage(graph, propose(graph, options=options).jobs))


@many
@given(graphs(), OPTIONS)
def test_the_number_of_jobs_is_within_the_limit_and_one_janitor_is_apart(graph: Graph, options: Options) -> None:
    proposal = propose(graph, options=options)
    assert len(proposal.run_jobs) <= options.max_jobs
    assert [job.type for job in proposal.jobs].count(JobType.JANITOR) == 1
    assert len({job.name for job in proposal.jobs}) == len(proposal.jobs)
    assert all(job.reason.endswith(".") and job.change.endswith(".") for job in proposal.jobs)


@many
@given(graphs(), OPTIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_models_makes_no_difference(graph: Graph, options: Options, rng: random.Random) -> None:
    models = list(graph.models)
    rng.shuffle(models)
    shuffled = dag.graph(models)
    assert propose(shuffled, options=options) == propose(graph, options=options)


@many
@given(graphs(), OPTIONS)
def test_a_committed_proposal_is_proposed_again_unchanged(graph: Graph, options: Options) -> None:
    first = propose(graph, options=options)
    again = propose(graph, present=committed(first), options=options)
    assert committed(again) == committed(first)
    assert not again.removed


def grown(graph: Graph, parents: Sequence[str], cron: str, name: str) -> Graph:
    return dag.graph([*graph.models, Model(name, cron=cron, depends_on=tuple(sorted(parents)))])


@many
@given(graphs(), OPTIONS, st.sampled_from(["@daily", "@hourly", "*/5 * * * *", "@weekly"]), st.data())
def test_a_model_that_depends_on_one_job_only_moves_no_other(
    graph: Graph, options: Options, cron: str, data: st.DataObject
) -> None:
    first = propose(graph, options=options)
    assume(first.run_jobs)
    job = data.draw(st.sampled_from(first.run_jobs))
    parents = data.draw(st.lists(st.sampled_from(job.models), min_size=1, max_size=3, unique=True))
    name = data.draw(st.sampled_from(["raw.new", "shop.a_new", "elsewhere.new"]))
    after = grown(graph, parents, cron, name)
    second = propose(after, present=committed(first), options=options)
    before, now = homes(graph, first.jobs), homes(after, second.jobs)
    assert name in now
    assert {model: home for model, home in now.items() if model != name} == before
    found = coverage(after, second.jobs)
    assert not found.several
    assert not has_cycle(found)
    assert len(second.run_jobs) <= options.max_jobs
    assert {job.name for job in first.jobs} <= {job.name for job in second.jobs}
    for one in second.run_jobs:
        assert all(pace(one).serves(cadences.of(after[model].cron, after[model].cron_tz)) for model in one.models)


@many
@given(
    graphs(), OPTIONS, st.lists(st.tuples(st.sampled_from(["@daily", "@hourly", "*/5 * * * *"]), st.data()), max_size=5)
)
def test_models_that_are_added_at_the_end_make_no_cycle(
    graph: Graph, options: Options, added: list[tuple[str, st.DataObject]]
) -> None:
    first = propose(graph, options=options)
    after = graph
    for at, (cron, data) in enumerate(added):
        names = [model.name for model in after.models]
        parents = data.draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
        after = grown(after, parents, cron, f"zz{at}.new")
    second = propose(after, present=committed(first), options=options)
    found = coverage(after, second.jobs)
    assert not has_cycle(found)
    assert not found.nowhere
    assert homes(graph, first.jobs).items() <= homes(after, second.jobs).items()


@many
@given(graphs(), graphs(), OPTIONS)
def test_whatever_becomes_of_the_project_an_amended_file_covers_it(
    graph: Graph, other: Graph, options: Options
) -> None:
    """Models gone, others come, crons and tags changed: the names of the two graphs overlap."""
    first = propose(graph, options=options)
    second = propose(other, present=committed(first), options=options)
    found = coverage(other, second.jobs)
    assert not found.nowhere
    assert not found.several
    for job in second.run_jobs:
        members = [other.models[index] for index in found.owned[job.name]]
        assert all(pace(job).serves(cadences.of(model.cron, model.cron_tz)) for model in members)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 30, 300])
def test_sqlmesh_selects_exactly_the_models_of_each_job(shape: str, size: int) -> None:
    graph = generated(shape, size, seed=size)
    theirs = SqlmeshSelector(graph)
    schedulable = {model.name for model in graph.schedulable}
    for job in propose(graph).run_jobs:
        selected = theirs.select(list(job.select)) if job.select else set(graph.index)
        assert selected & schedulable == set(job.models)


@settings(max_examples=60, deadline=None)
@given(graphs(), OPTIONS)
def test_sqlmesh_agrees_on_random_graphs_too(graph: Graph, options: Options) -> None:
    theirs = SqlmeshSelector(graph)
    schedulable = {model.name for model in graph.schedulable}
    for job in propose(graph, options=options).run_jobs:
        if job.select:
            assert theirs.select(list(job.select)) & schedulable == set(job.models)


def test_the_selector_that_proposals_are_held_against_is_sqlmeshs_own() -> None:
    assert sqlmesh().Selector.__module__ == "sqlmesh.core.selector"


def test_another_tag_on_a_model_does_not_leave_it_in_two_jobs() -> None:
    graph = generated("islands", 40, seed=3)
    first = propose(graph)
    changed = dag.graph(replace(model, tags=("core", "finance")) for model in graph.models)
    assert not coverage(changed, propose(changed, present=committed(first)).jobs).several
