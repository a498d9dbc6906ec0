"""What to expect of a topology: how long runs take, what overlaps, how late each cadence is.

It plays the worst tick, on which every model is due and all jobs begin together: each job evaluates its models with its
own workers, a model waits for what it depends on in whatever job that is. A single `sqlmesh run` knows no claims, so
its next tick waits for the last one to end; Meshbot's jobs may overlap. Durations come from the history, or are
assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from math import ceil

from scheduler import cron
from scheduler.jobfile import Concurrency
from scheduler.topology.cadence import Cadence
from scheduler.topology.coverage import AnyJob, Coverage, pace
from scheduler.topology.shape import Shape

# A year in which nothing is special; delays are looked at over so many ticks of the model.
SAMPLE = datetime(2025, 1, 1, tzinfo=UTC)
SAMPLE_TICKS = 50
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Lane:
    """A job as the play sees it."""

    name: str
    cadence: Cadence
    workers: int
    models: frozenset[int]
    overlaps: bool = True  # whether a tick may begin while the run before it is alive


@dataclass(frozen=True)
class JobForecast:
    """What to expect of one job, in seconds from its tick."""

    name: str
    seconds: float  # when all its models are due
    usual_seconds: float  # when only its most frequent ones are
    chain: tuple[str, ...]
    chain_seconds: float
    overlapping: int  # ticks that come while the longest run is alive


@dataclass(frozen=True)
class Lateness:
    """The longest that models of one cadence are done after they were due."""

    cadence: Cadence
    models: int
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What to expect of one topology."""

    label: str
    jobs: tuple[JobForecast, ...]
    lateness: tuple[Lateness, ...]
    pods_per_day: float


def lanes(coverage: Coverage, workers: int) -> list[Lane]:
    """Return the jobs of a topology; `workers` is for jobs that do not say how many models they evaluate at once."""
    return [_lane(job, coverage.owned[job.name], workers) for job in coverage.jobs]


def _lane(job: AnyJob, models: frozenset[int], workers: int) -> Lane:
    at_once = getattr(job, "max_concurrent_models", workers)
    overlaps = getattr(job, "concurrency", Concurrency.ALLOW) is Concurrency.ALLOW
    return Lane(job.name, pace(job), at_once * job.parallelism, models, overlaps)


def single(shape: Shape) -> Lane:
    """Return the topology of one `sqlmesh run` of everything, at the pace of the most frequent model."""
    models = frozenset(index for index, runs in enumerate(shape.runs) if runs)
    return Lane("sqlmesh run", shape.serving(models), shape.options.max_concurrent_models, models, overlaps=False)


def forecast(shape: Shape, label: str, played: Sequence[Lane]) -> Forecast:
    """Play the worst tick of a topology."""
    filled = [lane for lane in played if lane.models]
    done = play(shape, {lane.name: (lane.models, lane.workers) for lane in filled})
    pods = sum(
        _ticks_per_day(lane.cadence) * ceil(lane.workers / shape.options.max_concurrent_models) for lane in filled
    )
    jobs = [_job(shape, lane, done) for lane in filled]
    return Forecast(label, tuple(jobs), _lateness(shape, filled, jobs, done), pods)


def _job(shape: Shape, lane: Lane, done: Mapping[int, float]) -> JobForecast:
    seconds = max(done[index] for index in lane.models)
    fastest = min(shape.cadences[index] for index in lane.models)
    often = frozenset(index for index in lane.models if shape.cadences[index] == fastest)
    usual = max(play(shape, {lane.name: (often, lane.workers)}).values())
    chain_seconds, chain = longest_chain(shape, lane.models)
    names = tuple(shape.graph.models[index].name for index in chain)
    overlapping = ceil(seconds / (lane.cadence.shortest * 60)) - 1
    return JobForecast(lane.name, seconds, usual, names, chain_seconds, overlapping)


