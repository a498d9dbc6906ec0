"""The store on both databases: every contract test of it runs on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler.queues import Queues
from scheduler.store import Store


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'meshbot.db'}"
    fresh: Callable[[], str] = request.getfixturevalue("postgres_url")
    return fresh()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A migrated store."""
    made = Store(store_url)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def queues(valkey_url: str) -> Iterator[Queues]:
    made = Queues(valkey_url)
    yield made
    made.close()
