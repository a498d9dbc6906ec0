"""A Mermaid graph that GitHub renders whatever the size of the project.

Up to a few dozen models it shows the models within their jobs; beyond, jobs are nodes that say how many models they
hold and edges say how many dependencies they stand for. Nodes and edges are bounded, so the text is too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from scheduler import cron
from scheduler.dag import Graph
from scheduler.draw.escape import label
from scheduler.jobfile import JobType
from scheduler.topology import AnyJob, coverage

# GitHub's Mermaid gives up at 500 edges or 50,000 characters; people give up before.
MOST_MODELS = 40
MOST_MODEL_EDGES = 120
MOST_JOBS = 50
MOST_EDGES = 150


def mermaid(graph: Graph, jobs: Sequence[AnyJob]) -> str:
    """Draw the run jobs of a topology and what leads from one to another."""
    found = coverage(graph, jobs)
    runs = [job for job in jobs if job.type is JobType.RUN]
    edges = [
        (parent, child)
        for child, above in enumerate(graph.parents)
        for parent in above
        if parent in found.home and child in found.home
    ]
    if len(found.home) <= MOST_MODELS and len(edges) <= MOST_MODEL_EDGES:
        return _models(graph, runs, found.home, edges)
    return _jobs(runs, found.home, edges)


def _models(graph: Graph, runs: Sequence[AnyJob], home: Mapping[int, str], edges: list[tuple[int, int]]) -> str:
    lines = ["flowchart LR"]
    for number, job in enumerate(runs):
        members = sorted(index for index, name in home.items() if name == job.name)
        if members:
            lines.append(f'  subgraph j{number}["{_title(job)}"]')
            lines += [f'    m{index}["{label(graph.models[index].name)}"]' for index in members]
            lines.append("  end")
    lines += [f"  m{parent} --> m{child}" for parent, child in edges]
    return "\n".join(lines) + "\n"


def _jobs(runs: Sequence[AnyJob], home: Mapping[int, str], edges: list[tuple[int, int]]) -> str:
    sizes = Counter(home.values())
    shown = sorted(runs, key=lambda job: (-sizes[job.name], job.name))[:MOST_JOBS]
    number = {job.name: place for place, job in enumerate(shown)}
    lines = ["flowchart LR"]
    lines += [f'  j{number[job.name]}["{_title(job)}<br/>{_models_in(sizes[job.name])}"]' for job in shown]
    rest = [job for job in runs if job.name not in number]
    if rest:
        lines.append(f'  rest["{len(rest):,} more jobs<br/>{_models_in(sum(sizes[job.name] for job in rest))}"]')
    crossing = Counter((home[one], home[two]) for one, two in edges if home[one] != home[two])
    between = Counter({pair: count for pair, count in crossing.items() if pair[0] in number and pair[1] in number})
    for (one, two), count in sorted(between.most_common(MOST_EDGES), key=lambda edge: (-edge[1], edge[0])):
        lines.append(f"  j{number[one]} -->|{count:,}| j{number[two]}")
    return "\n".join(lines) + "\n"


def _title(job: AnyJob) -> str:
    return f"{label(job.name)}: {label(cron.words(job.schedule, job.timezone), 60)}"


def _models_in(count: int) -> str:
    return f"{count:,} model{'s' * (count != 1)}"
