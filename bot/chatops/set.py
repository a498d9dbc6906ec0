"""`set`: commit other values of a job's keys to the pull request."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import SetKeys
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Request
from bot.chatops.names import guess
from bot.errors import UsageFault

KEYS = (
    "schedule",
    "timezone",
    "select",
    "environment",
    "max_concurrent_models",
    "parallelism",
    "timeout",
    "retries",
    "concurrency",
    "catch_up",
    "paused",
    "description",
    "owner",
)
"""What can be set by a word. What is granted (secrets, images, resources) is written into the file by hand."""


def decide(request: Request, _facts: Facts, _now: datetime) -> Decision:
    """Read `key=value` pairs; whether a value fits is the job file's to say."""
    pairs = [_pair(word) for word in request.texts("key")]
    twice = {key for key, _ in pairs if [one for one, _ in pairs].count(key) > 1}
    if twice:
        raise UsageFault(f"setting {request.text('job')}: {min(twice)} is given twice; keep one")
    return Decision(SetKeys(request.text("job") or "", tuple(pairs)))


def _pair(word: str) -> tuple[str, str | None]:
    key, equals, value = word.partition("=")
    if not equals:
        raise UsageFault(f"reading {word!r}: that sets nothing; write key=value, a value with spaces in quotes")
    if key not in KEYS:
        raise UsageFault(f"reading {word!r}: {key!r} cannot be set here; {guess(key, KEYS, ', '.join(KEYS))}")
    return key, value or None


COMMAND = Command(
    name="set",
    summary="Commit other values of a job's keys to the pull request.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.CommitAnswer,
    arguments=(
        Argument("job", Kind.JOB, "The job in meshbot.yaml: `name`, or `project/name`.", required=True),
        Argument(
            "key",
            Kind.TEXT,
            f"One or more of {', '.join(KEYS)}.",
            required=True,
            many=True,
            word="KEY=VALUE",
        ),
    ),
    detail="Comments and order of the file stay. A list is written with commas; `key=` takes the key out, so that the "
    "default holds again; `paused=REASON` pauses, `paused=no` ends that. Nothing is committed when the file would be "
    "faulty.",
    examples=(
        'set hourly schedule="*/30 * * * *" timeout=2h',
        "set daily select=tag:finance,web.sessions",
        "set daily paused=no",
    ),
)
