"""`merge`: merge the pull request when its job files are approved."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import MergePull
from bot.chatops.grammar import Command, Decision, Facts, Permission, Request


def decide(_request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Merge; whether that is allowed follows from the reviews and checks at that moment."""
    return Decision(MergePull())


COMMAND = Command(
    name="merge",
    summary="Merge the pull request when its job files are approved.",
    permission=Permission.PROTECTED,
    decide=decide,
    answer=shapes.MergeAnswer,
    detail="Approved means: somebody who may write has approved these very job files, nobody who may write asks for "
    "changes, and the required checks are green. A later change to a job file voids the approval.",
    examples=("merge",),
)
