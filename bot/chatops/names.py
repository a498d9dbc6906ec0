"""From what somebody wrote to the job, run or project that was meant.

The rule: never guess. An unknown or ambiguous name is refused with the names that it may have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from bot.chatops.grammar import Facts, KnownJob
from bot.errors import UsageFault

if TYPE_CHECKING:
    from scheduler.runs import Run

SHOWN = 10


def find_job(written: str, facts: Facts) -> KnownJob:
    """Return the job that `written` (`name` or `project/name`) names.

    Raises `UsageFault` when there is none, or when several projects have one of that name.
    """
    found = [job for job in facts.jobs if written in {job.name, job.full_name}]
    exact = [job for job in found if job.full_name == written]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise UsageFault(
            f"looking for job {written!r}: {len(found)} projects have one; "
            f"write {_either(job.full_name for job in found)}"
        )
    known = [job.full_name for job in facts.jobs]
    raise UsageFault(f"looking for job {written!r}: there is none; {guess(written, known, 'meshbot jobs')}")


def find_run(written: str, facts: Facts) -> Run:
    """Return the run that was named. Raises `UsageFault` when there is none of that id."""
    if facts.run is not None:
        return facts.run
    raise UsageFault(f"looking for run {written!r}: there is none; {guess(written, facts.recent_runs, 'meshbot runs')}")


def find_project(written: str, facts: Facts) -> str:
    """Return the project that was named. Raises `UsageFault` when there is none of that name."""
    known = sorted({job.project for job in facts.jobs})
    if written in known:
        return written
    raise UsageFault(f"looking for project {written!r}: there is none; {guess(written, known, 'meshbot jobs')}")


def guess(written: str, known: Iterable[str], where: str) -> str:
    """Word what `written` may have been meant to be: close names, or all when they are few, or where to look."""
    names = list(known)
    short = {name: name.rsplit("/", 1)[-1] for name in names}
    close = get_close_matches(written, names, n=3, cutoff=0.6)
    close += [name for name in names if name not in close and get_close_matches(written, [short[name]], cutoff=0.7)]
    if close:
        return f"did you mean {_either(close[:3])}?"
    if names and len(names) <= SHOWN:
        return f"there is {', '.join(names)}"
    return f"`{where}` lists them"


def _either(names: Iterable[str]) -> str:
    *others, last = list(names)
    return f"{', '.join(others)} or {last}" if others else last


def chosen(argument: str, written: str | None, known: Sequence[str]) -> str | None:
    """Return the value if it is one of those known, or none was given. Raises `UsageFault` otherwise."""
    if written is None or written in known:
        return written
    raise UsageFault(f"reading --{argument}: there is no {written!r}; {guess(written, list(known), ', '.join(known))}")
