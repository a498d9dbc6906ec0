"""`ok-to-test`: let the models of a pull request from outside be read, at one commit."""

from __future__ import annotations

import re
from datetime import datetime

from bot import shapes
from bot.chatops.actions import TrustHead
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.errors import UsageFault

SHA = re.compile(r"[0-9a-f]{12,64}")
"""Fewer digits say too little; fewer than all only count for a head that was there before the comment."""


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Trust a commit; whether it is the head that was looked at is seen when it is done."""
    sha = request.text("sha")
    if sha is not None and not SHA.fullmatch(sha.lower()):
        raise UsageFault(f"reading SHA: {sha!r} is no commit id; write at least its first 12 digits, or nothing")
    return Decision(TrustHead(sha.lower() if sha else None))


COMMAND = Command(
    name="ok-to-test",
    summary="Let the models of a pull request from outside be read, at its present commit.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.TrustAnswer,
    arguments=(
        Argument("sha", Kind.TEXT, "The head that was looked at. Default: the one of when the comment was written."),
    ),
    detail="Reading the models executes the project's code, in a sandbox. It holds for that commit alone: the next "
    "push needs another look.",
    examples=("ok-to-test", "ok-to-test 1a2b3c4d5e6f"),
)
