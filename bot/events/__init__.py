"""What GitHub says, and what Meshbot itself wants done, as closed types.

The rule: pure. A payload is hostile data; what is missing or of another shape is `Malformed`, what we do not act upon
is `None`, and nothing in a payload decides what its sender may do.
"""

from __future__ import annotations

from typing import assert_never

from pydantic import TypeAdapter, ValidationError

from bot.events.hostile import Malformed, Part, payload
from bot.events.kinds import (
    Actor,
    CheckAsked,
    Comment,
    Event,
    FailureDue,
    InstallationChanged,
    Place,
    PullChanged,
    Push,
    Remake,
    ReplyDue,
    Repo,
    RepoChanged,
)
from bot.events.payloads import GHOST, READERS, RERUN

OURS = "meshbot"
"""The kind of deliveries that Meshbot sends itself; GitHub has no event of this name."""

WEBHOOK_PATH = "/github"
"""Where GitHub sends its deliveries."""

ADDRESS = "/meshbot"
"""Without it, nothing in a comment is a command."""

KNOWN = frozenset(READERS)
"""The kinds of deliveries that are read when GitHub sends them."""

__all__ = [
    "GHOST",
    "KNOWN",
    "OURS",
    "RERUN",
    "WEBHOOK_PATH",
    "Actor",
    "CheckAsked",
    "Comment",
    "Event",
    "FailureDue",
    "InstallationChanged",
    "Malformed",
    "Place",
    "PullChanged",
    "Push",
    "Remake",
    "ReplyDue",
    "Repo",
    "RepoChanged",
    "concerns_us",
    "inbox",
    "parse",
    "repository",
    "stored",
    "subject",
]

_SHAPES: dict[str, type[Event]] = {shape.__name__: shape for shape in Event.__args__}


def parse(kind: str, body: bytes) -> Event | None:
    """Read a delivery: its `X-GitHub-Event` and its body, or what `stored` wrote. None when there is nothing to do.

    Raises `Malformed`, and nothing else.
    """
    if kind != OURS and kind not in KNOWN:
        return None
    try:
        said = payload(body)
        return _ours(said) if kind == OURS else READERS[kind](said)
    except Malformed as error:
        raise Malformed(f"reading a {kind} delivery: {error}") from error


def stored(event: Event) -> str:
    """Write an event as the payload of a delivery of the kind `OURS`."""
    shape = type(event)
    fields = TypeAdapter(shape).dump_json(event).decode()
    return f'{{"event": "{shape.__name__}", "fields": {fields}}}'


def concerns_us(event: Event) -> bool:
    """Say whether something may have to be done: most pushes are to other branches, most comments for other people.

    What does not concern us is not stored: it is not ours to keep.
    """
    match event:
        case Push(repo=repo, branch=branch):
            return branch == repo.default_branch
        case Comment(body=body):
            return ADDRESS in body.lower()
        case _:
            return True


def inbox(event: Event) -> str:
    """Name the inbox of an event. What is in one inbox is handled in order, and never at the same time."""
    match event:
        case Push():
            return f"repo:{event.repo.id}:branch:{event.branch}"
        case PullChanged() | Remake():
            return f"repo:{event.repo.id}:pull:{event.number}"
        case Comment() | ReplyDue():
            return f"repo:{event.repo.id}:talk:{event.number}"
        case CheckAsked():
            return f"repo:{event.repo.id}:talk:{event.pulls[0] if event.pulls else event.head_sha}"
        case FailureDue():
            return f"repo:{event.repo.id}:failures"
        case InstallationChanged() | RepoChanged():
            return f"installation:{event.installation}"
        case never:
            assert_never(never)


def subject(event: Event) -> str | None:
    """Name what may be handled once only, whatever the id of its delivery: the same comment, the same edit of it."""
    if not isinstance(event, Comment):
        return None
    edit = f":{event.updated_at.isoformat() if event.updated_at else ''}" if event.action == "edited" else ""
    return f"comment:{event.kind}:{event.id}:{event.action}{edit}"


def repository(event: Event) -> int | None:
    """Say which repository an event is about; None for a whole installation."""
    return None if isinstance(event, InstallationChanged) else event.repo.id


def _ours(said: Part) -> Event:
    shape = _SHAPES.get(said.at("event").name())
    if shape is None:
        said.at("event").refuse("is no event")
    try:
        event: Event = TypeAdapter(shape).validate_python(said.at("fields").value)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
        raise Malformed(f"fields: {where} cannot be read") from error
    return event
