"""Replies that report on runs: written anew whenever the state of a run is another one.

The rule: a reply is made from its template and from what the store says now; so whoever writes it last is right. Its
author is one worker at a time, since the inbox of the conversation is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bot import answers
from bot.gh import Gone
from bot.words import replies, reports
from scheduler.errors import UserError
from scheduler.store import Followup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot import shapes
    from bot.events import ReplyDue
    from bot.gh import PostedComment
    from bot.handlers.speech import Speech
    from bot.services import Services
    from scheduler.runs import Run

LONGEST_READ = 100_000
"""So many bytes of a log's end are read: enough for what is shown of it."""
GONE = "⚠️ The run {} is not kept any more."


def on_reply_due(event: ReplyDue, services: Services, now: datetime) -> str:
    """Bring the reply up to what has become of its runs."""
    followup = services.store.followup(event.followup)
    if followup is None or followup.words is None:
        return "nothing: no reply follows it"
    body, states = report(services, followup.words, now)
    repo = services.github.repository(event.installation, event.repo.id)
    state = states.get(followup.run_id, event.state)
    try:
        repo.edit_reply(followup.reply_kind, followup.reply_id, body)
    except Gone:
        services.store.told(followup.id, state)
        return "nothing: the reply is gone"
    services.store.told(followup.id, state)
    return f"{followup.run_id} is {state}"


def report(services: Services, words: str, now: datetime) -> tuple[str, Mapping[str, str]]:
    """Return a reply as it is to be now, and the state of each run that it speaks of."""
    texts: dict[tuple[str, str], str] = {}
    states: dict[str, str] = {}
    for kind, run_id in replies.runs_in(words):
        run = services.store.run(run_id)
        if run is None:
            texts[kind, run_id] = GONE.format(run_id)
            continue
        states[run_id] = run.state.value
        texts[kind, run_id] = _log(services, run, now) if kind == "log" else reports.run(shape(services, run), now)
    return replies.body(words, texts), states


def follow(speech: Speech, posted: PostedComment, words: str, states: Mapping[str, str]) -> None:
    """Let a reply follow the runs that it speaks of and that have not ended."""
    kind: Literal["issue", "review_comment"] = "review_comment" if speech.kind == "review_comment" else "issue"
    for run_id in dict.fromkeys(run_id for _, run_id in replies.runs_in(words)):
        speech.services.store.follow(
            Followup(
                id=f"{kind}:{posted.id}:{run_id}",
                run_id=run_id,
                installation=speech.repo.installation,
                repository=speech.repo.id,
                number=speech.pull.number,
                reply_kind=kind,
                reply_id=posted.id,
                words=words,
                told_state=states.get(run_id),
            )
        )


def shape(services: Services, run: Run) -> shapes.RunAnswer:
    """Shape a run with its models."""
    models = [answers.model(result) for result in services.store.results(run.id)]
    return {"run": answers.run(run), "models": models}


def _log(services: Services, run: Run, now: datetime) -> str:
    try:
        printed, more = services.logs.tail(run.id, LONGEST_READ)
    except UserError as error:
        return replies.refused(str(error))
    return reports.log(shape(services, run), printed, now, more=more)
