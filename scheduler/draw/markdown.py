"""The pull-request comment: what changes first, then the jobs, the graph, warnings, the forecast, the file in a fold.

It is always shorter than GitHub allows: sections are added in the order of their worth as long as they fit, and what
was left out is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from scheduler import cron
from scheduler.dag import Graph, LoadFault
from scheduler.draw.escape import code, fenced, prose, short
from scheduler.draw.mermaid import mermaid
from scheduler.jobfile import JobType
from scheduler.topology import AnyJob, Difference, Forecast, Level, Note, Outlook, Proposal, ProposedJob, difference
from scheduler.topology.wording import assumptions, count, duration

# GitHub's limit is 65,536 characters; some room is left for what others put around it.
LARGEST = 60_000
MOST_MOVES = 30
MOST_ROWS = 60
MOST_NOTES = 25
NO_REASONS: Mapping[str, str] = MappingProxyType({})
MARKS = {"error": "🛑", "warning": "⚠️", "note": "💬"}
NO_ROOM = "\n_The {} is left out: it would not fit into a comment. `meshbot generate` prints it._\n"


def markdown(
    graph: Graph, proposal: Proposal, *, present: Sequence[AnyJob] = (), yaml: str = "", outlook: Outlook | None = None
) -> str:
    """Return the comment for a proposal; `present` are the committed jobs, `yaml` the proposed file."""
    changed = difference(present, proposal.jobs, graph)
    parts = [
        ("summary", _head(proposal, changed, has_file=bool(present))),
        ("list of changes", changes(changed, {one.name: one.reason for one in proposal.removed}) if present else ""),
        ("table of jobs", _table(proposal.jobs)),
        ("list of warnings", _notes(proposal.notes, graph.faults)),
        ("graph", fenced(mermaid(graph, proposal.jobs), "mermaid") + "\n"),
        ("forecast", _outlook(outlook, proposal) if outlook else ""),
        ("reasons", _reasons(proposal.jobs)),
        ("file", _fold("meshbot.yaml", fenced(yaml, "yaml")) if yaml else ""),
    ]
    return _fitted([(name, text) for name, text in parts if text])


def _fitted(parts: list[tuple[str, str]]) -> str:
    found = ""
    for name, text in parts:
        fits = len(found) + len(text) + 1 <= LARGEST - len(parts) * len(NO_ROOM) * 2
        found += ("\n" if found else "") + (text if fits else NO_ROOM.format(name).lstrip("\n"))
    return found


def _head(proposal: Proposal, changed: Difference, *, has_file: bool) -> str:
    jobs = f"{count(len(proposal.run_jobs), 'run job')} for {count(proposal.models, 'model')}, and a janitor"
    if not has_file:
        return f"### Proposed jobs\n\n{jobs}. There is no committed `meshbot.yaml` yet.\n"
    if not changed:
        return f"### Jobs: nothing to change\n\n{jobs}. The committed `meshbot.yaml` fits the models.\n"
    counts = [
        (len(changed.added), "added"),
        (len(changed.removed), "removed"),
        (len(changed.retimed), "retimed"),
        (len(changed.reselected), "with other models selected"),
    ]
    said = ", ".join(f"{number} {what}" for number, what in counts if number)
    moved = f"; {count(len(changed.moved), 'model')} moved or placed" if changed.moved else ""
    return f"### Proposed changes to the jobs\n\n{said or 'No job changes'}{moved}. Then: {jobs}.\n"


def changes(changed: Difference, reasons: Mapping[str, str] = NO_REASONS) -> str:
    """List what changes from one set of jobs to another; `reasons` say why jobs are removed."""
    lines = [f"- **added** {code(name)}" for name in changed.added]
    lines += [
        f"- **removed** {code(name)}: {prose(reasons.get(name, 'not in the new file'))}" for name in changed.removed
    ]
    lines += [f"- **retimed** {code(one.name)}: {code(one.before)} → {code(one.after)}" for one in changed.retimed]
    lines += [f"- **other models selected** by {code(name)}" for name in changed.reselected]
    lines += [f"- **another number of pods** for {code(name)}" for name in changed.resized]
    lines += [
        f"- {code(one.model)}: {code(one.before) if one.before else 'no job'} → "
        f"{code(one.after) if one.after else 'no job'}"
        for one in changed.moved[:MOST_MOVES]
    ]
    if len(changed.moved) > MOST_MOVES:
        lines.append(f"- and {len(changed.moved) - MOST_MOVES:,} more models")
    return "\n".join(lines) + "\n" if lines else ""


def _table(jobs: Sequence[ProposedJob]) -> str:
    lines = ["| job | runs | models | pods | selects |", "|---|---|---:|---:|---|"]
    for job in jobs[:MOST_ROWS]:
        models = f"{len(job.models):,}" if job.type is JobType.RUN else "janitor"
        selects = ", ".join(code(text, 60) for text in job.select[:4]) or (
            "everything" if job.type is JobType.RUN else ""
        )
        more = f" and {len(job.select) - 4:,} more" if len(job.select) > 4 else ""  # noqa: PLR2004 - fits a cell
        words = prose(cron.words(job.schedule, job.timezone))
        lines.append(f"| {code(job.name)} | {words} | {models} | {job.parallelism} | {selects}{more} |")
    if len(jobs) > MOST_ROWS:
        lines.append(f"| and {len(jobs) - MOST_ROWS:,} more | | | | |")
    return "\n".join(lines) + "\n"


def _notes(notes: Sequence[Note], faults: Sequence[LoadFault]) -> str:
    lines = [f"- {MARKS[note.level]} {prose(note.sentence)} {prose(note.remedy)}" for note in notes[:MOST_NOTES]]
    lines += [
        f"- {MARKS[Level.WARNING]} {code(one.where)} did not load as it is: {prose(one.problem)} {prose(one.remedy)}"
        for one in faults[:MOST_NOTES]
    ]
    if len(faults) > MOST_NOTES:
        lines.append(f"- and {len(faults) - MOST_NOTES:,} more faults in loading the project")
    return "\n".join(["#### Worth knowing", "", *lines]) + "\n" if lines else ""


def _reasons(jobs: Sequence[ProposedJob]) -> str:
    lines = [f"- {code(job.name)}: {prose(job.reason)} _{prose(job.change)}_" for job in jobs[:MOST_ROWS]]
    return _fold("Why these jobs, and what would change them", "\n".join(lines))


def _outlook(found: Outlook, proposal: Proposal) -> str:
    topologies = [one for one in (found.proposed, found.present, found.single) if one is not None]
    if not found.proposed.jobs:
        return ""
    lines = [f"The latest that models are done after they were due, on the worst tick. {_source(found, proposal)}", ""]
    lines += [f"| cadence | models | {' | '.join(one.label for one in topologies)} |"]
    lines += [f"|---|---:|{'---:|' * len(topologies)}"]
    for late in found.proposed.lateness:
        cells = [_late(one, late.cadence.words) for one in topologies]
        lines.append(f"| {prose(late.cadence.words)} | {late.models:,} | {' | '.join(cells)} |")
    pods = " | ".join(f"{one.pods_per_day:,.1f}".removesuffix(".0") for one in topologies)
    lines += [f"| pods a day | | {pods} |", "", "| job | usual run | longest run | longest chain | overlapping ticks |"]
    lines += ["|---|---:|---:|---|---:|"]
    for job in found.proposed.jobs[:MOST_ROWS]:
        chain = " → ".join(code(name, 40) for name in _ends(job.chain))
        lines.append(
            f"| {code(job.name)} | {duration(job.usual_seconds)} | {duration(job.seconds)} | "
            f"{duration(job.chain_seconds)}: {chain} | {job.overlapping} |"
        )
    return "#### Forecast\n\n" + "\n".join(lines) + "\n"


def _source(found: Outlook, proposal: Proposal) -> str:
    """Say what the durations rest on."""
    assumed = assumptions(proposal.options)
    if found.measured == found.models:
        return "Durations are measured."
    if not found.measured:
        return f"Nothing is measured yet; assumed are {assumed}."
    return f"{found.measured:,} of {found.models:,} models are measured; for the others is assumed: {assumed}."


def _ends(chain: tuple[str, ...]) -> tuple[str, ...]:
    return chain if len(chain) <= 4 else (*chain[:2], "…", *chain[-1:])  # noqa: PLR2004 - fits a cell


def _late(one: Forecast, words: str) -> str:
    return next((duration(late.seconds) for late in one.lateness if late.cadence.words == words), "never")


def _fold(title: str, text: str) -> str:
    return f"<details><summary>{short(title)}</summary>\n\n{text}\n\n</details>\n"
