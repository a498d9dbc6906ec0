"""The pages of `generate`, `diff` and `graph`, and the linter's findings on that of `validate`.

The rule: as in `bot.layouts`: in words what `--json` prints, and nothing else. Only the lines of `graph` are drawn
where the models are known.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from bot import shapes, topologyshapes
from bot.pages import CHECKS, COLOURS, Cell, Clock, Line, Page, Table, Tone

if TYPE_CHECKING:
    from scheduler import draw

LEVELS = {"error": CHECKS["broken"], "warning": CHECKS["warning"], "note": Cell("·", Tone.FAINT)}
MOST_FAULTS = 10
MOST_MODELS = 60
STANDINGS = {"new": Tone.GOOD, "amended": Tone.WARNING, "kept": Tone.FAINT}


def generate(answer: shapes.Answer, _clock: Clock) -> Page:
    """Lay out a proposal: the jobs, why they are as they are, and what is worth knowing."""
    found = cast("topologyshapes.GenerateAnswer", answer)
    rows = tuple(
        (
            Cell(job["job"], Tone.STRONG),
            Cell(job["words"]),
            Cell("janitor" if job["type"] == "janitor" else f"{len(job['models']):,}"),
            Cell(_selection(job), Tone.PLAIN if job["select"] else Tone.FAINT),
            Cell(job["standing"], STANDINGS[job["standing"]]),
        )
        for job in found["jobs"]
    )
    parts: list[Line | Table] = [Table(("job", "schedule", "models", "selects", ""), rows, empty="No jobs.")]
    parts += [_line(f"  {job['job']}: ", job["reason"], job["change"]) for job in found["jobs"] if job["reason"]]
    parts += [_line(f"  {one['name']} is left out: ", one["before"] or "") for one in found["removed"]]
    for note in found["notes"]:
        parts.append(Line((LEVELS[note["level"]], Cell(f" {note['sentence']} "), Cell(note["remedy"], Tone.GOOD))))
    parts += faults(found["faults"])
    return (*parts, Line((Cell(_ending(found), Tone.STRONG),)))


def diff(answer: shapes.Answer, _clock: Clock) -> Page:
    """Lay out what changes."""
    found = cast("topologyshapes.DiffAnswer", answer)
    lines = [_line("+ ", name, tone=Tone.GOOD) for name in found["added"]]
    lines += [_line("- ", name, tone=Tone.BAD) for name in found["removed"]]
    lines += [_line("~ ", f"{one['name']}: {one['before']} → {one['after']}") for one in found["retimed"]]
    lines += [_line("~ ", f"{name}: other selectors") for name in found["reselected"]]
    lines += [_line("~ ", f"{name}: another parallelism") for name in found["resized"]]
    lines += [
        _line("  ", f"{one['name']}: {one['before'] or 'no job'} → {one['after'] or 'no job'}")
        for one in found["moved"][:MOST_MODELS]
    ]
    if len(found["moved"]) > MOST_MODELS:
        lines.append(_line("  ", f"and {len(found['moved']) - MOST_MODELS:,} more models"))
    return tuple(lines) or (_line("", "The jobs are the same."),)


def graph(lines: Sequence[draw.Line], answer: shapes.Answer) -> Page:
    """Lay out the models below their jobs, each job in a colour of its own; without colours each line names its job."""
    found = cast("topologyshapes.GraphAnswer", answer)
    colours = colours_of({line.job for line in lines if line.job})
    shown = [_drawn(line, colours) for line in lines] or [_line("", "No models that a run evaluates.")]
    return (*shown, *faults(found["faults"]))


def colours_of(jobs: Collection[str]) -> dict[str, int]:
    """Give each job a colour that follows from its name, so that it stays; another one only where that is taken."""
    given: dict[str, int] = {}
    for job in sorted(jobs):
        first = zlib.crc32(job.encode())
        free = [one for one in range(COLOURS) if one not in given.values()] or range(COLOURS)
        given[job] = min(free, key=lambda one: (one - first) % COLOURS)
    return given


def _drawn(line: draw.Line, colours: Mapping[str, int]) -> Line:
    if line.job is None:
        return Line((Cell(line.text, Tone.STRONG if line.heading else Tone.FAINT),))
    if line.heading:
        return Line((Cell(line.text, Tone.STRONG, colours[line.job]),))
    return Line((Cell(line.text, colour=colours[line.job], uncoloured=f"  [{line.job}]"),))


def findings(path: str, found: Sequence[topologyshapes.Finding]) -> list[Line]:
    """Show what the linter found, each with its place first, so that an editor can jump to it."""
    lines = []
    for one in found:
        place = Cell(f"  {path}:{one['line']}: ", Tone.FAINT)
        lines.append(Line((place, LEVELS[one["level"]], Cell(f" {one['sentence']}"))))
        if one["remedy"]:
            lines.append(Line((Cell("      → ", Tone.FAINT), Cell(one["remedy"], Tone.GOOD))))
    return lines


def faults(found: Sequence[topologyshapes.LoadFault]) -> list[Line]:
    """Show what stood in the way of loading, the first few."""
    lines = [
        Line((CHECKS["warning"], Cell(f" {one['where']}: ", Tone.FAINT), Cell(one["problem"])))
        for one in found[:MOST_FAULTS]
    ]
    if len(found) > MOST_FAULTS:
        lines.append(_line("  ", f"and {len(found) - MOST_FAULTS:,} more; `meshrun describe` prints all"))
    return lines


def _ending(found: topologyshapes.GenerateAnswer) -> str:
    if not found["changed"]:
        return f"{found['file']} fits the models: nothing to change."
    if found["written"]:
        return f"{found['file']} is written; commit it, and these are the jobs."
    return "Nothing is written; the same with --write writes it, with --format yaml shows it."


def _selection(job: topologyshapes.Proposed) -> str:
    if job["type"] == "janitor":
        return ""
    return ", ".join(job["select"][:4]) + (" …" if len(job["select"]) > 4 else "") or "every model"  # noqa: PLR2004


def _line(head: str, text: str, more: str = "", tone: Tone = Tone.PLAIN) -> Line:
    cells = (Cell(head, Tone.STRONG), Cell(text, tone), Cell(f" {more}" if more else "", Tone.FAINT))
    return Line(cells)
