"""The graph as lines of text, one job after the other: what `meshbot graph` prints in a terminal.

Each line says which job it belongs to, so that the terminal can colour it; nothing here knows colours. Control
characters never get through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler import cron
from scheduler.dag import Graph
from scheduler.draw.escape import short
from scheduler.jobfile import JobType
from scheduler.topology import AnyJob, coverage

MOST_PARENTS = 4
NO_JOB = "in no job"


@dataclass(frozen=True)
class Line:
    """One line. `job` is None for models that no job runs; `heading` marks the line that names the job."""

    text: str
    job: str | None
    heading: bool = False


def outline(graph: Graph, jobs: Sequence[AnyJob], most: int = 2000) -> tuple[Line, ...]:
    """Return the models of each job, parents before children, at most `most` lines."""
    found = coverage(graph, jobs)
    place = {index: at for at, index in enumerate(graph.order)}
    lines: list[Line] = []
    for job in jobs:
        if job.type is JobType.RUN:
            members = sorted(found.owned[job.name], key=place.__getitem__)
            words = f"{short(job.name)}: {cron.words(job.schedule, job.timezone)}, {len(members):,} models"
            lines.append(Line(words, job.name, heading=True))
            lines += [Line(_model(graph, index, job.name, found.home), job.name) for index in members]
    if found.nowhere:
        lines.append(Line(f"{NO_JOB}: {len(found.nowhere):,} models", None, heading=True))
        lines += [Line(_model(graph, index, None, found.home), None) for index in found.nowhere]
    if len(lines) > most:
        return (
            *lines[:most],
            Line(f"and {len(lines) - most:,} more lines; `meshbot graph --format svg` has all", None),
        )
    return tuple(lines)


def _model(graph: Graph, index: int, job: str | None, home: Mapping[int, str]) -> str:
    parents = [
        short(graph.models[parent].name, 40)
        + ("" if home.get(parent) in {job, None} else f" ({short(home[parent], 40)})")
        for parent in graph.parents[index][:MOST_PARENTS]
    ]
    more = len(graph.parents[index]) - MOST_PARENTS
    behind = f"  <- {', '.join(parents)}{f' and {more:,} more' if more > 0 else ''}" if parents else ""
    return f"  {short(graph.models[index].name)}{behind}"
