"""Proposals for a dozen shapes of projects, as people see them."""

from collections.abc import Callable

import pytest
from modelshapes import SHAPES

from scheduler import jobfile
from scheduler.amend import compose
from scheduler.draw import markdown
from scheduler.topology import outlook, propose

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", SHAPES)
def test_the_proposal_reads_as_in_the_golden_file(name: str, golden: Golden) -> None:
    graph = SHAPES[name]()
    proposal = propose(graph)
    text = compose(proposal, project="shop")
    golden(f"topology/{name}.md", markdown(graph, proposal, yaml=text, outlook=outlook(graph, proposal)))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_proposed_file_is_a_good_job_file(name: str) -> None:
    proposal = propose(SHAPES[name]())
    read = jobfile.parse(compose(proposal, project="shop"))
    assert [(job.name, job.select) for job in read.jobs] == [(job.name, job.select) for job in proposal.jobs]
