"""What the check of a commit on the tracked branch says: what it did to the schedule, and when jobs are due next.

The rule: pure. A fault fails the check and stands on its line; what was merged beside it is told all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.gh.shapes import Check
from bot.sync import Faulty, Merged, Synced
from bot.words import checks
from scheduler import cron
from scheduler.draw import sections
from scheduler.draw.escape import code, prose, short
from scheduler.jobfile import Fault
from scheduler.store import JobRow
from scheduler.topology.wording import count

IDENTITY = "push"
LARGEST = 40_000  # characters; GitHub takes 65,535 bytes
MOST_JOBS = 60
MOST_FAULTS = 50
NO_ROOM = "\n_{} would not fit in here; `meshbot jobs` lists the jobs as they are now._\n"


def pushed(synced: Synced, jobs: Sequence[JobRow], now: datetime) -> Check | None:
    """Return the check of a commit; `jobs` are those of the schedule. None when the commit is nothing to Meshbot."""
    if not (synced.merged or synced.removed or synced.faulty):
        return None
    notes = [note for one in synced.faulty for note in checks.notes(one.path, one.faults)]
    return Check(
        IDENTITY,
        title(synced),
        summary(synced, jobs, now),
        "failure" if synced.faulty else "success",
        tuple(notes[: checks.MOST_NOTES]),
    )


def title(synced: Synced) -> str:
    """Say in a few words what happened."""
    faults = sum(len(one.faults) for one in synced.faulty)
    wrong = [f"{count(faults, 'fault')} in {_files(synced.faulty)}"] if synced.faulty else []
    gone = [f"{', '.join(synced.removed)} no longer scheduled"] if synced.removed else []
    kinds = [
        (sum(len(one.change.added) for one in synced.merged), "added"),
        (sum(len(one.change.retimed) for one in synced.merged), "retimed"),
        (sum(len(one.change.changed) for one in synced.merged), "changed"),
        (sum(len(one.change.removed) for one in synced.merged), "removed"),
    ]
    done = [f"{count(number, 'job')} {what}" for number, what in kinds if number]
    return short("; ".join([*wrong, *gone, ", ".join(done)]).strip("; ") or "The schedule stays as it is", 200)


def summary(synced: Synced, jobs: Sequence[JobRow], now: datetime) -> str:
    """Say first what is wrong, then what happened to each project."""
    parts = [_faulty(one) for one in synced.faulty]
    parts += [_removed(name) for name in synced.removed]
    parts += [_merged(one, _rows(one, jobs), now) for one in synced.merged]
    found = _head(synced)
    for number, part in enumerate(parts):
        if len(found) + len(part) > LARGEST:
            return found + NO_ROOM.format(count(len(parts) - number, "more part"))
        found += f"\n{part}"
    return found


def _head(synced: Synced) -> str:
    branch = code(synced.branch)
    if not synced.faulty:
        return f"The schedule follows {branch}, and is as this commit says.\n"
    what = "What is faulty" if synced.merged else "Nothing"
    goes_on = f"{what} was not merged: its jobs go on as they were." if synced.merged else "Nothing was merged."
    return f"{goes_on} While a file is faulty, no project is removed. Mend it and push to {branch}.\n"


def _files(faulty: Sequence[Faulty]) -> str:
    return faulty[0].path if len(faulty) == 1 else count(len(faulty), "file")


def _faulty(one: Faulty) -> str:
    lines = sections.most([_fault(fault) for fault in one.faults], MOST_FAULTS, "faults")
    return "\n".join([f"### {code(one.path)} has {count(len(one.faults), 'fault')}", "", *lines]) + "\n"


def _fault(fault: Fault) -> str:
    path = f" {code(fault.path)}" if fault.path else ""
    return f"- 🛑 line {fault.line}, column {fault.column}{path}: {prose(fault.problem)}; {prose(fault.remedy)}"


def _removed(project: str) -> str:
    return (
        f"### {code(project)} is no longer scheduled\n\nIts job file is gone. Runs that are under way end by "
        "themselves, its history stays, and it goes on when the file comes back.\n"
    )


def _rows(one: Merged, jobs: Sequence[JobRow]) -> dict[str, JobRow]:
    return {row.name: row for row in jobs if row.project == one.project}


def _merged(one: Merged, rows: dict[str, JobRow], now: datetime) -> str:
    change = one.change
    kinds = [("added", change.added), ("retimed", change.retimed), ("changed", change.changed)]
    lines = [
        line
        for kind, names in kinds
        for line in sections.most([_job(kind, name, rows.get(name), now) for name in names], MOST_JOBS, "jobs")
    ]
    gone = [f"- **removed** {code(name)}: a run that is under way ends by itself" for name in change.removed]
    lines += sections.most(gone, MOST_JOBS, "jobs")
    parts = [f"### {code(one.project)}", "\n".join(lines), _same(one, rows, now)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _job(kind: str, name: str, row: JobRow | None, now: datetime) -> str:
    if row is None or row.removed_at is not None:  # another commit was faster
        return f"- **{kind}** {code(name)}"
    words = prose(cron.words(row.job.schedule, row.job.timezone))
    return f"- **{kind}** {code(name)}: {words}; {_due(row, now)}"


def _due(row: JobRow, now: datetime) -> str:
    if (pause := row.paused(now)) is not None:
        return f"paused: {prose(pause.reason)}"
    return f"next on {sections.moment(row.job.cron.next(now))} UTC"


def _same(one: Merged, rows: dict[str, JobRow], now: datetime) -> str:
    """Say what did not change, and which job is due next of all."""
    number = len(one.change.unchanged)
    everything = not (one.change.added or one.change.retimed or one.change.changed or one.change.removed)
    if number == 0:
        same = "" if not everything else "There is no job in it."
    else:
        same = f"{count(number, 'job')} {'is' if number == 1 else 'are'} as before."
    live = [row for row in rows.values() if row.removed_at is None and row.paused(now) is None]
    if not live:
        return same
    first = min(live, key=lambda row: row.job.cron.next(now))
    return f"{same} Next of all: {code(first.name)}, on {sections.moment(first.job.cron.next(now))} UTC.".strip()
