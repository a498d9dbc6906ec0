"""What a job takes over from its file, and what a job is once it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from textwrap import indent

import pytest

from scheduler.jobfile import AlertOn, CatchUpPolicy, Concurrency, Job, JobFileError, JobType, Retries, durations, parse

HEAD = "version: 1\nproject: shop\nenvironment: prod\n"


def job(lines: str = "", defaults: str = "", top: str = "") -> Job:
    schedule = "" if "schedule:" in lines else 'schedule: "0 * * * *"\n'
    return parse(f"{HEAD}{top}\ndefaults: {{{defaults}}}\njobs:\n  x:\n{indent(schedule + lines, '    ')}\n").jobs[0]


def test_a_job_without_anything_has_the_documented_values() -> None:
    plain = job()
    assert (plain.type, plain.environment, plain.timezone, plain.select) == (JobType.RUN, "prod", "UTC", ())
    assert (plain.max_concurrent_models, plain.parallelism, plain.timeout) == (5, 1, timedelta(hours=6))
    assert (plain.retries.limit, plain.concurrency, plain.catch_up.policy) == (
        0,
        Concurrency.ALLOW,
        CatchUpPolicy.LATEST,
    )
    assert (plain.alerts.on, plain.alerts.slack_channel, plain.paused) == ({AlertOn.FAILURE}, None, None)


def test_mappings_merge_key_by_key_and_anything_else_is_replaced() -> None:
    defaults = "retries: 3, env: {A: '1', B: '1'}, secrets: [ONE], alerts: {slack_channel: '#a', on: [success]}"
    lines = "retries: {backoff: 1m}\nenv: {B: '2'}\nsecrets: [TWO]\nalerts: {on: [failure]}"
    read = job(lines, defaults)
    assert (read.retries.limit, read.retries.backoff) == (3, timedelta(minutes=1))
    assert (read.env, read.secrets) == ({"A": "1", "B": "2"}, ("TWO",))
    assert (read.alerts.slack_channel, read.alerts.on) == ("#a", {AlertOn.FAILURE})


def test_null_takes_a_default_back() -> None:
    assert job("image: null", "image: x").image is None
    assert job("alerts: {slack_channel: null}", "alerts: {slack_channel: '#a'}").alerts.slack_channel is None


def test_shorthands_merge_like_the_mappings_they_stand_for() -> None:
    assert job("catch_up: none").catch_up.policy is CatchUpPolicy.NONE
    assert job("catch_up: {limit: 3}", "catch_up: all").catch_up.limit == 3
    assert job("retries: 1", "retries: {backoff: 1m}").retries == Retries(limit=1, backoff=timedelta(minutes=1))


def test_zone_and_environment_come_from_the_top_unless_the_job_says_otherwise() -> None:
    assert job(top="timezone: Europe/Berlin").timezone == "Europe/Berlin"
    own = job("timezone: Asia/Tokyo\nenvironment: dev", top="timezone: Europe/Berlin")
    assert (own.timezone, own.environment) == ("Asia/Tokyo", "dev")


def test_a_janitor_leaves_out_defaults_that_are_about_models() -> None:
    janitor = job("type: janitor", "select: [a], parallelism: 4, max_concurrent_models: 9, timeout: 1h")
    assert (janitor.select, janitor.parallelism, janitor.max_concurrent_models) == ((), 1, 5)
    assert janitor.timeout == timedelta(hours=1)


@pytest.mark.parametrize(
    ("lines", "defaults", "models"),
    [
        ("env: {MAX_CONCURRENT_MODELS: '8'}", "", 8),
        ("", "env: {MAX_CONCURRENT_MODELS: '8'}", 8),
        ("max_concurrent_models: 3", "env: {MAX_CONCURRENT_MODELS: '8'}", 3),
        ("env: {MAX_CONCURRENT_MODELS: '8'}", "max_concurrent_models: 3", 8),
        ("env: {MAX_CONCURRENT_MODELS: '8'}\nmax_concurrent_models: 8", "", 8),
        ("env: {MAX_CONCURRENT_MODELS: 8}", "", 8),
    ],
)
def test_the_variable_of_the_reference_page_is_the_key(lines: str, defaults: str, models: int) -> None:
    read = job(lines, defaults)
    assert read.max_concurrent_models == models
    assert "MAX_CONCURRENT_MODELS" not in read.env


@pytest.mark.parametrize("lines", ["env: {MAX_CONCURRENT_MODELS: '0'}", "env: {MAX_CONCURRENT_MODELS: many}",
                                   "env: {MAX_CONCURRENT_MODELS: '8'}\nmax_concurrent_models: 3"])  # fmt: skip
def test_the_variable_and_the_key_must_agree(lines: str) -> None:
    with pytest.raises(JobFileError, match="MAX_CONCURRENT_MODELS"):
        job(lines)


@pytest.mark.parametrize(
    ("written", "zone", "instant"),
    [
        ("2027-01-04", "Europe/Berlin", datetime(2027, 1, 3, 23, tzinfo=UTC)),
        ("2027-07-04T06:00", "Europe/Berlin", datetime(2027, 7, 4, 4, tzinfo=UTC)),
        ("2027-01-04 06:00:00", "UTC", datetime(2027, 1, 4, 6, tzinfo=UTC)),
        ("2027-01-04T06:00Z", "Europe/Berlin", datetime(2027, 1, 4, 6, tzinfo=UTC)),
        ("2027-01-04T06:00:00+05:30", "Europe/Berlin", datetime(2027, 1, 4, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_pause_ends_by_the_clock_of_the_job(written: str, zone: str, instant: datetime) -> None:
    paused = job(f"timezone: {zone}\npaused: {{reason: moving, until: {written}}}").paused
    assert paused is not None
    assert (paused.until, paused.reason) == (instant, "moving")


def test_retries_wait_twice_as_long_each_time_up_to_the_most() -> None:
    retries = Retries(limit=10, backoff=timedelta(seconds=30), max_backoff=timedelta(minutes=10))
    assert [retries.delay(attempt).total_seconds() for attempt in (1, 2, 3, 4, 5, 6)] == [30, 60, 120, 240, 480, 600]
    assert retries.delay(10_000) == timedelta(minutes=10)


@pytest.mark.parametrize("text", ["30s", "15m", "2h", "1d", "1h30m", "7d", "1d2h3m4s"])
def test_durations_are_said_as_they_are_read(text: str) -> None:
    read = durations.read(text)
    assert read is not None
    assert durations.say(read) == text


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "-5m", "5 m", "5M", "1m1h", "1w", "9999999s", "5m\n", "٣m"])
def test_what_is_no_duration(text: str) -> None:
    assert durations.read(text) is None


def test_a_job_knows_its_schedule() -> None:
    noon = datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert job('schedule: "0 13 * * *"\ntimezone: Europe/Berlin').cron.next(noon) == datetime(
        2026, 7, 1, 11, tzinfo=UTC
    )
