"""What a run found promoted outlives the run, on both databases, whatever became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import Place, make_place
from running import BAD, GOOD, Running

from scheduler.runs import RunState
from scheduler.store import Store


@pytest.fixture
def running(store: Store, tmp_path: Path) -> Iterator[Running]:
    place: Place = make_place(tmp_path / "place")
    yield Running(store, place)
    place.close()


def promoted(total: int, **models: str) -> str:
    line = {"meshrun": 1, "event": "promoted", "environment": "prod", "models": models, "total": total}
    return f"say={json.dumps(line)}"


def test_what_a_run_said_is_promoted_is_kept(running: Running) -> None:
    running.ended(running.tick(running.job(*GOOD)))
    assert running.logs.promoted("shop", "prod") is None
    assert (
        running.ended(running.tick(running.job(promoted(2, a="1"), promoted(2, b="2"), *BAD))).state is RunState.FAILED
    )
    assert running.logs.promoted("shop", "prod") == {"a": "1", "b": "2"}
    running.ended(running.tick(running.job(promoted(2, a="3"), *GOOD)))  # killed before it had said all
    running.ended(running.tick(running.job(*GOOD)))
    assert running.logs.promoted("shop", "prod") == {"a": "1", "b": "2"}


def test_a_run_ends_although_it_cannot_be_kept(running: Running) -> None:
    (running.place.root / "logs").write_text("no folder")
    assert running.ended(running.tick(running.job(promoted(1, a="1"), *GOOD))).state is RunState.SUCCEEDED
