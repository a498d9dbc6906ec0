"""Who does what in the `bot` process."""

from __future__ import annotations

from functools import partial

import pytest

from bot.intake import office
from scheduler.settings import Settings


@pytest.mark.parametrize(("workers", "kept"), [(1, [False]), (2, [True, False]), (4, [True, False, False, False])])
def test_of_several_workers_one_is_kept_for_what_people_say(workers: int, kept: list[bool]) -> None:
    works = office.works(Settings(bot_workers=workers), "redis://nowhere", "me")
    assert list(works) == ["rounds", *(f"worker {number}" for number in range(1, workers + 1))]
    made = [work for name, work in works.items() if name != "rounds"]
    assert [work.keywords["talk_only"] for work in made if isinstance(work, partial)] == kept