def _lateness(
    shape: Shape, played: Sequence[Lane], jobs: Sequence[JobForecast], done: Mapping[int, float]
) -> tuple[Lateness, ...]:
    worst: dict[Cadence, tuple[int, float]] = {}
    for lane, job in zip(played, jobs, strict=True):
        blocked = 0.0 if lane.overlaps else job.seconds - lane.cadence.shortest * 60 + job.usual_seconds
        for index in lane.models:
            cadence = shape.cadences[index]
            late = max(done[index] + delay(cadence, lane.cadence), blocked)
            count, seconds = worst.get(cadence, (0, 0.0))
            worst[cadence] = (count + 1, max(seconds, late))
    return tuple(Lateness(cadence, *worst[cadence]) for cadence in sorted(worst))


def play(shape: Shape, jobs: Mapping[str, tuple[frozenset[int], int]]) -> dict[int, float]:
    """Return when each model is done, in seconds from the tick. Longest remaining chain first, as meshrun does it."""
    home = {index: name for name, (models, _) in jobs.items() for index in models}
    children, waiting = _among(shape, home)
    rank = _remaining(shape, home, children)
    free = {name: workers for name, (_, workers) in jobs.items()}
    ready: dict[str, list[tuple[float, int]]] = {name: [] for name in jobs}
    for index, count in waiting.items():
        if not count:
            heappush(ready[home[index]], (-rank[index], index))
    done: dict[int, float] = {}
    running: list[tuple[float, int]] = []
    now, touched = shape.options.pod_seconds, set(jobs)
    while True:
        for name in touched:
            while free[name] and ready[name]:
                index = heappop(ready[name])[1]
                free[name] -= 1
                heappush(running, (now + shape.seconds[index], index))
        if not running:
            return done
        now, index = heappop(running)
        done[index] = now
        free[home[index]] += 1
        touched = {home[index]}
        for child in children[index]:
            waiting[child] -= 1
            if not waiting[child]:
                heappush(ready[home[child]], (-rank[child], child))
                touched.add(home[child])


def _among(shape: Shape, members: Iterable[int]) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Return the children and the number of parents of each member, among the members."""
    children: dict[int, list[int]] = {index: [] for index in members}
    waiting = dict.fromkeys(children, 0)
    for index in children:
        for parent in shape.parents[index]:
            if parent in children:
                children[parent].append(index)
                waiting[index] += 1
    return children, waiting


def _remaining(shape: Shape, members: Iterable[int], children: Mapping[int, list[int]]) -> dict[int, float]:
    """Return for each member the seconds of the longest chain that begins with it."""
    inside = set(members)
    found: dict[int, float] = {}
    for index in reversed([one for one in shape.graph.order if one in inside]):
        found[index] = shape.seconds[index] + max((found[child] for child in children[index]), default=0.0)
    return found


def longest_chain(shape: Shape, members: frozenset[int]) -> tuple[float, tuple[int, ...]]:
    """Return the longest chain of models that wait for each other, and its seconds."""
    children, waiting = _among(shape, members)
    rank = _remaining(shape, members, children)
    starts = [index for index, count in waiting.items() if not count]
    if not starts:
        return 0.0, ()
    here = max(starts, key=lambda index: (rank[index], -index))
    chain = [here]
    while children[here]:
        here = max(children[here], key=lambda index: (rank[index], -index))
        chain.append(here)
    return rank[chain[0]], tuple(chain)


@lru_cache(maxsize=65536)
def delay(model: Cadence, job: Cadence) -> float:
    """Return the longest that a model's tick waits for the next tick of the job, in seconds."""
    if model == job:
        return 0.0
    theirs, ours = (cron.parse(one.schedule, one.timezone) for one in (model, job))
    tick, worst = SAMPLE, 0.0
    for _ in range(SAMPLE_TICKS):
        tick = theirs.next(tick)
        worst = max(worst, (ours.next(tick - INSTANT) - tick).total_seconds())
    return worst


def _ticks_per_day(one: Cadence) -> float:
    fields = cron.parse(one.schedule, one.timezone).fields
    return len(fields.times) * len(fields.active_days(SAMPLE.year)) / 365
