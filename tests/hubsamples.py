"""Deliveries, repositories and pull requests for tests, with as little said as possible."""

from __future__ import annotations

from datetime import UTC, datetime

from scheduler.store import Delivery, Followup, PullRow, RepositoryRow

NOW = datetime(2026, 1, 5, 6, 0, 30, tzinfo=UTC)
SHA = "1a2b3c4d5e" * 4
INSTALLATION = 7
REPOSITORY = 42


def delivery(name: str = "d1", inbox: str = "repo:42:pull:1", **fields: object) -> Delivery:
    made = {
        "id": name,
        "kind": "push",
        "inbox": inbox,
        "subject": None,
        "installation": INSTALLATION,
        "repository": REPOSITORY,
        "payload": "{}",
        "received_at": NOW,
        "not_before": NOW,
    }
    return Delivery(**{**made, **fields})  # type: ignore[arg-type]


def repository(number: int = REPOSITORY, full_name: str = "acme/analytics", **fields: object) -> RepositoryRow:
    made = {"id": number, "installation": INSTALLATION, "full_name": full_name, "default_branch": "main"}
    return RepositoryRow(**{**made, **fields})  # type: ignore[arg-type]


def pull(number: int = 5, **fields: object) -> PullRow:
    made = {"repository": REPOSITORY, "number": number, "head": SHA, "state": "open", "author": "ada"}
    return PullRow(**{**made, **fields})  # type: ignore[arg-type]


def followup(name: str, run_id: str, **fields: object) -> Followup:
    made = {
        "id": name,
        "run_id": run_id,
        "installation": INSTALLATION,
        "repository": REPOSITORY,
        "number": 5,
        "reply_kind": "issue",
        "reply_id": 99,
    }
    return Followup(**{**made, **fields})  # type: ignore[arg-type]
