"""The pull-request comment: what changes first, then the jobs, the graph, warnings, the forecast, the file in a fold.

It is always shorter than GitHub allows: sections are added in the order of their worth as long as they fit, and what
was left out is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.dag import Graph
from scheduler.draw import sections
from scheduler.draw.escape import fenced
from scheduler.draw.mermaid import mermaid
from scheduler.topology import AnyJob, Difference, Outlook, Proposal, difference
from scheduler.topology.wording import count

# GitHub's limit is 65,536 characters; some room is left for what others put around it.
LARGEST = 60_000
NO_ROOM = "\n_The {} is left out: it would not fit into a comment. `meshbot generate` prints it._\n"


def markdown(
    graph: Graph, proposal: Proposal, *, present: Sequence[AnyJob] = (), yaml: str = "", outlook: Outlook | None = None
) -> str:
    """Return the comment for a proposal; `present` are the committed jobs, `yaml` the proposed file."""
    changed = difference(present, proposal.jobs, graph)
    why_removed = {one.name: one.reason for one in proposal.removed}
    parts = [
        ("summary", _head(proposal, changed, has_file=bool(present))),
        ("list of changes", sections.changes(changed, why_removed) if present else ""),
        ("table of jobs", sections.table(proposal.jobs, sections.sizes(proposal.jobs))),
        ("list of warnings", sections.notes(proposal.notes, graph.faults)),
        ("graph", fenced(mermaid(graph, proposal.jobs), "mermaid") + "\n"),
        ("forecast", _forecast(outlook, proposal)),
        ("reasons", sections.reasons(proposal.jobs)),
        ("file", sections.fold("meshbot.yaml", fenced(yaml, "yaml")) if yaml else ""),
    ]
    return sections.fitted(parts, LARGEST, NO_ROOM)


def _forecast(found: Outlook | None, proposal: Proposal) -> str:
    said = sections.forecast(found, proposal) if found else ""
    return f"#### Forecast\n\n{said}" if said else ""


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
