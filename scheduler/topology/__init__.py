"""From the model graph to jobs worth accepting: proposal, coverage, difference, forecast. Pure and deterministic.

`propose` is the way in. The same graph gives the same proposal whatever the order of its models; a committed job file
is amended, not replaced; every job says why it is as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.dag import Graph
from scheduler.jobfile import Job, JobType
from scheduler.topology import fresh
from scheduler.topology.amending import amended
from scheduler.topology.coverage import AnyJob, Coverage, Difference, Moved, Retimed, coverage, difference
from scheduler.topology.forecast import Forecast, JobForecast, Lateness, forecast, lanes, single
from scheduler.topology.learning import learned
from scheduler.topology.proposal import (
    History,
    Level,
    Note,
    Options,
    Proposal,
    ProposedJob,
    Removed,
    Standing,
)
from scheduler.topology.selectors import SelectorError, Universe
from scheduler.topology.shape import Shape

__all__ = [
    "DEFAULTS",
    "NO_HISTORY",
    "AnyJob",
    "Coverage",
    "Difference",
    "Forecast",
    "History",
    "JobForecast",
    "Lateness",
    "Level",
    "Moved",
    "Note",
    "Options",
    "Outlook",
    "Proposal",
    "ProposedJob",
    "Removed",
    "Retimed",
    "SelectorError",
    "Standing",
    "Universe",
    "coverage",
    "difference",
    "learned",
    "outlook",
    "propose",
]

NO_HISTORY = History()
DEFAULTS = Options()


@dataclass(frozen=True)
class Outlook:
    """The forecasts of a proposal, of the committed topology (if there is one), and of one single `sqlmesh run`."""

    proposed: Forecast
    present: Forecast | None
    single: Forecast
    measured: int  # models with a history, of so many:
    models: int


def propose(
    graph: Graph, *, present: Sequence[Job] = (), history: History = NO_HISTORY, options: Options = DEFAULTS
) -> Proposal:
    """Propose jobs for a project; with `present`, the committed jobs, as few changes to them as needed."""
    shape = Shape(graph, options, history)
    universe = Universe(graph)
    janitors = [job for job in present if job.type is JobType.JANITOR]
    if any(job.type is JobType.RUN for job in present):
        runs, removed = amended(shape, universe, present)
    else:
        runs, removed = fresh.jobs(shape, universe, [job.name for job in janitors]), []
    taken = [*(job.name for job in present), *(job.name for job in runs)]
    cleaners = [fresh.kept_janitor(job) for job in janitors] or [fresh.janitor_job(taken)]
    return Proposal(
        jobs=(*runs, *cleaners),
        notes=tuple(sorted(fresh.notes(shape, universe, runs), key=lambda note: (list(Level).index(note.level), note))),
        removed=tuple(removed),
        options=options,
        measured=shape.measured,
        models=len(graph.schedulable),
    )


def outlook(graph: Graph, proposal: Proposal, *, present: Sequence[Job] = (), history: History = NO_HISTORY) -> Outlook:
    """Forecast a proposal beside the committed topology and one single `sqlmesh run` job."""
    shape = Shape(graph, proposal.options, history)
    universe = Universe(graph)
    workers = proposal.options.max_concurrent_models
    committed = coverage(universe, present)
    proposed = coverage(universe, proposal.run_jobs)
    return Outlook(
        proposed=forecast(shape, "proposed", lanes(proposed, workers)),
        present=forecast(shape, "now", lanes(committed, workers)) if committed.jobs else None,
        single=forecast(shape, "one sqlmesh run", [single(shape)] if graph.schedulable else []),
        measured=shape.measured,
        models=len(graph.schedulable),
    )
