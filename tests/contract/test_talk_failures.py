"""Failures are told on the pull request that last changed the failing model: once for a job, and while it is young."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakegithub.world import Comment, Pull
from talkworld import BROKEN, EVALUATED, Talk, talk

from scheduler.runs import Run, RunState

CHANGED = {"models/shop/orders.sql": "-- @hourly raw.orders\nselect 1 / 0\n"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Talk]:
    with talk(tmp_path) as made:
        yield made


def merged(here: Talk, files: dict[str, str]) -> Pull:
    pull = here.pull(files)
    here.ada.merges(pull)
    here.desk.catches_up()
    return pull


def run(here: Talk) -> Run:
    made = here.desk.store.manual_run("shop", "hourly", here.desk.now())
    assert made is not None
    here.moves(made, RunState.STARTING)
    return made


def told(here: Talk, pull: Pull) -> list[Comment]:
    return [one for one in here.repo.comments if one.number == pull.number and "<!-- meshbot:failure" in one.body]


def test_the_pull_request_that_changed_the_model_last_is_told_in_one_comment(here: Talk) -> None:
    other = merged(here, {"models/shop/week.sql": "-- @weekly shop.orders\nselect 2\n"})
    pull = merged(here, CHANGED)
    first, second = run(here), run(here)
    here.moves(first, RunState.PARTIAL, EVALUATED, BROKEN)
    (comment,) = told(here, pull)
    assert "the last to change `shop.orders`" in comment.body
    assert first.id in comment.body
    here.moves(second, RunState.FAILED, BROKEN)
    (comment,) = told(here, pull)
    assert second.id in comment.body
    assert told(here, other) == []
    assert here.desk.store.unposted_failures(first.created_at, 10) == []


def test_an_old_pull_request_is_left_in_peace(here: Talk) -> None:
    pull = merged(here, CHANGED)
    settings = here.desk.services.settings
    here.desk.services.settings = settings.model_copy(update={"github_failure_days": 0})
    here.moves(run(here), RunState.FAILED, BROKEN)
    assert told(here, pull) == []


def test_a_run_that_succeeds_or_fails_without_a_model_tells_nobody(here: Talk) -> None:
    pull = merged(here, CHANGED)
    here.moves(run(here), RunState.SUCCEEDED, EVALUATED)
    here.moves(run(here), RunState.FAILED)
    assert told(here, pull) == []
