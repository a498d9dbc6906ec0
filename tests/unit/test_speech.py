"""Where a review comment stands, and whom a commit names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bot.events import Actor
from bot.handlers.speech import Speech, job_at
from scheduler.amend import AmendError

FILE = """\
# ours
version: 1
project: shop
environment: prod
jobs:
  hourly:
    schedule: "0 * * * *"
    select:
      - shop.orders

  # for the Monday meeting
  weekly: {schedule: "0 0 * * 0"}
timezone: UTC
"""


@pytest.mark.parametrize(
    ("first", "last", "job"),
    [
        (6, 6, "hourly"),
        (7, 9, "hourly"),
        (9, 9, "hourly"),
        (12, 12, "weekly"),
        (9, 12, None),  # over two jobs
        (13, 13, None),
        (1, 3, None),
        (5, 6, None),
        (99, 99, None),
    ],
)
def test_lines_belong_to_a_job(first: int, last: int, job: str | None) -> None:
    assert job_at(FILE, first, last) == job


def test_the_last_job_goes_on_to_the_end_of_the_file() -> None:
    text = FILE.replace("timezone: UTC\n", "  daily:\n    schedule: '@daily'\n")
    assert [job_at(text, line, line) for line in (12, 13, 14)] == ["weekly", "daily", "daily"]


def test_what_is_no_yaml_has_no_jobs() -> None:
    with pytest.raises(AmendError):
        job_at("jobs: [", 1, 1)


class Hub:
    """As much of a repository as is asked here."""

    id, installation = 7, 1
    clone_url, web_url = "https://git.example/acme/shop.git", "https://git.example/acme/shop"


def said(kind: str = "issue", number: int = 5, line: int = 0, by: Actor | None = None) -> Speech:
    now = datetime(2026, 1, 31, 6, 10, tzinfo=UTC)
    pull = cast("Any", type("Pull", (), {"number": 3})())
    who = by or Actor("ada", id=42)
    made = Speech(cast("Any", None), cast("Any", Hub()), pull, who, kind, number, now, now, line=line)
    made.__dict__["projects"] = frozenset({"shop"})
    return made


def test_each_command_has_a_moment_of_its_own_which_never_changes() -> None:
    different = [said(), said(line=1), said(number=6), said(kind="review")]
    moments = [one.asked.at for one in different]
    assert len(set(moments)) == len(moments)
    assert [one.asked.at for one in different] == moments
    assert all(moment is not None and moment.microsecond and moment.second == 0 for moment in moments)


def test_a_commit_names_who_asked_for_it() -> None:
    assert said().co_author == "Co-authored-by: ada <42+ada@users.noreply.git.example>"
    assert said(by=Actor("ada")).co_author == "Co-authored-by: ada <ada@users.noreply.git.example>"
    assert said().trailer == "Meshbot-Request: 7/3/issue/5/0"
