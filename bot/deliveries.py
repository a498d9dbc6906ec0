"""Events put into deliveries: what GitHub sent, and what Meshbot itself wants done.

The rule: the id is the lock. A wish has the same id whenever it is wished for the same reason, so that it is done once;
GitHub's ids have no colon in them, and wishes always have one.
"""

from __future__ import annotations

from datetime import datetime

from bot import events
from bot.events import Event, FailureDue, ReplyDue, Repo
from scheduler.runs import Run
from scheduler.store import Delivery, Followup, RepositoryRow


def received(delivery_id: str, kind: str, event: Event, payload: str, now: datetime) -> Delivery:
    """Make the delivery of a webhook; `payload` is kept as it came."""
    return Delivery(
        id=delivery_id,
        kind=kind,
        inbox=events.inbox(event),
        subject=events.subject(event),
        installation=event.installation,
        repository=events.repository(event),
        payload=payload,
        received_at=now,
        not_before=now,
    )


def wished(delivery_id: str, event: Event, now: datetime) -> Delivery:
    """Make a delivery of our own. Raises `ValueError` for an id that GitHub might give, too."""
    if ":" not in delivery_id:
        raise ValueError(f"{delivery_id}: the id of a wish has a colon in it")
    return received(delivery_id, events.OURS, event, events.stored(event), now)


def reply_due(followup: Followup, row: RepositoryRow, run: Run, now: datetime) -> Delivery:
    """Wish that a reply says what has become of its run; once for each state."""
    state = run.state.value
    event = ReplyDue(followup.installation, repo_of(row), followup.number, followup.id, state)
    return wished(f"follow:{followup.id}:{state}", event, now)


def failure_due(run: Run, row: RepositoryRow, now: datetime) -> Delivery:
    """Wish that the pull request behind a failure is told; once for each run."""
    return wished(f"failure:{run.id}", FailureDue(row.installation, repo_of(row), run.id), now)


def repo_of(row: RepositoryRow) -> Repo:
    """Say of a stored repository what an event says of it."""
    return Repo(row.id, row.full_name, row.default_branch, archived=row.state == "archived")
