"""The graph of models as an SVG, coloured by job: what `meshbot graph` writes.

Columns are steps of dependency, rows are ordered so that few lines cross. Beyond a bound, models become dots without
names: a picture of 10,000 labels helps nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from scheduler import cron
from scheduler.dag import Graph
from scheduler.draw.escape import xml
from scheduler.jobfile import JobType
from scheduler.topology import AnyJob, coverage

# Okabe and Ito's colours, told apart by nearly all eyes, and lighter ones after them.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C00", "#7F7F7F", "#7A5195", "#2F4B7C")
NO_JOB = "#BBBBBB"
MOST_LABELS = 400
MOST_EDGES = 5000
WIDTH, HEIGHT, GAP, DOT = 220, 26, 60, 8
MARGIN = 20


def svg(graph: Graph, jobs: Sequence[AnyJob]) -> str:
    """Draw all models. A model's colour is its job's; grey ones never run, or in no job."""
    runs = [job for job in jobs if job.type is JobType.RUN]
    home = coverage(graph, jobs).home
    colour = dict(zip((job.name for job in runs), cycle(COLOURS), strict=False))
    named = len(graph.models) <= MOST_LABELS
    width, height = (WIDTH, HEIGHT) if named else (DOT, DOT)
    columns = _columns(graph)
    at = {
        index: (MARGIN + column * (width + GAP), MARGIN + 40 + row * (height + 8))
        for column, members in enumerate(columns)
        for row, index in enumerate(members)
    }
    right = max([x for x, _ in at.values()], default=0) + width + MARGIN
    bottom = max([y for _, y in at.values()], default=0) + height + MARGIN
    right = max(right, MARGIN + len(runs) * 230, 320)
    body = [
        *_legend(runs, colour),
        *_edges(graph, at, (width, height)),
        *_nodes(graph, at, (home, colour), named=named),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {bottom}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{len(graph.models)} models in {len(runs)} jobs</title>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _columns(graph: Graph) -> list[list[int]]:
    """Put each model one column after its latest parent, beside its parents' rows as far as that goes."""
    depth: dict[int, int] = {}
    for index in graph.order:
        depth[index] = 1 + max((depth[parent] for parent in graph.parents[index]), default=-1)
    columns: list[list[int]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for index, column in depth.items():
        columns[column].append(index)
    row: dict[int, float] = {}
    for members in columns:
        wished = {one: sum(row[p] for p in above) / len(above) for one in members if (above := graph.parents[one])}
        members.sort(key=lambda one: (wished.get(one, 0.0), one))
        row.update({one: float(place) for place, one in enumerate(members)})
    return columns


def _legend(runs: Sequence[AnyJob], colour: Mapping[str, str]) -> list[str]:
    lines = []
    for place, job in enumerate(runs):
        x = MARGIN + place * 230
        words = xml(f"{job.name}: {cron.words(job.schedule, job.timezone)}", 34)
        lines.append(f'<rect x="{x}" y="12" width="14" height="14" rx="3" fill="{colour[job.name]}"/>')
        lines.append(f'<text x="{x + 20}" y="24">{words}</text>')
    return lines


def _edges(graph: Graph, at: Mapping[int, tuple[int, int]], size: tuple[int, int]) -> list[str]:
    lines = ['<g fill="none" stroke="#999" stroke-opacity="0.6">']
    pairs = [(parent, child) for child, above in enumerate(graph.parents) for parent in above]
    for parent, child in pairs[:MOST_EDGES]:
        (x1, y1), (x2, y2) = at[parent], at[child]
        x1, y1, y2 = x1 + size[0], y1 + size[1] // 2, y2 + size[1] // 2
        bend = GAP // 2
        lines.append(f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>')
    return [*lines, "</g>"]


def _nodes(
    graph: Graph,
    at: Mapping[int, tuple[int, int]],
    jobs: tuple[Mapping[int, str], Mapping[str, str]],
    *,
    named: bool,
) -> list[str]:
    home, colour = jobs
    lines = []
    for index, (x, y) in at.items():
        model, job = graph.models[index], home.get(index)
        fill = colour.get(job or "", NO_JOB)
        hint = xml(f"{model.name} ({job or 'in no job'}, {model.cron or 'no cron'})", 160)
        if not named:
            lines.append(
                f'<rect x="{x}" y="{y}" width="{DOT}" height="{DOT}" fill="{fill}"><title>{hint}</title></rect>'
            )
            continue
        box = f'width="{WIDTH}" height="{HEIGHT}" rx="4" fill="{fill}" fill-opacity="0.18" stroke="{fill}"'
        lines.append(f'<g><title>{hint}</title><rect x="{x}" y="{y}" {box}/>')
        lines.append(f'<text x="{x + 8}" y="{y + 17}">{xml(model.name, 32)}</text></g>')
    return lines
