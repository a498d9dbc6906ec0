"""What can be wrong with a file: every fault has its place, its problem and its remedy.

A fault never repeats a value that may be a secret. All faults of a file are one error, in the order of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.errors import UserError


@dataclass(frozen=True, order=True)
class Fault:
    """One thing to mend. Line and column count from 1; `path` is the key path (`jobs.hourly.schedule`)."""

    line: int
    column: int
    path: str
    problem: str
    remedy: str


class JobFileError(UserError):
    """A job file that cannot be used, with every fault in it."""

    def __init__(self, where: str, faults: tuple[Fault, ...]) -> None:
        self.where = where
        self.faults = tuple(sorted(set(faults)))
        count = f"{len(self.faults)} fault{'s' * (len(self.faults) != 1)}"
        lines = [f"  {where}:{_words(fault)}" for fault in self.faults]
        super().__init__("\n".join([f"reading {where}: {count}", *lines]))


def _words(fault: Fault) -> str:
    path = f" {fault.path}" if fault.path else ""
    return f"{fault.line}:{fault.column}{path}: {fault.problem}; {fault.remedy}"
