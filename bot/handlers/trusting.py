"""`ok-to-test`: somebody answers for the code of a pull request, at one commit.

The rule: only for the commit that they looked at. It is named in full, or a review comment stands on it, or it was the
head before the comment was written; when that cannot be said for certain, it is asked for. The surprise: the first
digits name no commit, since whoever makes two of them can make them begin alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import deliveries
from bot.events import Remake, Repo
from bot.handlers.said import Said
from bot.words import replies

if TYPE_CHECKING:
    from bot.chatops.actions import TrustHead
    from bot.handlers.speech import Speech


def trust(speech: Speech, action: TrustHead) -> Said:
    """Record who answers for the head, and have the models read."""
    head = speech.pull.head_sha
    if not _looked_at(speech, action, head):
        return Said(replies.moved_since(head), ok=False)
    speech.services.store.trust(speech.repo.id, speech.pull.number, head, speech.by.login, speech.now)
    wish_remake(speech, f"trusted:{head}")
    return Said(replies.trusted(head, speech.by.login))


def _looked_at(speech: Speech, action: TrustHead, head: str) -> bool:
    if action.sha is not None and (action.sha == head or not head.startswith(action.sha)):
        return action.sha == head
    if speech.place is not None:
        return speech.place.written_on == head
    row = speech.services.store.pull(speech.repo.id, speech.pull.number)
    if row is None or row.handled_head != head or row.handled_at is None:
        return False
    return row.handled_at <= speech.at  # which GitHub writes in whole seconds: rounded down, so never too late


def wish_remake(speech: Speech, because: str) -> None:
    """Have the comment and the check of the pull request made anew, once for one reason."""
    info = speech.repo.info()
    repo = Repo(info.id, info.full_name, info.default_branch, archived=info.archived, fork=info.fork)
    event = Remake(speech.repo.installation, repo, speech.pull.number, because)
    name = f"remake:{info.id}:{speech.pull.number}:{because}"
    speech.services.store.receive(deliveries.wished(name, event, speech.now))
