"""What a check run says: the summary, notes on lines, a conclusion and buttons.

The rule: pure. A fault of a job file and an error of the linter fail the check; a warning is shown and fails nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Conclusion(StrEnum):
    """How a check ends, in GitHub's words."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Annotation:
    """A note on lines of a file; `level` is GitHub's `failure`, `warning` or `notice`."""

    path: str
    start_line: int
    end_line: int
    level: str
    title: str
    message: str


@dataclass(frozen=True)
class Button:
    """A button of a check: at most 20 signs of label and identifier, 40 of description."""

    identifier: str
    label: str
    description: str


ACCEPT = Button("accept", "Accept", "Commit the proposed jobs to this branch")
REGENERATE = Button("regenerate", "Regenerate", "Read the models again")


@dataclass(frozen=True)
class Verdict:
    """A whole check run. No conclusion: it is still being worked on."""

    title: str
    summary: str
    conclusion: Conclusion | None
    annotations: tuple[Annotation, ...] = ()
    buttons: tuple[Button, ...] = ()
