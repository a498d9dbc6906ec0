"""Suggestions: mechanical, tried before they are made, only on lines that the pull request wrote, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelshapes import coffee_shop
from pullstates import FAULTY, SHOP, grown, view

from bot.words.suggestions import of_faults, suggestions
from scheduler import jobfile

WRONG = Path(__file__).parents[1] / "data" / "jobfiles" / "wrong.yaml"


def faults(text: str) -> tuple[jobfile.Fault, ...]:
    try:
        jobfile.parse(text)
    except jobfile.JobFileError as error:
        return error.faults
    return ()


def mended(text: str) -> str:
    lines = text.split("\n")
    for one in of_faults(text, faults(text)):
        lines[one.first - 1] = one.text
    return "\n".join(lines)


def job(line: str) -> str:
    return f'version: 1\nproject: x\nenvironment: prod\njobs:\n  a:\n    schedule: "@daily"\n{line}\n'


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('    schedule: "*/4 * * * *"', '    schedule: "*/5 * * * *"'),
        ("    schedule: '*/7 * * * *' # often", "    schedule: '*/10 * * * *' # often"),
        ("    schedule: */4 * * * *", '    schedule: "*/5 * * * *"'),
        ("    schedule: @dialy  # each night", '    schedule: "@daily"  # each night'),
    ],
)
def test_schedules(wrong: str, right: str) -> None:
    text = f"version: 1\nproject: x\nenvironment: prod\njobs:\n  a:\n{wrong}\n"
    assert mended(text).splitlines()[5] == right


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("    timezone: Europe/Berln", "    timezone: Europe/Berlin"),
        ("    timzone: UTC", "    timezone: UTC"),
        ('    alerts: {slack_chanel: "#x", on: [failur]}', '    alerts: {slack_channel: "#x", on: [failure]}'),
        ("    env: {PORT: 1}", '    env: {PORT: "1"}'),
        ("    concurrency: forbidd", "    concurrency: forbid"),
        ("    models: [a.b]", "    select: [a.b]"),
    ],
)
def test_keys_and_values(wrong: str, right: str) -> None:
    assert mended(job(wrong)).splitlines()[6] == right


@pytest.mark.parametrize(
    "left",
    ["    timeout: 60", "    parallelism: 0", "    frobnicate: 1", "    env: {API_TOKEN: abc}", "    timezone: +02:00"],
)
def test_what_a_person_must_decide_is_left_to_a_person(left: str) -> None:
    assert list(of_faults(job(left), faults(job(left)))) == []


def test_a_file_with_everything_wrong(golden: Callable[[str, str], None]) -> None:
    text = WRONG.read_text()
    lines = text.split("\n")
    found = [f"{one.first}: {lines[one.first - 1]}\n → {one.text}\n" for one in of_faults(text, faults(text))]
    golden("suggestions.txt", "".join(found))
    assert len(faults(mended(text))) < len(faults(text))


def test_only_lines_that_the_pull_request_wrote() -> None:
    found = suggestions(view(coffee_shop(), SHOP, FAULTY))
    assert [(one.start_line, one.line) for one in found] == [(None, 4), (None, 7), (None, 16)]
    other = FAULTY.replace("finance.mrr", "finance.mrx")
    assert [one.line for one in suggestions(view(coffee_shop(), FAULTY, other))] == []


def test_a_suggestion_says_why(golden: Callable[[str, str], None]) -> None:
    found = suggestions(view(coffee_shop(), SHOP, FAULTY))
    golden("comments/suggestions.md", "\n".join(one.body for one in found))


def test_the_fixes_of_the_linter_are_suggested_on_lines_of_the_pull_request() -> None:
    text = SHOP.replace('"0 * * * *"', '"0 */2 * * *"').replace("+live.pulse", "+live.puls")
    lines = {one.line: one.body for one in suggestions(view(coffee_shop(), SHOP, text))}
    assert '```suggestion\n    schedule: "0 * * * *"\n```' in lines[9]
    assert '```suggestion\n    select: ["+live.conversion", "+live.pulse"]\n```' in lines[7]
    assert suggestions(view(grown(), SHOP, SHOP)) == ()


def test_a_line_that_is_added_is_suggested_with_the_one_above_it() -> None:
    bodies = "".join(one.body for one in suggestions(view(grown(), None, SHOP)))
    assert '```suggestion\n      - shop.subscription_history\n      - "finance.vat"\n```' in bodies


def test_lines_beside_those_of_the_pull_request_are_left_alone() -> None:
    base = SHOP.replace("    select:\n      - finance", "    select:  # by hand\n      - finance")
    assert suggestions(view(grown(), base, SHOP)) == ()


def test_the_marker_is_the_same_when_the_lines_move_and_another_for_another_change() -> None:
    first, *_ = suggestions(view(coffee_shop(), SHOP, FAULTY))
    moved, *_ = suggestions(view(coffee_shop(), SHOP, f"# a comment\n{FAULTY}"))
    assert (first.marker, first.line + 1) == (moved.marker, moved.line)
    other, *_ = suggestions(view(coffee_shop(), SHOP, FAULTY.replace("Europe/Berln", "Europe/Pariss")))
    assert other.marker != first.marker


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mended_file_never_has_more_faults(data: st.DataObject) -> None:
    lines = SHOP.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at])))
    sign = data.draw(st.sampled_from([*"abc:\"'*@#[]{},-& \t1", "", "<!-- meshbot:topology . -->"]))
    lines[at] = lines[at][:place] + sign + lines[at][place + 1 :]
    text = "\n".join(lines) + "\n"
    assert len(faults(mended(text))) <= len(faults(text))
    assert len(mended(text).split("\n")) == len(text.split("\n"))
