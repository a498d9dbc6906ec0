"""What people say to Meshbot on a pull request: commands in comments, and buttons of checks.

The rule: a comment gets a sign at once and one reply, found again by its marker however often it is handled. Bots are
not answered, and what was edited is not carried out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.chatops import lines
from bot.chatops.grammar import Permission
from bot.chatops.lines import MOST, Found
from bot.events import RERUN
from bot.handlers import committing, followups, obeying, repositories
from bot.handlers.speech import Speech, Withheld
from bot.handlers.trusting import wish_remake
from bot.words import checks, comments, replies
from bot.words.replies import Part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.events import CheckAsked, Comment
    from bot.gh import Pull, Repository
    from bot.gh.shapes import Talk
    from bot.services import Services

BUTTON = "button"


def on_comment(event: Comment, services: Services, now: datetime) -> str:
    """Carry out the commands of a comment and reply to them."""
    if not event.on_pull or event.author.bot:
        return "nothing: not a person on a pull request"
    found = lines.commands(event.body)
    if not found:
        return "nothing: no command"
    repo = services.github.repository(event.installation, event.repo.id)
    if event.action == "edited":
        return _edited(event, services, repo, found)
    pull = repo.pull(event.number)
    if pull is None:
        return "nothing: the pull request is gone"
    kind = _talk(event.kind)
    repo.react(kind, event.id, "eyes")
    speech = Speech(services, repo, pull, event.author, kind, event.id, event.created_at, now, event.place)
    parts = _obeyed(speech, found[:MOST])
    _reply(speech, parts, more=len(found) > MOST)
    repo.react(kind, event.id, "rocket" if all(part.ok for part in parts) else "confused")
    repo.unreact(kind, event.id, "eyes")
    return ", ".join(f"{part.command.split(' ')[0]}: {'done' if part.ok else 'refused'}" for part in parts)


def on_check(event: CheckAsked, services: Services, now: datetime) -> str:
    """Do what a button of a check says, as if whoever pressed it had written the command."""
    if event.author.bot:
        return "nothing: not a person"
    repo = services.github.repository(event.installation, event.repo.id)
    pulls = _pulls(event, repo)
    if not pulls:
        return _of_push(event, services, now)
    return "; ".join(_pressed(event, services, repo, pull, now) for pull in pulls)


def _obeyed(speech: Speech, found: Sequence[Found]) -> list[Part]:
    """Carry out one command after the other, each on the pull request as the one before has left it."""
    parts: list[Part] = []
    for place, one in enumerate(found):
        at = speech.at_line(one.line) if place else replace(speech, line=one.line)
        if place:
            committing.see_head(at)
        parts.append(obeying.obey(at, one))
    return parts


def _reply(speech: Speech, parts: Sequence[Part], *, more: bool = False) -> None:
    mark = replies.marker(speech.kind, speech.id)
    words = replies.template(mark, parts, more=more)
    body, states = followups.report(speech.services, words, speech.now)
    if speech.kind == BUTTON:
        posted = speech.repo.put_comment(speech.pull.number, mark, body)
    else:
        posted = speech.repo.put_reply(speech.pull.number, _talk(speech.kind), speech.id, mark, body)
    followups.follow(speech, posted, words, states)


def _edited(event: Comment, services: Services, repo: Repository, found: Sequence[Found]) -> str:
    """Say once that an edited comment is not carried out, if there is a command in it that was not before."""
    kind, login = _talk(event.kind), services.github.login
    there = repo.review_comments(event.number) if kind == "review_comment" else repo.comments(event.number)
    mark = replies.marker(kind, event.id)
    ours = next((one.body for one in there if one.author == login and one.body.startswith(mark)), "")
    done = replies.ran(ours)
    if all(replies.digest(one.text or "help") in done for one in found[:MOST]):
        return "nothing: an edit without a new command"
    mark = replies.marker(f"edited-{kind}", event.id)
    repo.put_reply(event.number, kind, event.id, mark, comments.marked(mark, replies.edited()))
    return "an edit is not carried out"


def _pulls(event: CheckAsked, repo: Repository) -> list[Pull]:
    """Return the open pull requests of a check; GitHub does not name those of forks, nor of older commits."""
    ours = re.fullmatch(r"pull:(\d{1,9})", event.external_id)
    if numbers := ([int(ours[1])] if ours else event.pulls):
        found = [repo.pull(number) for number in numbers]
        return [pull for pull in found if pull is not None and pull.state == "open"]
    heads = [pull.number for pull in repo.open_pulls() if pull.head_sha == event.head_sha]
    return [pull for number in heads if (pull := repo.pull(number)) is not None]


def _of_push(event: CheckAsked, services: Services, now: datetime) -> str:
    """Read the tracked branch again, when the check is that of its present commit."""
    row = services.store.repository(event.repo.id)
    if row is None or row.handled_sha != event.head_sha or event.button not in {RERUN, checks.REGENERATE.identifier}:
        return "nothing: the check is of no open pull request"
    repositories.read_again(services, row, now)
    return "the branch is read again"


def _pressed(event: CheckAsked, services: Services, repo: Repository, pull: Pull, now: datetime) -> str:
    speech = Speech(services, repo, pull, event.author, BUTTON, event.check_id, now, now)
    if event.button == checks.ACCEPT.identifier:
        return _accept(event, speech)
    if event.button not in {RERUN, checks.REGENERATE.identifier}:
        return f"nothing: there is no button {event.button[:20]}"
    try:
        speech.needs(Permission.READ)
    except Withheld as error:
        _reply(speech, [Part("generate", str(error), ok=False)])
        return "generate: refused"
    wish_remake(speech, f"{event.button}:{event.check_id}:{now.isoformat()}")
    return "generate: done"


def _accept(event: CheckAsked, speech: Speech) -> str:
    pull = speech.pull
    is_late = event.head_sha != pull.head_sha
    if is_late and not _committed(speech):
        _reply(speech, [Part("accept", replies.pressed_late(pull.head_sha), ok=False)])
        return "accept: too late"
    part = obeying.obey(speech, Found(0, "accept"))
    _reply(speech, [part])
    return f"accept: {'done' if part.ok else 'refused'}"


def _committed(speech: Speech) -> bool:
    pull = speech.pull
    if pull.head_repo_id is None:
        return False
    return speech.repo.committed(pull.head_ref, speech.trailer, repository_id=pull.head_repo_id) is not None


def _talk(kind: str) -> Talk:
    """Say where a comment stands, as the door to GitHub calls it."""
    match kind:
        case "review":
            return "review"
        case "review_comment":
            return "review_comment"
        case _:
            return "issue"
