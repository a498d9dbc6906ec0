"""The parts of a comment about jobs: what changes, the table, what is worth knowing, the forecast, folds.

Each part is bounded by itself and harmless whatever names are in it; whoever puts parts together sees to the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from scheduler import cron
from scheduler.dag import LoadFault
from scheduler.draw.escape import code, prose, short, spoken
from scheduler.jobfile import JobType
from scheduler.topology import AnyJob, Difference, Forecast, Level, Note, Outlook, Proposal, ProposedJob
from scheduler.topology.wording import assumptions, duration

MOST_MOVES = 30
MOST_ROWS = 60
MOST_NOTES = 25
A_WEEK = timedelta(days=7)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NO_REASONS: Mapping[str, str] = MappingProxyType({})
MARKS = {"error": "🛑", "warning": "⚠️", "note": "💬"}


def changes(changed: Difference, reasons: Mapping[str, str] = NO_REASONS, added: Mapping[str, str] = NO_REASONS) -> str:
    """List what changes from one set of jobs to another; `reasons` say why jobs are removed, `added` what new ones are.

    At most so many lines of each kind; what is not listed is counted.
    """
    new = [(name, added.get(name, "")) for name in changed.added]
    kinds = [
        [f"- **added** {code(name)}{f': {prose(said)}' if said else ''}" for name, said in new],
        [f"- **removed** {code(name)}: {prose(reasons.get(name, 'not in the new file'))}" for name in changed.removed],
        [f"- **retimed** {code(one.name)}: {code(one.before)} → {code(one.after)}" for one in changed.retimed],
        [f"- **other models selected** by {code(name)}" for name in changed.reselected],
        [f"- **another number of pods** for {code(name)}" for name in changed.resized],
    ]
    lines = [line for kind in kinds for line in most(kind, MOST_ROWS, "jobs")]
    moved = [f"- {code(one.model)}: {_home(one.before)} → {_home(one.after)}" for one in changed.moved]
    lines += most(moved, MOST_MOVES, "models")
    return "\n".join(lines) + "\n" if lines else ""


def most(lines: Sequence[str], number: int, what: str, total: int = 0) -> list[str]:
    """Return the first lines of a list, and say how many more there are (of `total`, if not all lines are given)."""
    left = max(total, len(lines)) - number
    return [*lines[:number], *([f"- and {left:,} more {what}"] if left > 0 else [])]


def _home(job: str | None) -> str:
    return code(job) if job else "no job"


def sizes(jobs: Sequence[ProposedJob]) -> dict[str, int]:
    """Return how many models each job is responsible for."""
    return {job.name: len(job.models) for job in jobs}


def table(jobs: Sequence[AnyJob], models: Mapping[str, int], now: datetime | None = None) -> str:
    """Show jobs in a table; with `now` also when each is due next."""
    next_due = (" next (UTC) |", "---|", " |") if now else ("", "", "")
    lines = [f"| job | runs |{next_due[0]} models | pods | selects |", f"|---|---|{next_due[1]}---:|---:|---|"]
    for job in jobs[:MOST_ROWS]:
        size = f"{models.get(job.name, 0):,}" if job.type is JobType.RUN else "janitor"
        selects = ", ".join(code(text, 60) for text in job.select[:4]) or (
            "everything" if job.type is JobType.RUN else ""
        )
        more = f" and {len(job.select) - 4:,} more" if len(job.select) > 4 else ""  # noqa: PLR2004 - fits a cell
        words = prose(cron.words(job.schedule, job.timezone))
        due = f" {_due(job, now)} |" if now else ""
        lines.append(f"| {code(job.name)} | {words} |{due} {size} | {job.parallelism} | {selects}{more} |")
    if len(jobs) > MOST_ROWS:
        lines.append(f"| and {len(jobs) - MOST_ROWS:,} more | |{next_due[2]} | | |")
    return "\n".join(lines) + "\n"


def _due(job: AnyJob, now: datetime) -> str:
    """Say the next two ticks in UTC, of the second one only what differs."""
    schedule = cron.parse(job.schedule, job.timezone)
    first = schedule.next(now)
    second = schedule.next(first)
    if second.date() == first.date():
        return f"{moment(first)}, {second:%H:%M}"
    near = second - first < A_WEEK
    return f"{moment(first)}, {f'{DAYS[second.weekday()]} {second:%H:%M}' if near else moment(second)}"


def moment(at: datetime) -> str:
    """Say a moment: `Sat 2026-01-31 06:15`."""
    return f"{DAYS[at.weekday()]} {at:%Y-%m-%d %H:%M}"


def notes(found: Sequence[Note], faults: Sequence[LoadFault]) -> str:
    """List what is worth knowing of the models, and what stood in the way of loading them."""
    lines = most(
        [f"- {MARKS[note.level]} {spoken(note.sentence)} {spoken(note.remedy)}" for note in found], MOST_NOTES, "notes"
    )
    loading = [
        f"- {MARKS[Level.WARNING]} {code(one.where)} did not load as it is: {spoken(one.problem)} {spoken(one.remedy)}"
        for one in faults
    ]
    lines += most(loading, MOST_NOTES, "faults in loading the project")
    return "\n".join(["#### Worth knowing", "", *lines]) + "\n" if lines else ""


def reasons(jobs: Sequence[ProposedJob]) -> str:
    """Say in a fold why each job is as it is."""
    lines = [f"- {code(job.name)}: {spoken(job.reason)} _{spoken(job.change)}_" for job in jobs[:MOST_ROWS]]
    return fold("Why these jobs, and what would change them", "\n".join(lines))


def forecast(found: Outlook, proposal: Proposal) -> str:
    """Show how late models are at worst and how long runs take; nothing, when nothing runs."""
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
    return "\n".join(lines) + "\n"


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


def fold(title: str, text: str) -> str:
    """Put text behind a title that opens it; nothing, when there is none."""
    return f"<details><summary>{short(title)}</summary>\n\n{text.strip()}\n\n</details>\n" if text.strip() else ""


def fitted(parts: Sequence[tuple[str, str]], largest: int, no_room: str) -> str:
    """Put named parts together, each with a blank line before it, as long as they fit into so many characters.

    Parts are given in the order in which they are shown, and the earlier one is worth more. `no_room` is said in the
    place of one that does not fit, with its name in place of `{}`.
    """
    there = [(name, text) for name, text in parts if text]
    found = ""
    for name, text in there:
        fits = len(found) + len(text) + 1 <= largest - len(there) * len(no_room) * 2
        found += ("\n" if found else "") + (text if fits else no_room.format(name).lstrip("\n"))
    return found
