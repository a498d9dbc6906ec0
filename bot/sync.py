"""A commit becomes the schedule: every `meshbot.yaml` of it is read and merged.

The rule: a faulty file changes nothing of its project. While any file is faulty, no project is removed either, since a
project that seems to be gone may have moved into the faulty one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.checkout import Entry
from scheduler import jobfile
from scheduler.errors import UserError
from scheduler.jobfile import Fault, JobFile
from scheduler.store import Origin, ScheduleChange, Store


@dataclass(frozen=True)
class Faulty:
    """A file that changes nothing, and everything that is wrong in it."""

    path: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Merged:
    """A project that was merged, and what that did to its jobs."""

    project: str
    path: str
    change: ScheduleChange


@dataclass(frozen=True)
class Synced:
    """What a commit did."""

    branch: str
    sha: str
    merged: tuple[Merged, ...] = ()
    removed: tuple[str, ...] = ()
    faulty: tuple[Faulty, ...] = ()


def read(entries: Sequence[Entry]) -> tuple[list[tuple[Entry, JobFile]], list[Faulty]]:
    """Sort the files of a commit into those that are well and those that are not."""
    well: list[tuple[Entry, JobFile]] = []
    faulty: list[Faulty] = []
    for entry in entries:
        try:
            if entry.fault:
                faulty.append(_of_file(entry.path, entry.fault))
            else:
                well.append((entry, jobfile.parse(entry.text, entry.path)))
        except jobfile.JobFileError as error:
            faulty.append(Faulty(entry.path, error.faults))
    twice = _twice(well)
    kept = [(entry, file) for entry, file in well if entry.path not in {fault.path for fault in twice}]
    return kept, faulty + twice


def merge(store: Store, entries: Sequence[Entry], repository: str, branch: str, sha: str, now: datetime) -> Synced:
    """Merge what is well into the live schedule, in one transaction; merging the same commit again changes nothing."""
    files = read(entries)  # which takes its time, and nobody is to wait for it

    def taken(file: JobFile, origin: Origin) -> ScheduleChange:
        return store.merge_schedule(file, origin, now)

    with store.together():
        done = _judged(files, Origin(repository, ".", branch, sha), taken)
        gone = [] if done.faulty else _gone(store, repository, done)
        return replace(done, removed=tuple(name for name in gone if store.remove_project(name, now)))


def foresee(store: Store, entries: Sequence[Entry], repository: str, branch: str, sha: str, now: datetime) -> Synced:
    """Say what `merge` would do now, and change nothing."""

    def taken(file: JobFile, origin: Origin) -> ScheduleChange:
        return store.foresee_merge(file, origin, now)

    done = _judged(read(entries), Origin(repository, ".", branch, sha), taken)
    return replace(done, removed=() if done.faulty else tuple(_gone(store, repository, done)))


def _judged(
    files: tuple[list[tuple[Entry, JobFile]], list[Faulty]],
    origin: Origin,
    taken: Callable[[JobFile, Origin], ScheduleChange],
) -> Synced:
    well, faulty = files[0], [*files[1]]
    merged = []
    for entry, file in well:
        try:
            change = taken(file, replace(origin, path=entry.folder))
            merged.append(Merged(file.project, entry.path, change))
        except UserError as error:
            faulty.append(_of_file(entry.path, str(error)))
    return Synced(origin.branch, origin.sha, tuple(merged), (), tuple(faulty))


def _gone(store: Store, repository: str, done: Synced) -> list[str]:
    here = {one.project for one in done.merged}
    return [row.name for row in store.projects() if row.repository == repository and row.name not in here]


def _twice(well: Sequence[tuple[Entry, JobFile]]) -> list[Faulty]:
    places: dict[str, list[str]] = {}
    for entry, file in well:
        places.setdefault(file.project, []).append(entry.path)
    return [
        _of_file(path, f"project {project} is also in {', '.join(p for p in paths if p != path)}; name one differently")
        for project, paths in places.items()
        if len(paths) > 1
        for path in paths
    ]


def _of_file(path: str, words: str) -> Faulty:
    problem, _, remedy = words.partition("; ")
    return Faulty(path, (Fault(1, 1, "", problem, remedy),))
