"""The page about alerts says what the code does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from scheduler.alerts import decisions, message, outbreaks
from scheduler.alerts.message import span
from scheduler.jobfile import AlertOn

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "alerts.md").read_text()
WORDS = " ".join(PAGE.split())


def long(length: timedelta) -> str:
    number, unit = span(length).split()
    name = {"s": "second", "min": "minute", "h": "hour"}[unit]
    return f"{number} {name}{'' if number == '1' else 's'}"


def test_everything_that_a_job_may_choose_is_explained() -> None:
    assert [name for name in [*AlertOn, "longer_than"] if f"| `{name}`" not in PAGE] == []


def test_the_example_is_a_real_alert() -> None:
    assert (ROOT / "tests" / "golden" / "alerts" / "opened-models.txt").read_text() in PAGE


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"a failure less than {long(outbreaks.WINDOW)} after the recovery" in WORDS
    assert f"the first good run {long(outbreaks.WINDOW)} after the last failure" in WORDS
    assert f"after {outbreaks.CALM_RUNS} good runs in a row ({2 * outbreaks.CALM_RUNS} after" in WORDS
    assert f"at most {outbreaks.UPDATES} such changes" in WORDS
    assert outbreaks.INTERRUPTIONS == 2
    assert "a plan interrupted two runs in a row" in WORDS
    assert timedelta(hours=24) == outbreaks.REMIND_AFTER
    assert "after 24 hours" in WORDS
    assert f"first {message.QUOTED_LINES} lines" in WORDS
    assert f"after {long(decisions.BACKOFF)}, doubling to {long(decisions.LONGEST_BACKOFF)}" in WORDS
    assert f"after {long(decisions.REFUSED_BACKOFF)}, doubling to {long(decisions.LONGEST_REFUSED_BACKOFF)}" in WORDS
