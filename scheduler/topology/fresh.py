"""A proposal for a project that has no job file yet, and the checks that every proposal tells people about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

from scheduler.dag import Flag, Graph
from scheduler.jobfile import Job, JobType
from scheduler.topology import wording
from scheduler.topology.cover import Cover
from scheduler.topology.coverage import coverage
from scheduler.topology.forecast import longest_chain
from scheduler.topology.grouping import groups
from scheduler.topology.naming import Namer, janitor
from scheduler.topology.proposal import Group, Note, ProposedJob, Standing, joined
from scheduler.topology.selectors import Universe, expressible
from scheduler.topology.shape import Shape

# Engines whose database is one file that one process may write. (MotherDuck takes several: its type is another.)
ONE_WRITER = frozenset({"duckdb"})
# A quiet time that falls on no entry of the reference's table.
JANITOR_SCHEDULE = "37 3 * * *"


def one_writer(graph: Graph) -> str | None:
    """Return the engine that takes one writer, if the models or the state live in one."""
    engines = {(model.engine or "").lower() for model in graph.schedulable} | {(graph.state_engine or "").lower()}
    return min(engines & ONE_WRITER, default=None)


def jobs(shape: Shape, universe: Universe, taken: Iterable[str] = (), *, alone: bool = True) -> list[ProposedJob]:
    """Propose run jobs for all models. `alone`: no other job is there, so one job needs no selectors."""
    taken = set(taken)
    found = [replace(group, cadence=shape.serving(group.models)) for group in groups(shape)]
    engine = one_writer(shape.graph)
    if alone and found and (len(found) == 1 or engine):
        whole = joined(found)
        name = "all" if "all" not in taken else "all-models"
        return [_everything(shape, replace(whole, cadence=shape.serving(whole.models)), name, engine)]
    names = Namer(shape, taken | {"janitor"}).name(found)
    selects = Cover(universe, dict(zip(names, (group.models for group in found), strict=True))).all()
    proposed = [job(shape, group, name, selects[name]) for name, group in zip(names, found, strict=True)]
    return sorted(proposed, key=lambda one: one.name)


def _everything(shape: Shape, group: Group, name: str, engine: str | None) -> ProposedJob:
    """Propose one job without selectors: it also covers what comes later, and standalone audits."""
    one = job(shape, group, name, (), everything=True)
    if engine is None:
        return one
    reason = wording.one_writer(engine, len(group.models))
    return replace(one, reason=reason, change=wording.one_writer_change(engine), parallelism=1)


def job(shape: Shape, group: Group, name: str, select: tuple[str, ...], *, everything: bool = False) -> ProposedJob:
    """Make a job of a group that has a name and selectors."""
    cadence = group.cadence or shape.serving(group.models)
    pods, alone = parallelism(shape, group.models)
    mixed = len({shape.cadences[index] for index in group.models}) > 1
    reason = wording.reason(group, cadence, mixed=mixed, everything=everything)
    return ProposedJob(
        name=name,
        schedule=cadence.schedule,
        timezone=cadence.timezone,
        select=select,
        parallelism=pods,
        models=shape.names(group.models),
        reason=reason + (wording.shared_by_pods(pods, alone) if pods > 1 else ""),
        change=wording.change(group, cadence),
    )


def parallelism(shape: Shape, models: Iterable[int]) -> tuple[int, float]:
    """Return how many pods should share a run, and the seconds that one pod would need.

    No more than keep busy: with a chain as long as the rest is wide, a second pod would only wait.
    """
    members = frozenset(models)
    options = shape.options
    work = shape.work(members)
    alone = work / options.max_concurrent_models
    if alone <= options.target_seconds:
        return 1, alone
    chain = max(longest_chain(shape, members)[0], 1.0)
    useful = int(work / chain / options.max_concurrent_models)
    return max(1, min(ceil(alone / options.target_seconds), useful, options.max_parallelism)), alone


def janitor_job(taken: Iterable[str]) -> ProposedJob:
    """Propose the one janitor job."""
    return ProposedJob(
        name=janitor(taken),
        schedule=JANITOR_SCHEDULE,
        type=JobType.JANITOR,
        reason=wording.JANITOR_REASON,
        change=wording.JANITOR_CHANGE,
    )


def kept_janitor(job: Job) -> ProposedJob:
    """Return a committed janitor job as it is."""
    return ProposedJob(
        name=job.name,
        schedule=job.schedule,
        timezone=job.timezone,
        type=job.type,
        reason=wording.JANITOR_REASON,
        change=wording.JANITOR_CHANGE,
        standing=Standing.KEPT,
    )


def notes(shape: Shape, universe: Universe, run_jobs: Sequence[ProposedJob]) -> list[Note]:
    """Say what people should know of the models, whatever the jobs are."""
    graph = shape.graph
    found: list[Note] = []
    crons = [(model.name, shape.cadences[graph.index[model.name]], model.cron) for model in graph.schedulable]
    if too_fast := tuple(name for name, cadence, _ in crons if cadence.too_fast):
        found.append(wording.too_fast(too_fast))
    if unreadable := tuple(name for name, cadence, _ in crons if not cadence.readable):
        found.append(wording.unreadable(unreadable))
    if without := tuple(name for name, _, cron in crons if cron is None and Flag.EXTERNAL not in graph[name].flags):
        found.append(wording.without_cron(without))
    found += _faster_than_parents(shape)
    found += _unwaited(shape.graph)
    if graph.audits and run_jobs and all(one.select for one in run_jobs):
        found.append(wording.standalone_audits(tuple(audit.name for audit in graph.audits)))
    if not all(expressible(name) for name, _, _ in crons):
        nowhere = shape.names(coverage(universe, run_jobs).nowhere)
        if odd := tuple(name for name in nowhere if not expressible(name)):
            found.append(wording.inexpressible(odd))
    return found if crons else [*found, wording.nothing_to_run()]


def _unwaited(graph: Graph) -> list[Note]:
    """Say what is read without being waited for: hidden reads, and parents that another project runs."""
    hidden, foreign = [], []
    for model in graph.schedulable:
        known = set(model.depends_on)
        hidden += [
            (model.name, read)
            for read in model.hidden_reads
            if read not in known and read in graph and graph[read].schedulable
        ]
        foreign += [(model.name, parent) for parent in model.depends_on if Flag.FOREIGN in graph[parent].flags]
    return [
        word(tuple(sorted({name for name, _ in pairs})), pairs[0])
        for word, pairs in ((wording.hidden_reads, hidden), (wording.foreign_parents, foreign))
        if pairs
    ]


def _faster_than_parents(shape: Shape) -> list[Note]:
    faster = []
    models = shape.graph.models
    for index, parents in enumerate(shape.parents):
        above = [parent for parent in parents if Flag.EXTERNAL not in models[parent].flags]
        if above and shape.runs[index]:
            quickest = min(above, key=lambda parent: (shape.cadences[parent].shortest, parent))
            if shape.cadences[index].shortest < shape.cadences[quickest].shortest:
                faster.append((index, quickest))
    if not faster:
        return []
    child, parent = faster[0]
    names = [shape.graph.models[index].name for index in (child, parent)]
    example = f"{names[0]} {shape.cadences[child].words}, {names[1]} {shape.cadences[parent].words}"
    return [wording.faster_than_parents(shape.names(index for index, _ in faster), example)]
