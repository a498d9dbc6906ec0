from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.report import parse
from scheduler.runs import ModelResult, ModelStatus, Report, RunState


def start() -> str:
    return json.dumps({"meshrun": 1, "event": "start", "models": 2})


def model(name: str, status: str, **fields: object) -> str:
    return json.dumps({"meshrun": 1, "event": "model", "model": name, "status": status, **fields})


def end(outcome: str, **fields: object) -> str:
    return json.dumps({"meshrun": 1, "event": "end", "outcome": outcome, **fields})


def read(*lines: str) -> Report:
    return parse(["\n".join(lines).encode() + b"\n"])


def test_a_model_line_is_read_whole() -> None:
    line = model(
        "db.orders",
        "failed",
        seconds=1.25,
        rows=7,
        intervals=[["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]],
        audits={"passed": 2, "failed": 1},
        error="boom",
        blocked_by=["db.raw"],
        held_by="run-b",
    )
    assert read(line).models == (
        ModelResult(
            "db.orders",
            ModelStatus.FAILED,
            1.25,
            7,
            (("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),),
            2,
            1,
            "boom",
            ("db.raw",),
            "run-b",
        ),
    )


def test_the_last_line_gives_the_outcome() -> None:
    report = read(start(), end("noop", next_due="2026-01-01T03:00:00Z", error=None))
    assert report == Report(outcome=RunState.NOOP, next_due=datetime(2026, 1, 1, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "line",
    [
        '{"meshrun": 1, "event": "model"',
        '{"meshrun": 1, "event": "model", "model": "a", "status": "strange"}',
        '{"meshrun": 1, "event": "model", "model": "a", "status": "failed", "seconds": "x"}',
        '{"meshrun": 1, "event": "model", "model": "a", "status": "failed", "intervals": [1]}',
        '{"meshrun": 1, "event": "model", "model": "a", "status": "failed", "audits": 3}',
        '{"meshrun": 1, "event": "end", "outcome": "running"}',
        '{"meshrun": 1, "event": "end", "outcome": 3, "next_due": "soon"}',
        '{"meshrun": 2, "event": "end", "outcome": "failed"}',
        '{"meshrun"}',
        ' {"meshrun": 1, "event": "end", "outcome": "failed"}',
        "\0\udcff".encode(errors="surrogateescape").decode(errors="replace"),
    ],
)
def test_a_line_that_cannot_be_read_is_left_out(line: str) -> None:
    assert read("noise", line, end("succeeded")) == Report(outcome=RunState.SUCCEEDED)


@pytest.mark.parametrize(
    ("said", "models", "outcome"),
    [
        (["succeeded", "succeeded"], ["evaluated"], RunState.SUCCEEDED),
        (["succeeded", "noop"], ["evaluated"], RunState.SUCCEEDED),
        (["noop", "noop"], [], RunState.NOOP),
        (["failed", "succeeded"], ["failed", "evaluated"], RunState.PARTIAL),
        (["failed", "noop"], ["failed", "blocked"], RunState.FAILED),
        (["failed", "failed"], ["failed", "up_to_date"], RunState.PARTIAL),
        (["partial", "succeeded"], ["evaluated"], RunState.PARTIAL),
        (["interrupted", "succeeded"], ["evaluated"], RunState.INTERRUPTED),
        (["cancelled", "failed"], ["failed"], RunState.CANCELLED),
        (["partial"], ["evaluated"], RunState.PARTIAL),
    ],
)
def test_the_processes_of_a_run_end_it_together(said: list[str], models: list[str], outcome: RunState) -> None:
    lines = [start() for _ in said] + [model(f"m{n}", status) for n, status in enumerate(models)] + [*map(end, said)]
    assert read(*lines).outcome is outcome


def test_there_is_no_outcome_while_one_process_has_not_said_its_own() -> None:
    assert read(start(), start(), end("succeeded")).outcome is None
    assert read(start()).outcome is None


def test_of_a_model_the_line_counts_that_says_most() -> None:
    words = ["claimed_elsewhere", "evaluated", "up_to_date", "failed", "claimed_elsewhere"]
    assert [m.status for m in read(*(model("a", word) for word in words)).models] == [ModelStatus.FAILED]


def test_errors_are_joined_once_and_bounded() -> None:
    assert read(end("failed", error="a"), end("failed", error="b"), end("failed", error="a")).error == "a\nb"
    assert len(read(end("failed", error="x" * 100_000)).error or "") == 8000
    assert read(end("failed", error="a\0b")).error == "ab"


@given(size=st.integers(1, 50), crumbs=st.lists(st.binary(max_size=30), max_size=4))
def test_pieces_of_any_size_and_noise_do_not_matter(size: int, crumbs: list[bytes]) -> None:
    noise = [crumb.replace(b"{", b"").replace(b"\n", b"") for crumb in crumbs]
    raw = b"\n".join([*noise, model("a", "evaluated").encode(), *noise, end("succeeded").encode()])
    report = parse(raw[at : at + size] for at in range(0, len(raw), size))
    assert [m.model for m in report.models] == ["a"]
    assert report.outcome is RunState.SUCCEEDED


def promoted(total: int, **models: str) -> str:
    return json.dumps({"meshrun": 1, "event": "promoted", "environment": "prod", "models": models, "total": total})


def test_what_is_promoted_is_joined_from_its_lines() -> None:
    assert read(start(), promoted(3, a="1", b="2"), promoted(3, c="3")).promoted == {"a": "1", "b": "2", "c": "3"}
    assert read(start(), promoted(0)).promoted == {}
    assert read(start(), end("noop")).promoted is None


def test_what_is_promoted_counts_only_when_it_is_whole() -> None:
    assert read(start(), promoted(3, a="1", b="2")).promoted is None
    assert read(start(), promoted(2, a="1"), promoted(1, c="3")).promoted == {"c": "3"}
    assert read('{"meshrun": 1, "event": "promoted", "models": [], "total": 0}').promoted is None
