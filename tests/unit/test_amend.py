"""The job file written anew, and changed in place."""

import pytest
from hypothesis import given, settings
from modelgraphs import graphs

from scheduler import dag, jobfile
from scheduler.amend import AmendError, amend, compose
from scheduler.dag import Graph, Model
from scheduler.topology import propose

WRITTEN = """\
# Ours since 2019.
version: 1
project: shop
environment: prod
timezone: Europe/Berlin   # the office
defaults:
  timeout: 1h

jobs:
  # The screen in the hall.
  live:
    schedule: '*/15 * * * *'   # not faster: costs
    select:
      - tag:live   # whatever is on the screen
      # the basket is slow
      - shop.basket
      - shop.gone
    timeout: 4m

  # Nobody knows any more.
  old:
    schedule: "0 3 * * *"
    select: [legacy.a, legacy.b]

  # Finance wants it after their close.
  finance: {schedule: "30 2 * * *", select: ["finance.*"], owner: anna}

  cleanup:   # the janitor
    type: janitor
    schedule: "15 4 * * 0"
# the end
"""


def model(name: str, cron: str, *parents: str, tags: tuple[str, ...] = ()) -> Model:
    return Model(name, cron=cron, cron_tz="Europe/Berlin", depends_on=parents, tags=tags)


NOW = dag.graph(
    [
        model("shop.visits", "*/15 * * * *", tags=("live",)),
        model("shop.basket", "*/15 * * * *", "shop.visits"),
        model("shop.fresh", "@hourly", "shop.basket"),
        model("finance.mrr", "30 2 * * *", "shop.basket"),
        model("growth.forecast", "@daily"),
        model("growth.cohorts", "@daily", "growth.forecast"),
    ]
)


def amended(text: str, graph: Graph) -> str:
    return amend(text, propose(graph, present=jobfile.parse(text).jobs))


def test_only_what_changes_is_touched() -> None:
    expected = WRITTEN.replace("      - shop.gone\n", "").replace(
        "      - shop.basket\n", '      - shop.basket\n      - "shop.fresh"\n'
    )
    start, end = expected.index("\n  # Nobody knows"), expected.index("\n  # Finance wants")
    expected = expected[:start] + expected[end:]
    found = amended(WRITTEN, NOW)
    added = found[found.index("\n  growth:\n") : found.index("# the end")]
    assert found.replace(added, "") == expected
    assert 'schedule: "0 0 * * *"' in added
    assert {job.name for job in jobfile.parse(found).jobs} == {"live", "finance", "cleanup", "growth"}


def test_an_unchanged_project_leaves_every_byte() -> None:
    graph = dag.graph([model("shop.visits", "*/15 * * * *", tags=("live",)), model("finance.mrr", "30 2 * * *")])
    text = compose(propose(graph), project="shop") + "# mine\n"
    assert amended(text, graph) == text


def test_a_job_that_became_too_slow_is_retimed_where_it_is_written() -> None:
    graph = dag.graph([model("finance.mrr", "*/5 * * * *"), model("shop.visits", "@daily", tags=("live",))])
    found = amended(WRITTEN, graph)
    assert 'finance: {schedule: "*/5 * * * *", select: ["finance.*"], owner: anna}' in found
    assert "'*/15 * * * *'   # not faster: costs" in found


@settings(max_examples=60, deadline=None)
@given(graphs(most=25), graphs(most=25))
def test_what_is_written_reads_back_as_what_was_proposed(first: Graph, second: Graph) -> None:
    text = compose(propose(first), project="shop")
    for graph in (second, first):
        proposal = propose(graph, present=jobfile.parse(text).jobs)
        if not proposal.run_jobs:
            return
        text = amend(text, proposal)
        read = jobfile.parse(text)
        assert {(job.name, job.schedule, job.timezone, frozenset(job.select), job.type) for job in read.jobs} == {
            (job.name, job.schedule, job.timezone, frozenset(job.select), job.type) for job in proposal.jobs
        }  # what was selected stays where a person has put it, so the order is the file's


@pytest.mark.parametrize("text", ["version: 1\nproject: a\nenvironment: prod\njobs: {all: {schedule: '@daily'}}\n"])
def test_a_file_that_cannot_be_changed_in_place_says_how_to_write_it(text: str) -> None:
    with pytest.raises(AmendError, match="lines of its own"):
        amended(text, NOW)
