"""A project as a pull request shows it: its job file before and after, the proposal, and what stands in the way.

The rule: values only. Whether merging changes the schedule is decided here, once, for the comment, the check and
whoever else asks: a file that the pull request does not touch stays as its base has it, also when the base has moved
on; one that both have changed is merged as git does it; a faulty file changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from bot.proposing import Proposed, project_name
from scheduler.dag import Graph
from scheduler.jobfile import Fault, Job, JobFile
from scheduler.lint import Finding
from scheduler.topology import Difference, difference

# What a diff of jobs compares by itself; everything else of a job is compared key by key.
COMPARED = frozenset({"name", "schedule", "timezone", "select", "parallelism"})
SHOWN = frozenset({"type", "environment", "timeout", "concurrency", "max_concurrent_models", "image", "owner"})


class State(Enum):
    """What a comment is about, the first that holds."""

    GONE = auto()  # no project and no job file at the head
    FAULTY = auto()
    WAITS = auto()  # for somebody to answer for code from outside
    REFUSED = auto()  # the models do not load
    FIRST = auto()  # no job file yet
    CHANGES = auto()
    SAME = auto()


@dataclass(frozen=True)
class Setting:
    """A key of a job that has another value; `before` and `after` are empty where the value is not to be shown."""

    job: str
    key: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Branches:
    """Where the head goes. `tracked` is the branch from which the schedule is taken."""

    number: int
    head: str
    base: str
    tracked: str
    can_be_pushed: bool = True

    @property
    def counts(self) -> bool:
        """Whether merging reaches the schedule."""
        return self.base == self.tracked


@dataclass(frozen=True)
class Committed:
    """A job file at a commit: its text, and what it says when it has no fault."""

    text: str
    file: JobFile | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs; none when the file is faulty."""
        return self.file.jobs if self.file else ()


@dataclass(frozen=True)
class View:
    """One project of a pull request.

    `folder` is `.` for the top; `path` is that of the job file. `base` and `head` are None where there is no job file.
    `touched`: the pull request changes something in the folder; `edited`: it changes the job file, whose text was
    `parted` where the branch began. `merged` is the job file with what the base has changed meanwhile, where that is
    another one than the head's; with `conflicts`, git cannot say what it would be. `here`: the project is there at the
    head; `elsewhere`: its job file is at this path now. `made` is None while `waits` (for somebody to answer for it) or
    `refused` (why not) is set, and for a faulty file. `url` is where people see the job file at the head; `called`
    names the project where no file does.
    """

    branches: Branches
    folder: str
    path: str
    base: Committed | None = None
    head: Committed | None = None
    touched: bool = True
    edited: bool = False
    parted: str = ""
    merged: Committed | None = None
    conflicts: bool = False
    here: bool = True
    elsewhere: str = ""
    waits: bool = False
    refused: str = ""
    graph: Graph | None = None
    made: Proposed | None = None
    findings: tuple[Finding, ...] = ()
    url: str = ""
    called: str = "project"

    @property
    def name(self) -> str:
        """What the project is called."""
        for committed in (self.head, self.base):
            if committed and committed.file:
                return committed.file.project
        return self.made.called if self.made else project_name(self.called)

    @property
    def old_name(self) -> str:
        """What the project was called, when merging gives it another name."""
        old = self.base.file.project if self.base and self.base.file else ""
        new = self.after.file.project if self.after and self.after.file else old
        return old if old != new else ""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong in the job file at the head."""
        return self.head.faults if self.head else ()

    @property
    def after(self) -> Committed | None:
        """The job file once this is merged."""
        return self.merged or (self.head if self.edited else self.base)

    @cached_property
    def change(self) -> Difference:
        """What merging does to the jobs. Nothing, when the file has a fault."""
        if self.after and self.after.faults:
            return Difference()
        before = self.base.jobs if self.base else ()
        graph = self.graph if before and self.after else None
        return difference(before, self.after.jobs if self.after else (), graph)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """What else merging changes about jobs that stay."""
        if self.base is None or self.after is None or self.after.faults:
            return ()
        new = {job.name: job for job in self.after.jobs}
        pairs = [(job, new[job.name]) for job in self.base.jobs if job.name in new]
        return tuple(one for old, now in pairs for one in _settings(old, now))

    @property
    def changes(self) -> bool:
        """Whether merging changes the schedule."""
        return bool(self.change or self.settings or self.old_name)

    @property
    def proposes(self) -> bool:
        """Whether another file is proposed than the one at the head."""
        return self.made is not None and self.made.changed

    @property
    def worth_a_comment(self) -> bool:
        """Whether people are to be told: they touch it, or what they have committed no longer fits the models.

        A folder without a job file that does not load, or has nothing to run, may be anything; the check names it.
        """
        if self.head is None and self.base is None:
            return self.touched and (self.waits or (self.made is not None and self.made.proposal.models > 0))
        return self.touched or (self.head is not None and self.proposes)

    @property
    def state(self) -> State:
        """What there is to say first."""
        if not self.here:
            return State.GONE
        if self.faults:
            return State.FAULTY
        if self.waits:
            return State.WAITS
        if self.refused:
            return State.REFUSED
        if self.head is None:
            return State.FIRST
        return State.CHANGES if self.changes or self.proposes else State.SAME


def _settings(old: Job, new: Job) -> list[Setting]:
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    found = []
    for key in before:
        if key not in COMPARED and before[key] != after[key]:
            shown = (str(before[key]), str(after[key])) if key in SHOWN else ("", "")
            found.append(Setting(new.name, key, *shown))
    return found
