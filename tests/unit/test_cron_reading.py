"""Schedules that cannot be, and the words for those that can."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scheduler import cron


@pytest.mark.parametrize(
    ("schedule", "problem", "remedy"),
    [
        ("", "is empty", "write five"),
        ("*/15 * * *", "has 4 fields", "write five (minute, hour"),
        ("0 */15 * * * *", "seconds are not supported", 'leave out the seconds: "*/15 * * * *"'),
        ("0 0 6 ? * MON", "seconds are not supported", '"0 6 * * MON"'),
        ("0 0 6 * * 1 2026", "has 7 fields", "write five"),
        ("60 * * * *", "60 is no minute", "from 0 to 59"),
        ("0 24 * * *", "24 is no hour", "from 0 to 23"),
        ("0 0 0 * *", "0 is no day of the month", "from 1 to 31"),
        ("0 0 * 13 *", "13 is no month", "from 1 to 12"),
        ("0 0 * * 8", "8 is no weekday", "from 0 to 7"),
        ("0 0 * * monday", "'monday' cannot stand in the weekday field", "did you mean mon?"),
        ("0 0 * january *", "cannot stand in the month field", "did you mean jan?"),
        ("0 0 ? * *", "'?' cannot stand", "write *"),
        ("0 0 L * *", "'l' cannot stand in the day of the month", "numbers from 1 to 31"),
        ("0 0 * * 1#2", "'1#2' cannot stand in the weekday field", "write *"),
        ("H * * * *", "'h' cannot stand in the minute field", "write *"),
        ("0 22-2 * * *", "goes backwards", "write 22-23,0-2"),
        ("*/90 * * * *", "longer than the minute field", "at most 59"),
        ("*/0 * * * *", "no positive number", "*/5"),
        ("*/x * * * *", "no positive number", "*/5"),
        ("1,,2 * * * *", "an empty item", "remove the comma"),
        ("1-2-3 * * * *", "cannot stand in the minute field", "write *"),
        ("٣ * * * *", "cannot stand in the minute field", "write *"),
        ("0 0 30 2 *", "never fires", "28"),
        ("0 0 31 4,6 *", "never fires", "28"),
        ("@dayly", "no alias", "did you mean @daily?"),
        ("@reboot", "nothing boots here", "@hourly"),
        ("@often", "no alias", "@hourly, @daily"),
        ("1," * 200 + "1 * * * *", "characters long", "at most 200"),
    ],
)
def test_a_schedule_that_cannot_be_names_its_field_and_what_to_write(schedule: str, problem: str, remedy: str) -> None:
    with pytest.raises(cron.CronError) as caught:
        cron.parse(schedule, "UTC")
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("zone", "remedy"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("UTC+2", "an offset knows no summer time"),
        ("CEST", "an abbreviation is no place"),
        ("+02:00", "an offset knows no summer time"),
        ("Atlantis/Middle", "write UTC, or a place"),
        ("../../etc/passwd", "write UTC, or a place"),
        ("", "write UTC, or a place"),
    ],
)
def test_an_unknown_zone_brings_the_nearest(zone: str, remedy: str) -> None:
    with pytest.raises(cron.UnknownZone) as caught:
        cron.parse("@daily", zone)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("alias", "fields"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@Annually", "0 0 1 1 *"),
        ("  0   6 * *  MON-fri ", "0 6 * * mon-fri"),
    ],
)
def test_aliases_and_spaces_are_written_out(alias: str, fields: str) -> None:
    assert cron.parse(alias, "UTC") == cron.parse(fields, "UTC")
    assert cron.parse(alias, "UTC").schedule == fields


SAID = [
    "*/15 * * * *", "*/5 * * * *", "0 * * * *", "5 * * * *", "1 * * * *", "@daily", "30 6 * * 1-5", "30 6 * * *",
    "0 6,18 * * *", "0 */2 * * *", "10 */6 * * *", "*/30 8-18 * * mon-fri", "7,37 8-18 * * *", "20,50 * * * *",
    "0 8-18 * * *", "15 1,5,9,13,17,21,23 * * *", "*/10 3 * * *", "*/5 3 * * *", "0 6 1 * *", "0 6 1,15 * *",
    "0 6 * * 0", "0 6 * * 6,0", "0 6 * * tue,thu,sun", "0 0 13 * 5", "0 6 29 2 *", "0 6 * 1,7 *", "0 0 * * 6 ",
    "0 6 2,3,11,12,21,22,23 * *",
    "*/15 * * * 1-5", "* * * * *", "0 0 1 1 *", "*/20 0,12 * * *", "*/5 0,12 * * *",
]  # fmt: skip


def test_schedules_in_words(golden: Callable[[str, str], None]) -> None:
    lines = [f"{schedule.strip():28} {cron.words(schedule, 'Europe/Berlin')}" for schedule in SAID]
    golden("cron_words.txt", "\n".join(lines) + "\n")


def test_words_refuse_what_parse_refuses() -> None:
    with pytest.raises(cron.CronError):
        cron.words("61 * * * *", "UTC")
