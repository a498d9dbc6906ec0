from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from bot_samples import NOW
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops.parser import parse
from bot.errors import UsageFault


def test_a_line_becomes_a_request_with_converted_values() -> None:
    request = parse('pause analytics/hourly --until 2h --reason "an upgrade"', NOW)
    assert request.command == "pause"
    assert request.values == {
        "job": "analytics/hourly",
        "until": NOW + timedelta(hours=2),
        "reason": "an upgrade",
    }


def test_nothing_is_a_request_for_help() -> None:
    assert parse("  ", NOW).command == "help"


def test_an_option_takes_its_value_either_way_and_has_a_short_form() -> None:
    assert parse("runs hourly --limit=5", NOW).values == parse("runs -n 5 hourly", NOW).values
    assert parse("logs a-b-c -f", NOW).switch("follow")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T06:00+01:00", datetime(2026, 1, 1, 5, tzinfo=UTC)),
        ("2026-01-01T06:00Z", datetime(2026, 1, 1, 6, tzinfo=UTC)),
    ],
)
def test_moments_without_a_zone_are_utc(written: str, moment: datetime) -> None:
    assert parse(f"run hourly --start {written}", NOW).instant("start") == moment


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("puase hourly", "did you mean pause?"),
        ("rn hourly", "did you mean run or runs?"),
        ("pаuse hourly", "there is none"),  # noqa: RUF001 - a Cyrillic letter is another word
        ("pause", "JOB is missing; write: pause JOB"),
        ("pause hourly daily", "'daily' is one too many"),
        ("pause hourly --untill 2h", "did you mean --until?"),
        ("pause hourly --until", "--until lacks its value; write --until WHEN"),
        ("pause hourly --until soon", "neither a duration nor a moment; write 2h, 3d"),
        ("pause hourly --until 2020-01-01", "is in the past"),
        ("pause hourly --reason a --reason b", "--reason is given twice"),
        ("run hourly --wait=yes", "--wait takes no value"),
        ("run hourly --start yesterday", "'yesterday' is no moment"),
        ("runs --limit 0", "no number from 1 to 10000"),
        ("runs --limit ²", "no number from 1 to 10000"),
        ("jobs --all", "it has no options"),
        ("run ../../etc/passwd", "is no name"),
        ("run $(id)", "is no name"),
        ("run --flag=../../x", "'--flag' is no option of it"),
        ('run "hourly', "close the quote"),
        ("run hourly\x1b[31m", "is too long or not printable"),
        ("pause hourly --reason " + "x" * 2000, "longer than 1000 characters"),
    ],
)
def test_what_is_not_plainly_right_is_refused_with_what_to_write(line: str, words: str) -> None:
    with pytest.raises(UsageFault) as caught:
        parse(line, NOW)
    assert words in str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_a_request_or_refused(line: str) -> None:
    with suppress(UsageFault):
        assert parse(line, NOW).command
