"""The page about meshrun says what the code does."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from meshrun.__main__ import EXIT_CODES, USAGE, _claim, _parser
from meshrun.environ import VARIABLES
from meshrun.report import Ending, Report
from meshrun.tenure import Row
from scheduler.runs import ModelStatus

ROOT = Path(__file__).parents[2]
ENDED = ("last_outcome", "last_run_id", "ended_at", "error")
PAGE = (ROOT / "docs" / "reference" / "meshrun.md").read_text()


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction))
    return dict(found.choices)


def said() -> list[dict[str, Any]]:
    """One line of every kind, as the code writes it."""
    reader, writer = os.pipe()
    report = Report(writer)
    report.start(run_id="r", job=None, environment="prod", sqlmesh="1", models=1)
    report.promoted("prod", {"s.m": "1"})
    report.evaluating("s.m")
    report.model(Ending("s.m", "evaluated"))
    report.end("succeeded", seconds=1)
    held = Row("k", "s.m", "o", "r", None, run_started=0, taken_at=0, expires_at=1, **dict.fromkeys(ENDED), now=0)
    report.claim(**_claim(held, released=False))
    os.close(writer)
    with os.fdopen(reader) as lines:
        return [json.loads(line) for line in lines]


def test_every_variable_is_there_with_its_default_and_meaning() -> None:
    rows = [f"| `{each.name}` | {each.default} | {each.meaning} |" for each in VARIABLES]
    assert [row for row in rows if row not in PAGE] == []


def test_meshrun_reads_no_other_variable_of_its_own() -> None:
    sources = [path.read_text() for path in (ROOT / "meshrun").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'"(MESHRUN_\w+|MAX_CONCURRENT\w+)"', text)}
    assert named == {each.name for each in VARIABLES}


def test_every_outcome_has_its_exit_code() -> None:
    rows = dict(re.findall(r"^\| (\d) \| (.+?) \|", PAGE, re.MULTILINE))
    assert {outcome: code for outcome, code in EXIT_CODES.items() if f"`{outcome}`" not in rows[str(code)]} == {}
    assert rows.keys() == {str(code) for code in (*EXIT_CODES.values(), USAGE)}


def test_every_command_and_every_option_of_run_is_there() -> None:
    assert [name for name in commands() if f"| `meshrun {name} PATH" not in PAGE] == []
    options = [name for action in commands()["run"]._actions for name in action.option_strings if name.startswith("--")]
    assert [name for name in options if name != "--help" and f"`{name}" not in PAGE] == []
    assert "`meshrun claims PATH --release NAME`" in PAGE


def test_the_example_lines_have_the_fields_of_real_ones() -> None:
    lines = [json.loads(line) for line in PAGE.splitlines() if line.startswith('{"meshrun"')]
    assert [list(line) for line in lines] == [list(line) for line in said()]


def test_every_status_is_explained() -> None:
    assert [each for each in ModelStatus if f"| `{each}` |" not in PAGE] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_versions_are_those_that_are_supported_and_tested() -> None:
    from meshrun.opening import SUPPORTED

    (low, high), text = SUPPORTED, (ROOT / "tests" / "contract" / "test_sqlmesh_versions.py").read_text()
    assert f"SQLMesh >={low[0]}.{low[1]},<{high[0]}.{high[1]}" in PAGE
    older = re.findall(r'"(\d+\.\d+\.\d+)"', text.split("OLDER = ")[1].splitlines()[0])
    assert [version for version in older if version not in PAGE] == []
