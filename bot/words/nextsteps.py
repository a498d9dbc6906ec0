"""What to do next, at the end of a comment: the exact commands for the state in which a pull request is.

The rule: as for all comments: pure, and no command is named that would be refused as things stand.
"""

from __future__ import annotations

from bot.words.pullviews import State, View
from scheduler.draw.escape import code
from scheduler.topology import Standing

HEAD = "#### What to do next\n\n"


def steps(view: View) -> str:
    """List what may be done; nothing, when there is nothing to do."""
    lines = _lines(view)
    return HEAD + "\n".join(f"- {line}" for line in lines) + "\n" if lines else ""


def _lines(view: View) -> list[str]:
    if view.state is State.FAULTY:
        return ["Mend the lines above and push. Where the right word is clear, it is suggested on the line itself."]
    if view.state is State.WAITS:
        return [f"{code(f'/meshbot ok-to-test {view.branches.head[:12]}')}, from somebody with write permission."]
    if view.state is State.REFUSED:
        return ["Mend the project and push, or write `/meshbot generate` to have it read again."]
    if view.state not in {State.FIRST, State.CHANGES}:
        return []
    return [*_proposal(view), *_merge(view)]


def _proposal(view: View) -> list[str]:
    made = view.made
    if made is None or not made.changed:
        return []
    job = next((one.name for one in made.proposal.run_jobs if one.standing is not Standing.KEPT), "JOB")
    other = code(f'/meshbot set {job} schedule="30 * * * *"')
    where = (
        "commits the proposed file to this branch"
        if view.branches.can_be_pushed
        else ("replies with the file to copy, for this branch cannot be pushed to")
    )
    return [
        f"`/meshbot accept` {where}; {code(f'/meshbot accept {job}')} takes one job only.",
        f"{other} writes a job differently; so do `timezone=`, `select=` and others.",
    ]


def _merge(view: View) -> list[str]:
    if not view.branches.counts or not view.changes or view.proposes:
        return []
    return ["Approve and merge: then these are the jobs. `/meshbot merge` does it once the file is approved."]
