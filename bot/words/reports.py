"""What a comment says of a run: that it waits, that it runs, how it ended and with what, and what it printed.

The rule: pure, escaped and bounded, as all comments are. Secrets are out of a log before it gets here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from bot import layouts, reportlines, shapes
from bot.pages import STATES, Clock, Tone
from bot.words import comments
from bot.words.markdown import MARKS, render
from scheduler.draw.escape import code, fenced, prose, short

LONGEST_LOG = 12_000
"""So many characters of a log's end are shown."""
LONGEST_LINE = 500
MOST_NAMES = 10
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
ACTIVE = {
    "queued": "waits for its turn",
    "starting": "is being started",
    "running": "runs",
}
FAILED = frozenset({"failed", "partial", "timed_out", "lost"})


def run(found: shapes.RunAnswer, now: datetime, *, elsewhere: bool = False) -> str:
    """Say how a run stands: in a line while it goes on, with a table of its models when it has ended.

    `elsewhere`: where it is said may be a closed pull request, on which nothing runs.
    """
    one = found["run"]
    lines = [_standing(one, now)]
    if one["state"] not in ACTIVE and one["message"]:
        lines.append(f"> {prose(one['message'])}")
    if found["models"]:
        lines += ["", render((layouts.models_table(found["models"]),))]
    return "\n".join([*lines, "", *_next(found, elsewhere=elsewhere)]).rstrip()


def log(found: shapes.RunAnswer, printed: bytes, now: datetime, *, more: bool = False) -> str:
    """Show the end of what a run has printed; `more`: there was more before it than is given."""
    one = found["run"]
    whole = printed.partition(b"\n")[2] if more else printed
    text, left_out = tail(whole, Clock(now, UTC))
    if not text:
        return f"{_standing(one, now)} It has printed nothing{'' if one['state'] not in ACTIVE else ' yet'}."
    cut = " Only the end is shown." if more else f" The first {left_out:,} lines are left out." if left_out else ""
    return f"{_standing(one, now)}{cut}\n\n{fenced(text, 'text')}"


def tail(printed: bytes, clock: Clock, longest: int = LONGEST_LOG) -> tuple[str, int]:
    """Return the last whole lines of a log that fit, without colours and steering; how many are before them."""
    text = ANSI.sub("", printed.decode(errors="replace")).replace("\r\n", "\n").rstrip()
    told = ("".join(cell.text for cell in reportlines.line(line, clock).cells) for line in text.split("\n"))
    lines = [short(line.rstrip().replace("\t", "    "), LONGEST_LINE) for one in told for line in one.split("\n")]
    kept: list[str] = []
    room = longest
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept)).strip("\n"), len(lines) - len(kept)


def failure(found: shapes.RunAnswer, changed: Sequence[str], now: datetime) -> str:
    """Tell a pull request of a run in which models failed that it was the last to change: `changed`."""
    one = found["run"]
    job = f"{one['project']}/{one['job']}"
    which = ", ".join(code(name) for name in changed[:MOST_NAMES])
    more = f" and {len(changed) - MOST_NAMES:,} more" if len(changed) > MOST_NAMES else ""
    head = f"### {code(job)} {_ended(one['state'])}\n\n"
    why = f"This pull request was the last to change {which}{more}, which failed in it.\n\n"
    body = head + why + run(found, now, elsewhere=True)
    return comments.marked(failure_marker(one["project"], one["job"]), body)


def failure_marker(project: str, job: str) -> str:
    """Return the marker of the one comment in which a pull request is told of the failures of a job."""
    return comments.marker("failure", f"{project}/{job}")


def _standing(one: shapes.Run, now: datetime) -> str:
    job = f"**{prose(one['project'] + '/' + one['job'])}**"
    mark = MARKS.get(STATES.get(one["state"], Tone.BAD), "🕓 ")
    if one["state"] in ACTIVE:
        return f"{mark}{job} {ACTIVE[one['state']]} as {code(one['id'])}."
    took = "" if one["started_at"] is None else f" after {layouts.took(one, Clock(now, UTC))}"
    return f"{mark}{job} {_ended(one['state'])}{took} as {code(one['id'])}."


def _ended(state: str) -> str:
    words = {
        "succeeded": "succeeded",
        "noop": "had nothing to do",
        "partial": "succeeded in part",
        "failed": "failed",
        "interrupted": "made way for a plan",
        "cancelled": "was cancelled",
        "timed_out": "took too long and was ended",
        "lost": "was lost",
    }
    return words.get(state, state.replace("_", " "))


def _next(found: shapes.RunAnswer, *, elsewhere: bool) -> list[str]:
    one = found["run"]
    logs, run_id = "`/meshbot logs {}`", one["id"]
    if one["state"] in ACTIVE:
        return [
            f"This comment follows it. {logs.format(run_id)} shows what it prints, `/meshbot cancel {run_id}` ends it."
        ]
    if one["state"] in FAILED:
        some = any(model["status"] in {"failed", "blocked"} for model in found["models"])
        again = f"`/meshbot retry {run_id}{' --failed' * some}` runs {'what failed' if some else 'it'} again"
        where = ", on an open pull request" if elsewhere else ""
        return [f"{logs.format(run_id)} shows what it printed; {again}{where}."]
    if one["state"] in {"cancelled", "interrupted"}:
        return [f"`/meshbot retry {run_id}` runs it again."]
    return []
