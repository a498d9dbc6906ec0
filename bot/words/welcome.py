"""What the pull request says that offers a repository its first job file.

The rule: as for all comments: pure and bounded, and it says how to decline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.proposing import Proposed
from scheduler.draw import LARGEST, mermaid, sections
from scheduler.draw.escape import code, fenced, spoken
from scheduler.topology.wording import count

TITLE = "Run the models of this repository with Meshbot"
MOST_UNREAD = 20
NO_ROOM = "\n_The {} is left out: it would not fit here. The files of this pull request have it._\n"


def message(made: Sequence[Proposed]) -> str:
    """Return the message of the commit."""
    return f"Propose jobs for {', '.join(one.called for one in made)}\n\nGenerated from the models and their cadences."


def body(made: Sequence[Proposed], unread: Mapping[str, str], branch: str) -> str:
    """Return the text of the pull request: what it is, what merging does, how to change it and how to decline."""
    parts = [("introduction", _introduction(made, branch))]
    parts += [(f"table of {one.called}", _project(one)) for one in made]
    parts.append(("list of what does not load", _unread(unread)))
    parts += [(f"graph of {one.called}", _graph(one)) for one in made]
    return sections.fitted(parts, LARGEST, NO_ROOM)


def _introduction(made: Sequence[Proposed], branch: str) -> str:
    files = " and ".join(code(one.path) for one in made)
    return (
        f"{'There are' if len(made) > 1 else 'There is'} {count(len(made), 'SQLMesh project')} here, and no job file. "
        f"This adds {files}, with jobs made from the models and their cadences.\n\n"
        f"- **Merging** puts these jobs into the schedule; from then on {code(branch)} says what runs. Until then "
        "nothing runs.\n"
        "- **Change** what you like: edit the file on this branch, or write a comment such as `/meshbot set JOB "
        'schedule="30 * * * *"`. `/meshbot help` lists the commands.\n'
        "- **Decline** by closing this pull request. It is never opened again; a `meshbot.yaml` of your own is always "
        "welcome.\n"
    )


def _project(one: Proposed) -> str:
    jobs = one.proposal.jobs
    notes = sections.notes(one.proposal.notes, one.graph.faults).replace("#### Worth knowing\n\n", "")
    table = sections.table(jobs, sections.sizes(jobs))
    return "\n".join(part for part in (f"### {code(one.called)}\n", table, notes) if part)


def _graph(one: Proposed) -> str:
    drawn = fenced(mermaid(one.graph, one.proposal.jobs), "mermaid")
    return sections.fold(f"The models of {one.called}", f"{drawn}\n\n{sections.reasons(one.proposal.jobs)}")


def _unread(unread: Mapping[str, str]) -> str:
    lines = [f"- {code(folder)}: {spoken(why)}" for folder, why in unread.items()]
    if not lines:
        return ""
    head = "#### What does not load\n\nThese look like projects, too, and got no job file:\n\n"
    return head + "\n".join(sections.most(lines, MOST_UNREAD, "folders")) + "\n"
