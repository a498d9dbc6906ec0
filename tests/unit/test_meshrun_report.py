"""The report lines of a run, and what its models' ends amount to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from meshrun.errors import root_cause
from meshrun.report import Ending, Report, merged, redacted, stamp
from meshrun.tenure import Row, Runner, claim_key


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.report = Report(self.writer)

    def lines(self) -> list[dict[str, object]]:
        os.close(self.writer)
        with os.fdopen(self.reader) as reader:
            text = reader.read()
        assert all(line.startswith('{"meshrun": 1, ') for line in text.splitlines())
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    return Pipe()


def test_a_model_line_has_every_field(pipe: Pipe) -> None:
    done = Ending("s.m", "evaluated", [(86_400_000, 172_800_000), (0, 86_400_000)], 1.25, 3, passed=2, failed=1)
    pipe.report.model(done)
    (line,) = pipe.lines()
    assert line.pop("at")
    assert line == {
        "meshrun": 1,
        "event": "model",
        "model": "s.m",
        "status": "evaluated",
        "intervals": [["1970-01-01T00:00:00Z", "1970-01-03T00:00:00Z"]],
        "seconds": 1.25,
        "rows": 3,
        "audits": {"passed": 2, "failed": 1},
        "error": None,
        "blocked_by": [],
        "held_by": None,
    }


def test_a_run_starts_once_and_ends_with_its_counts(pipe: Pipe) -> None:
    for models in (2, 0):
        pipe.report.start(run_id="r", job=None, environment="prod", sqlmesh="1", models=models)
    pipe.report.model(Ending("s.m", "up_to_date"))
    pipe.report.end("noop", seconds=0.5)
    start, _, end = pipe.lines()
    assert (start["models"], start["run_id"]) == (2, "r")
    assert (end["outcome"], end["counts"], end["next_due"]) == ("noop", {"up_to_date": 1}, None)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ([], "noop"),
        (["evaluated", "up_to_date", "claimed_elsewhere"], "succeeded"),
        (["up_to_date", "claimed_elsewhere"], "noop"),
        (["evaluated", "failed", "blocked"], "partial"),
        (["up_to_date", "blocked"], "partial"),
        (["failed", "blocked", "claimed_elsewhere"], "failed"),
    ],
)
def test_the_outcome_sums_up_the_models(pipe: Pipe, statuses: list[str], outcome: str) -> None:
    for status in statuses:
        pipe.report.model(Ending("s.m", status))
    assert pipe.report.outcome() == outcome


def test_a_model_that_failed_elsewhere_counts_as_failed(pipe: Pipe) -> None:
    pipe.report.model(Ending("s.m", "claimed_elsewhere", error="no", held_by="other"))
    assert pipe.report.outcome() == "failed"


def test_a_reader_that_went_away_breaks_nothing(pipe: Pipe) -> None:
    os.close(pipe.reader)
    pipe.report.end("noop", seconds=0.0)
    os.close(pipe.writer)


def test_passwords_are_taken_out() -> None:
    assert redacted("postgresql://me:secret@host/db failed") == "postgresql://me:***@host/db failed"
    assert redacted("host=x password=secret port=1") == "host=x password=*** port=1"
    assert redacted(None) is None


def test_an_error_is_its_root_cause_with_its_audits() -> None:
    class AuditsError(Exception):
        errors = ("not a list",)

    inner = AuditsError("Audits failed: not_null")
    inner.errors = [ValueError("'not_null' audit error: 3 rows failed")]  # type: ignore[assignment]
    outer = RuntimeError("node failed")
    outer.__cause__ = inner
    assert root_cause(outer) == "Audits failed: not_null\n'not_null' audit error: 3 rows failed"
    assert root_cause(KeyError()) == "KeyError"


def test_intervals_that_touch_are_one() -> None:
    assert merged([(2, 3), (0, 1), (1, 2), (5, 6)]) == [(0, 3), (5, 6)]
    assert stamp(0) == "1970-01-01T00:00:00Z"


def row(**fields: object) -> Row:
    names = ("key", "model", "owner", "run_id", "job", "run_started", "taken_at", "expires_at")
    empty: dict[str, object] = dict.fromkeys((*names, "last_outcome", "last_run_id", "ended_at", "error"))
    return Row(**(empty | {"now": 100} | fields))  # type: ignore[arg-type]


def test_a_claim_is_held_until_its_lease_is_over() -> None:
    assert row(owner="me", expires_at=100).held
    assert not row(owner="me", expires_at=99).held
    assert not row(owner=None, expires_at=200).held


def test_a_failure_counts_in_its_own_run_and_since_the_start_of_another() -> None:
    failed = row(last_outcome="failed", last_run_id="one", ended_at=50)
    assert failed.failed_for(Runner("one", None, 90))
    assert failed.failed_for(Runner("two", None, 50))
    assert not failed.failed_for(Runner("two", None, 51))
    assert not row(last_outcome="done", last_run_id="one", ended_at=50).failed_for(Runner("one", None, 0))


def test_long_names_make_short_keys_that_differ() -> None:
    assert claim_key("short") == "short"
    keys = {claim_key("x" * 1000 + end) for end in "ab"}
    assert len(keys) == 2
    assert all(len(key) <= 512 for key in keys)


def test_what_is_promoted_is_said_in_lines_of_a_bounded_length(pipe: Pipe) -> None:
    pipe.report.promoted("prod", {f"s.m{number}": str(number) for number in range(601)})
    pipe.report.promoted("dev", {})
    *lines, none = pipe.lines()
    assert [len(line["models"]) for line in lines] == [300, 300, 1]  # type: ignore[arg-type]
    assert {line["total"] for line in lines} == {601}
    assert (none["models"], none["total"], none["environment"]) == ({}, 0, "dev")
