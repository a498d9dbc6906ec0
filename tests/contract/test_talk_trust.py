"""Who may do what may change from one moment to the next, and so may what `ok-to-test` was said of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakegithub.world import Pull
from talkworld import Talk, talk

from bot import events, handlers
from bot.deliveries import repo_of
from scheduler.dag import Graph


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Talk]:
    with talk(tmp_path) as made:
        yield made


def outside(here: Talk) -> Pull:
    bob = here.person("bob", "read")
    fork = here.desk.github.fork(here.repo, "bob")
    bob.pushes(fork, "topic", {"models/shop/month.sql": "-- @weekly shop.week\n"})
    pull = bob.opens_pull(here.repo, "topic", source=fork)
    here.desk.catches_up()
    here.clock_moves(seconds=2)
    return pull


def trusted_after(here: Talk, pull: Pull, words: str, gap: timedelta) -> bool:
    """Say whether a comment lets the head be read that was seen so much later than it was written."""
    carried = here.carried(comment := here.ada.comments(pull, f"/meshbot ok-to-test {words}"))
    written = comment.created_at.replace(microsecond=0)
    here.desk.store.handled_pull(here.repo.id, pull.number, pull.head_sha, written + gap)
    here.desk.receives(carried)
    here.desk.works()
    return here.desk.store.trusted(here.repo.id, pull.number, pull.head_sha)


def test_a_head_that_was_seen_in_the_second_of_the_comment_may_have_come_after_it(here: Talk) -> None:
    assert not trusted_after(here, outside(here), "", timedelta(milliseconds=400))


def test_the_first_digits_of_a_later_head_are_not_enough(here: Talk) -> None:
    """Whoever makes both commits makes them begin alike: 2**24 tries are enough for 12 digits."""
    pull = outside(here)
    assert not trusted_after(here, pull, pull.head_sha[:12], timedelta(minutes=1))


def test_the_whole_name_of_a_later_head_is_enough(here: Talk) -> None:
    pull = outside(here)
    assert trusted_after(here, pull, pull.head_sha, timedelta(minutes=1))


def test_a_head_is_seen_when_it_was_read_and_not_when_reading_began(here: Talk) -> None:
    pull, began = outside(here), here.desk.now()
    remake = events.Remake(here.desk.installed.id, repo_of(here.desk.row), pull.number, "a test")
    handlers.handle(remake, here.desk.services, began)
    row = here.desk.store.pull(here.repo.id, pull.number)
    assert row is not None
    assert row.handled_at is not None
    assert row.handled_at > began


@pytest.mark.parametrize(("first", "is_trusted"), [("a" * 40, False), ("", True)])
def test_lines_that_stay_are_no_word_for_what_was_pushed_under_them(
    here: Talk, first: str, *, is_trusted: bool
) -> None:
    """GitHub says of a comment on lines that it stands on the new head, as soon as that is there."""
    pull = outside(here)
    comment = here.ada.comments_on_line(pull, "models/shop/month.sql", 1, "/meshbot ok-to-test")
    carried = here.carried(comment)
    if first:
        carried.payload["comment"]["original_commit_id"] = first
    here.desk.receives(carried)
    here.desk.works()
    assert here.desk.store.trusted(here.repo.id, pull.number, pull.head_sha) is is_trusted


def test_who_loses_a_permission_while_one_command_goes_on_has_not_got_it_for_the_next(
    here: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull, bob = here.pull(), here.person("bob", "write")
    reads = here.sketches.of

    def slowly(*asked: Any) -> Graph:  # noqa: ANN401 - as it is called
        bob.may(here.repo, "read")
        return reads(*asked)

    monkeypatch.setattr(here.sketches, "of", slowly)
    assert "**write** permission" in here.says(pull, "/meshbot generate\n/meshbot run hourly", bob)
    assert here.runs() == []
