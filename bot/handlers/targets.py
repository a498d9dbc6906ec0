"""Which projects of a pull request a command is about, and which job file a job stands in.

The rule: never guess. A name that is there twice, or not at all, is refused with the names that it may have been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.chatops.names import guess
from bot.errors import Refused, UsageFault
from bot.handlers.pullreading import job_file
from bot.proposing import project_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.handlers.pullreading import Ground

MOST = 5
"""So many projects are answered for in one reply."""


def folders(ground: Ground, written: str | None) -> tuple[str, ...]:
    """Return the folders of the project that is named; or of those that the pull request touches, or of all.

    Raises `UsageFault` when there is none.
    """
    there = tuple(one for one in ground.folders if one in ground.projects or job_file(one) in ground.after)
    if not there:
        raise UsageFault("looking for a project in this pull request: there is none at its head")
    if written is not None:
        return (_named(ground, there, written),)
    return (tuple(one for one in there if one in ground.touched) or there)[:MOST]


def called(ground: Ground, folder: str) -> str:
    """Name the project in a folder, as its job file does, or after the folder."""
    committed = ground.after.get(job_file(folder))
    return committed.file.project if committed and committed.file else project_name(ground.called(folder))


def file_of(ground: Ground, job: str) -> tuple[str, str]:
    """Return the path of the job file in which a job (`name`, or `project/name`) stands, and its plain name.

    Raises `UsageFault` when there is no such job or several, `Refused` when a faulty file may have it.
    """
    well = [(path, one.file) for path, one in ground.after.items() if one.file]
    named = [(path, file.project, entry.name) for path, file in well for entry in file.jobs]
    found = [one for one in named if job in {one[2], f"{one[1]}/{one[2]}"}]
    if len(found) == 1:
        return found[0][0], found[0][2]
    if found:
        either = " or ".join(f"{project}/{name}" for _, project, name in found)
        raise UsageFault(f"looking for job {job!r}: {len(found)} projects have one; write {either}")
    faulty = [path for path, one in ground.after.items() if one.faults]
    if faulty:
        raise Refused(f"looking for job {job!r}: {', '.join(faulty)} has faults; `meshbot validate` lists them")
    known = [f"{project}/{name}" for _, project, name in named]
    raise UsageFault(
        f"looking for job {job!r} in this pull request: there is none; {guess(job, known, 'meshbot.yaml')}"
    )


def _named(ground: Ground, there: Sequence[str], written: str) -> str:
    plain = written.strip("/") or "."
    names = {folder: called(ground, folder) for folder in there}
    found = [folder for folder, name in names.items() if plain in {folder, name}]
    if len(found) == 1:
        return found[0]
    if plain in found:
        return plain
    known = [*dict.fromkeys([*names.values(), *there])]
    problem = f"{len(found)} are called so; name its folder" if found else "there is none"
    raise UsageFault(f"looking for project {written!r} in this pull request: {problem}; {guess(plain, known, 'diff')}")
