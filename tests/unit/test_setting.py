"""Keys of a job set by a word: what was named changes, and every other byte stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import jobfile
from scheduler.amend import AmendError
from scheduler.jobfile import Job, JobFileError
from scheduler.setting import set_keys

WRITTEN = """\
# Ours since 2019.
version: 1
project: shop
environment: prod
defaults:
  timeout: 1h
x-often: &often "*/15 * * * *"

jobs:
  # The screen in the hall.
  live:
    schedule: '*/15 * * * *'   # not faster: costs
    select:
      - tag:live   # whatever is on the screen
      # the basket is slow
      - shop.basket
    timeout: 4m
    retries:
      limit: 2   # more is a waste
      backoff: 1m
    paused:
      # they wrote to us
      reason: the vendor is late

    # Who to ask.
    owner: anna

  finance: {schedule: "30 2 * * *", select: ["finance.*"], owner: anna}
  cleanup:   # the janitor
    type: janitor
    schedule: "15 4 * * 0"
    description: |
      Cleans up.

      Twice.
# the end
"""
WRITTEN = WRITTEN.replace('x-often: &often "*/15 * * * *"\n', "")


def job(text: str, name: str) -> Job:
    return next(one for one in jobfile.parse(text).jobs if one.name == name)


@pytest.mark.parametrize(
    ("name", "pair", "old", "new"),
    [
        ("live", ("schedule", "0 * * * *"), "'*/15 * * * *'   #", '"0 * * * *"   #'),
        ("live", ("timeout", "10m"), "timeout: 4m", "timeout: 10m"),
        ("live", ("retries", "5"), "limit: 2   #", "limit: 5   #"),
        ("live", ("owner", "team finance"), "owner: anna\n\n", 'owner: "team finance"\n\n'),
        ("live", ("select", "tag:live,shop.basket,web.*"), "- shop.basket\n", '- shop.basket\n      - "web.*"\n'),
        ("live", ("timezone", "Europe/Berlin"), "    schedule: '", "    timezone: Europe/Berlin\n    schedule: '"),
        ("live", ("max_concurrent_models", "3"), "    schedule: '", "    max_concurrent_models: 3\n    schedule: '"),
        ("live", ("owner", None), "\n    # Who to ask.\n    owner: anna\n", ""),
        (
            "live",
            ("paused", "no"),
            "    paused:\n      # they wrote to us\n      reason: the vendor is late\n",
            "",
        ),
        (
            "live",
            ("paused", "we move"),
            "paused:\n      # they wrote to us\n      reason: the vendor is late\n",
            'paused: {reason: "we move"}\n',
        ),
        ("finance", ("owner", "eve"), '["finance.*"], owner: anna', '["finance.*"], owner: eve'),
        ("finance", ("owner", None), ", owner: anna}", "}"),
        ("finance", ("select", None), 'select: ["finance.*"], ', ""),
        ("finance", ("parallelism", "2"), '{schedule: "30', '{parallelism: 2, schedule: "30'),
        ("cleanup", ("description", "It cleans"), "|\n      Cleans up.\n\n      Twice.\n", '"It cleans"\n'),
        (
            "cleanup",
            ("paused", "yes"),
            "    type: janitor",
            '    paused: {reason: "no reason was given"}\n    type: janitor',
        ),
    ],
)
def test_only_what_is_named_changes(name: str, pair: tuple[str, str | None], old: str, new: str) -> None:
    assert WRITTEN.count(old) == 1
    assert set_keys(WRITTEN, name, [pair]) == WRITTEN.replace(old, new)


def test_several_keys_at_once() -> None:
    found = set_keys(WRITTEN, "live", [("schedule", None), ("schedule", "@daily"), ("timeout", None), ("retries", "0")])
    assert (job(found, "live").schedule, job(found, "live").retries.limit) == ("@daily", 0)
    assert "not faster" not in found
    assert "more is a waste" in found


def test_setting_what_is_there_changes_nothing() -> None:
    assert set_keys(WRITTEN, "live", [("timeout", "4m"), ("select", "tag:live,shop.basket")]) == WRITTEN


@pytest.mark.parametrize(
    ("name", "pair", "words"),
    [
        ("live", ("schedule", "* * * * *"), "apart"),
        ("live", ("retries", "many"), "retries"),
        ("live", ("timezone", "Atlantis"), "Atlantis"),
        ("live", ("parallelism", "-1"), "parallelism"),
        ("live", ("select", ","), "select"),
        ("cleanup", ("select", "a.b"), "janitor"),
        ("cleanup", ("schedule", None), "schedule"),
        ("live", ("concurrency", "maybe"), "concurrency"),
        ("nobody", ("owner", "x"), "there is live, finance, cleanup"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_written(name: str, pair: tuple[str, str | None], words: str) -> None:
    with pytest.raises((JobFileError, AmendError)) as caught:
        set_keys(WRITTEN, name, [pair])
    assert words in str(caught.value)


SHARED = """\
version: 1
project: shop
environment: prod
jobs:
  a: &a
    schedule: &often "*/15 * * * *"
    owner: anna
  b:
    schedule: *often
"""


@pytest.mark.parametrize(("name", "key"), [("a", "schedule"), ("b", "schedule")])
def test_what_is_shared_is_left_to_a_hand(name: str, key: str) -> None:
    with pytest.raises((AmendError, JobFileError)):
        set_keys(SHARED, name, [(key, "@daily")])
    assert set_keys(SHARED, "a", [("owner", "eve")]) == SHARED.replace("anna", "eve")


@given(
    st.sampled_from(["live", "finance", "cleanup"]),
    st.sampled_from(["schedule", "select", "owner", "description", "paused", "timeout", "environment"]),
    st.text(max_size=30),
)
def test_whatever_is_set_is_read_back_or_refused(name: str, key: str, value: str) -> None:
    try:
        found = set_keys(WRITTEN, name, [(key, value)])
    except (JobFileError, AmendError):
        return
    before, after = jobfile.parse(WRITTEN), jobfile.parse(found)
    assert [one for one in before.jobs if one.name != name] == [one for one in after.jobs if one.name != name]
    if key in {"owner", "description"}:
        assert getattr(job(found, name), key) == value
