"""Every sentence of the comment that a pull request gets: what changes when it merges, then the topology.

The rule: pure, and bounded. The first line of each comment is its marker, by which it is found again; no other line can
be taken for one, whatever a file or a model is called.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never
from urllib.parse import quote, unquote

from bot.words import nextsteps
from bot.words.pullviews import Branches, Setting, State, View
from scheduler import cron
from scheduler.draw import LARGEST, mermaid, sections
from scheduler.draw.escape import code, fenced, prose, short, spoken
from scheduler.jobfile import Fault, Job
from scheduler.lint import Finding
from scheduler.topology import Level, Note, coverage, difference
from scheduler.topology.wording import count

OPENING = "<!-- meshbot:"
MOST_FAULTS = 50
MOST_FINDINGS = 25
MOST_LINES, LONGEST_LINE = 40, 500
AROUND_THE_FILE = 500  # the fold, its title and what says that it is cut
NO_ROOM = "\n_The {} is left out: it would not fit into a comment. `meshbot generate` prints it._\n"
TITLES = {
    State.GONE: "the project leaves",
    State.WAITS: "somebody must answer for this pull request",
    State.REFUSED: "the models cannot be read",
    State.FIRST: "jobs are proposed",
    State.CHANGES: "the schedule changes",
    State.SAME: "nothing changes",
}


def marker(kind: str, key: str) -> str:
    """Return the hidden line that tells our comments apart: `<!-- meshbot:topology warehouse -->`.

    Two different pairs have different markers, and nothing in a key ends the line early.
    """
    return f"{OPENING}{kind} {quote(key, safe='/').replace('--', '-%2D')} -->"


def folder_of(body: str) -> str | None:
    """Return the folder whose topology a comment of ours shows; None when it is about something else."""
    first, _, _ = body.partition("\n")
    head, tail = f"{OPENING}topology ", " -->"
    key = first.strip().removeprefix(head).removesuffix(tail)
    return unquote(key) if first.strip() == f"{head}{key}{tail}" else None


def marked(mark: str, text: str) -> str:
    """Return a body that begins with its marker and holds no other."""
    return f"{mark}\n{text.replace(OPENING, OPENING.replace(':', ' :'))}"


def topology(view: View, now: datetime) -> str:
    """Return the comment of one project of a pull request."""
    first = [("summary", f"### {code(view.name)}: {title(view)}\n"), ("list of changes", merging(view))]
    last = [("next steps", nextsteps.steps(view))]
    room = LARGEST - sum(len(text) for _, text in last)
    body = sections.fitted([*first, *_parts(view, now), *last], room, NO_ROOM)
    return marked(marker("topology", view.folder), body + _file(view, LARGEST - len(body)))


def title(view: View) -> str:
    """Say in a few words what there is to know."""
    if view.state is State.FAULTY:
        return f"`meshbot.yaml` has {count(len(view.faults), 'fault')}"
    if view.state is State.GONE and view.elsewhere:
        return f"the project moves to {code(view.elsewhere)}"
    if view.state is State.CHANGES and not view.changes:
        return "a change is proposed"
    return TITLES[view.state]


def merging(view: View) -> str:
    """Say what merging does to the schedule: a diff of jobs, never a dump."""
    branches = view.branches
    if view.elsewhere:
        return "What changes about its jobs stands in the comment on the new place.\n"
    head = f"Merging into {code(branches.base)} leaves the schedule alone: it is taken from {code(branches.tracked)}."
    if not branches.counts:
        return f"{head} There, this would be new:\n\n{_diff(view)}" if view.changes else f"{head}\n"
    if stuck := _stuck(view):
        return stuck
    if view.changes:
        return f"**When this merges, the schedule changes:** {_counts(view)}.\n\n{_diff(view)}"
    if view.base is None and view.after is None:
        return "Nothing is scheduled when this merges: there is no `meshbot.yaml` yet.\n"
    return "When this merges, the schedule stays as it is.\n"


def conflicting(base: str) -> str:
    """Say that nobody can tell what merging would make of a job file."""
    return (
        f"{code(base)} has changed the same lines of `meshbot.yaml` meanwhile: this cannot be merged before the "
        f"conflict is solved. Merge {code(base)} into this branch; then it is said here what changes.\n"
    )


def _stuck(view: View) -> str:
    """Say why merging would change nothing, or cannot be."""
    base = code(view.branches.base)
    if view.merged and view.merged.faults and not view.faults:
        one = view.merged.faults[0]
        return (
            f"Together with what {base} has changed in `meshbot.yaml` meanwhile, the file has a fault, and would "
            f"change nothing: {code(one.path)} {spoken(one.problem)}. Merge {base} into this branch, and mend it "
            "there.\n"
        )
    if view.after and view.after.faults:
        return "A file with a fault changes nothing: if this merged now, the jobs would go on as they are.\n"
    return conflicting(view.branches.base) if view.conflicts else ""


def faults(found: tuple[Fault, ...], url: str) -> str:
    """List the faults of a job file with their lines, and what to write instead."""
    told = []
    for one in found[:MOST_FAULTS]:
        link = f"[line {one.line}]({url}#L{one.line})" if url else f"line {one.line}"
        path = f" {code(one.path)}" if one.path else ""
        told.append(f"- 🛑 {link}{path}: {spoken(one.problem)}; {spoken(one.remedy)}")
    return "\n".join(["#### What is wrong", "", *sections.most(told, MOST_FAULTS, "faults", len(found))]) + "\n"


def warnings(view: View) -> str:
    """List what the linter found, the worst first, then what else is worth knowing of the models."""
    order = list(Level)
    linted = sorted((one for one in view.findings if one.code != "load-faults"), key=lambda one: order.index(one.level))
    lines = sections.most([_finding(one, view.url) for one in linted], MOST_FINDINGS, "findings")
    made = view.made
    if made is None:
        return "\n".join(["#### Worth knowing", "", *lines]) + "\n" if lines else ""
    known = {one.code for one in linted}
    notes: list[Note] = [note for note in made.proposal.notes if note.code not in known]
    more = sections.notes(notes, made.graph.faults)
    if not lines:
        return more
    _, _, rest = more.partition("\n\n")
    return "\n".join(["#### Worth knowing", "", *lines]) + "\n" + rest


def _finding(one: Finding, url: str) -> str:
    link = f"[line {one.line}]({url}#L{one.line})" if url else f"line {one.line}"
    return f"- {sections.MARKS[one.level]} {link}: {spoken(one.sentence)} {spoken(one.remedy)}"


def _counts(view: View) -> str:
    changed = view.change
    counts = [
        (len(changed.added), "added"),
        (len(changed.removed), "removed"),
        (len(changed.retimed), "retimed"),
        (len(changed.reselected), "with other models selected"),
        (len({*changed.resized, *(one.job for one in view.settings)}), "with other settings"),
    ]
    said = [f"{count(number, 'job')} {what}" for number, what in counts if number]
    if changed.moved:
        said.append(f"{count(len(changed.moved), 'model')} moved")
    return ", ".join(said) or "the project has another name"


def _diff(view: View) -> str:
    words = {job.name: _words(job) for job in view.after.jobs} if view.after else {}
    gone = {} if view.after else dict.fromkeys(view.change.removed, "there is no job file any more")
    said = sections.changes(view.change, gone, words)
    settings = [_setting(one) for one in view.settings]
    if settings:
        said += "\n".join(sections.most(settings, sections.MOST_ROWS, "settings")) + "\n"
    if view.old_name:
        said = f"- the project {code(view.old_name)} is called {code(view.name)}: its jobs begin anew\n{said}"
    return said


def _words(job: Job) -> str:
    return cron.words(job.schedule, job.timezone)


def _setting(one: Setting) -> str:
    return f"- **another {prose(one.key)}** for {code(one.job)}" + (
        f": {code(one.before)} → {code(one.after)}" if one.after else ""
    )


def _parts(view: View, now: datetime) -> list[tuple[str, str]]:
    match view.state:
        case State.GONE:
            return []
        case State.FAULTY:
            return [("list of faults", faults(view.faults, view.url)), ("table of jobs", _present(view, now))]
        case State.WAITS:
            return [("reason", _waits(view.branches))]
        case State.REFUSED:
            return [("reason", _refused(view.refused)), ("table of jobs", _present(view, now))]
        case State.SAME:
            return [("list of warnings", warnings(view)), ("table of jobs", _present(view, now))]
        case State.FIRST | State.CHANGES:
            return _topology(view, now)
        case _:
            assert_never(view.state)


def _waits(branches: Branches) -> str:
    return (
        "Reading its models would run its code, and it comes from a fork or from somebody without write permission "
        "here. Whoever has that permission looks at the changes and says so; that holds for the commit "
        f"{code(branches.head[:12])} only.\n"
    )


def _refused(reason: str) -> str:
    lines = [short(line, LONGEST_LINE) for line in reason.splitlines()]
    return fenced("\n".join(sections.most(lines, MOST_LINES, "lines")), "text") + "\n"


def _topology(view: View, now: datetime) -> list[tuple[str, str]]:
    made = view.made
    if made is None:
        return [("table of jobs", _present(view, now))]
    jobs = made.proposal.jobs
    return [
        ("proposal", _proposed(view)),
        ("table of jobs", _then(view) + sections.table(jobs, sections.sizes(jobs), now)),
        ("list of warnings", warnings(view)),
        ("graph", fenced(mermaid(made.graph, jobs), "mermaid") + "\n"),
        ("forecast", sections.fold("Forecast", sections.forecast(made.outlook(), made.proposal))),
        ("reasons", sections.reasons(jobs)),
    ]


def _proposed(view: View) -> str:
    """Say what Meshbot would change about the file at the head."""
    made = view.made
    if made is None or not made.changed:
        return ""
    if made.present is None:
        size = f"{count(len(made.proposal.run_jobs), 'run job')} for {count(made.proposal.models, 'model')}"
        return f"**Proposed:** {size}, and a janitor.\n"
    changed = difference(made.present.jobs, made.proposal.jobs, made.graph)
    reasons = {one.name: one.reason for one in made.proposal.removed}
    words = {job.name: cron.words(job.schedule, job.timezone) for job in made.proposal.jobs}
    return "**Proposed for `meshbot.yaml`, because of the models:**\n\n" + sections.changes(changed, reasons, words)


def _then(view: View) -> str:
    """Say which jobs the table has, where that could be mistaken."""
    return "With that, the jobs would be:\n\n" if view.head and view.proposes else ""


def _present(view: View, now: datetime) -> str:
    """Show in a fold the jobs that there are: those of the last file without a fault."""
    last = view.base if view.faults else view.head
    if last is None or not last.jobs:
        return ""
    sizes: dict[str, int] = {}
    drawn = ""
    if view.graph is not None:
        sizes = {name: len(models) for name, models in coverage(view.graph, last.jobs).owned.items()}
        drawn = "\n" + fenced(mermaid(view.graph, last.jobs), "mermaid")
    return sections.fold("The jobs as they are", sections.table(last.jobs, sizes, now) + drawn)


def _file(view: View, room: int) -> str:
    """Show the proposed file in a fold; what does not fit of it is cut, and that is said."""
    made = view.made
    if made is None or not made.changed:
        return ""
    text, cut = made.text, ""
    left = room - AROUND_THE_FILE - len(view.url)
    if len(text) > left:
        lines = text.splitlines(keepends=True)
        kept, used = 0, 0
        while kept < len(lines) and used + len(lines[kept]) <= left:
            used += len(lines[kept])
            kept += 1
        text = "".join(lines[:kept])
        cut = _cut(len(lines) - kept, len(lines), view.url)
    return "\n" + sections.fold("The proposed meshbot.yaml", fenced(text, "yaml") + cut)


def _cut(left_out: int, lines: int, url: str) -> str:
    """Say what is left out of a file, and where all of it is."""
    present = f" [The file as it is]({url}) has the lines that stay." if url else ""
    return (
        f"\n\n_{left_out:,} of {lines:,} lines are left out: they would not fit into a comment._ "
        f"`/meshbot accept` commits the whole file.{present}"
    )
