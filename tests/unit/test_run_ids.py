"""A run's name: a DNS label, the same for the same run, and never shared by two."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.runs import manual_tick, run_id

AT = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=36500)).map(lambda since: AT + since)
CLOSE_NAMES = (
    st.lists(st.sampled_from(["a", "-", "b"]), min_size=1, max_size=5)
    .map("".join)
    .filter(lambda name: name[0] != "-" != name[-1])
)


@pytest.mark.parametrize(
    ("project", "job", "at", "attempt", "name"),
    [
        ("analytics", "hourly", AT, 1, "analytics-hourly-20260101t0200"),
        ("analytics", "hourly", AT, 2, "analytics-hourly-20260101t0200-r2"),
        ("analytics", "daily-finance", AT, 1, "analytics-daily-finance-20260101t0200"),
        ("data-platform", "hourly", AT, 1, "data-platform--hourly-20260101t0200"),
        (
            "analytics",
            "hourly",
            AT + timedelta(seconds=5, microseconds=7),
            1,
            "analytics-hourly-20260101t0200-m05000007",
        ),
        ("analytics", "hourly", AT.astimezone(timezone(timedelta(hours=1))), 1, "analytics-hourly-20260101t0200"),
    ],
)
def test_a_run_is_named_after_its_tick(project: str, job: str, at: datetime, attempt: int, name: str) -> None:
    assert run_id(project, job, at, attempt) == name


@given(NAMES, NAMES, MOMENTS, st.integers(1, 99))
def test_every_name_is_a_dns_label(project: str, job: str, at: datetime, attempt: int) -> None:
    assert LABEL.fullmatch(run_id(project, job, at, attempt))


@given(CLOSE_NAMES, CLOSE_NAMES, CLOSE_NAMES, CLOSE_NAMES)
def test_two_jobs_never_share_a_name(project: str, job: str, other_project: str, other_job: str) -> None:
    same = (project, job) == (other_project, other_job)
    assert (run_id(project, job, AT) == run_id(other_project, other_job, AT)) == same


def test_long_names_stay_apart() -> None:
    names = {run_id("p" * 40, "j" * 39 + last, AT) for last in "abc"}
    assert len(names) == 3


def test_a_manual_run_never_takes_the_place_of_a_tick() -> None:
    assert run_id("analytics", "hourly", manual_tick(AT)) != run_id("analytics", "hourly", AT)
