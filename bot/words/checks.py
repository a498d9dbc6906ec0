"""What a check run says: the summary, notes on lines, a conclusion and buttons.

The rule: pure. A fault of a job file and an error of the linter fail the check; a warning is shown and fails nothing;
what waits for people, or has no jobs yet, is neutral.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.gh.shapes import Annotation, Button, Check, Conclusion, Level
from bot.words import comments
from bot.words.pullviews import State, View
from scheduler.draw.escape import code, short, spoken
from scheduler.jobfile import Fault
from scheduler.lint import Finding
from scheduler.topology import Level as Matters

ACCEPT = Button("Accept", "Commit the proposed jobs to this branch", "accept")
REGENERATE = Button("Regenerate", "Read the models again", "regenerate")
LARGEST = 60_000  # bytes; GitHub takes 65,535
MOST_NOTES = 200  # GitHub takes any number, people do not
LONGEST_NOTE = 1000
LEVELS: dict[Matters, Level] = {Matters.ERROR: "failure", Matters.WARNING: "warning", Matters.NOTE: "notice"}
CUT = "\n\n_The rest does not fit here; the comments on the pull request have it._\n"


def identity(number: int) -> str:
    """Return what tells the check of a pull request from others on the same commit."""
    return f"pull:{number}"


def reading(number: int) -> Check:
    """Say that the models are being read."""
    return Check(identity(number), "Reading the models", "The comment and this check follow in a moment.")


def pull(number: int, views: Sequence[View], left_out: int = 0) -> Check:
    """Return the check of a pull request. `left_out`: so many projects got no comment, for there are too many."""
    told = [view for view in views if view.worth_a_comment]
    if not told:
        unread = [view for view in views if view.refused]
        summary = "No SQLMesh project and no `meshbot.yaml` is changed.\n" + "".join(_unread(view) for view in unread)
        return Check(identity(number), "Nothing changes for the schedule", _clipped(summary), "success")
    summary = "\n".join(_summary(view) for view in told)
    if left_out:
        summary += f"\n{left_out:,} more projects have no comment of their own here: one pull request gets a few.\n"
    lines = [note for view in told for note in notes(view.path, view.faults, view.findings)]
    return Check(
        identity(number),
        short("; ".join(_title(view) for view in told), 200),
        _clipped(summary),
        _conclusion(told),
        tuple(lines[:MOST_NOTES]),
        (ACCEPT, REGENERATE) if any(_acceptable(view) for view in told) else (REGENERATE,),
    )


def notes(path: str, faults: Sequence[Fault], findings: Sequence[Finding] = ()) -> tuple[Annotation, ...]:
    """Return the notes on the lines of a job file. Their text is shown as it is, not as Markdown."""
    wrong = [
        _note(path, one.line, "failure", f"{one.problem}; {one.remedy}", one.path or "meshbot.yaml") for one in faults
    ]
    found = [
        _note(path, one.line, LEVELS[one.level], f"{one.sentence} {one.remedy}", one.job or one.code)
        for one in findings
    ]
    return (*wrong, *found)


def _note(path: str, line: int, level: Level, message: str, title: str) -> Annotation:
    return Annotation(path, line, line, level, short(message, LONGEST_NOTE), short(title))


def _conclusion(views: Sequence[View]) -> Conclusion:
    bad = any(view.faults or any(one.level is Matters.ERROR for one in view.findings) for view in views)
    open_ = {State.WAITS, State.REFUSED, State.FIRST}
    return "failure" if bad else "neutral" if any(view.state in open_ for view in views) else "success"


def _acceptable(view: View) -> bool:
    return view.proposes and view.state in {State.FIRST, State.CHANGES} and view.branches.can_be_pushed


def _title(view: View) -> str:
    return f"{view.name}: {comments.title(view).replace('`', '')}"


def _summary(view: View) -> str:
    faults = comments.faults(view.faults, view.url) if view.faults else ""
    parts = [
        f"### {code(view.name)}: {comments.title(view)}\n",
        comments.merging(view),
        faults,
        comments.warnings(view),
    ]
    return "\n".join(part for part in parts if part)


def _unread(view: View) -> str:
    return f"\n{code(view.folder)} looks like a project and does not load: {spoken(view.refused)}\n"


def _clipped(text: str) -> str:
    """Return as many lines of a summary as GitHub takes."""
    if len(text.encode()) <= LARGEST:
        return text
    kept: list[str] = []
    room = LARGEST - len(CUT.encode())
    for line in text.splitlines():
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept) + CUT
