from __future__ import annotations

from collections.abc import Iterator

import pytest
from bot_samples import FILE

from bot import sync, tail
from bot.checkout import Entry


def test_files_are_sorted_into_those_that_are_well_and_those_that_are_not() -> None:
    entries = [
        Entry("a/meshbot.yaml", FILE),
        Entry("b/meshbot.yaml", FILE.replace("analytics", "web").replace("*/15", "*/4")),
        Entry("c/meshbot.yaml", "", "it is a link"),
    ]
    well, faulty = sync.read(entries)
    assert [(entry.folder, file.project) for entry, file in well] == [("a", "analytics")]
    assert [(one.path, one.faults[0].line) for one in faulty] == [("b/meshbot.yaml", 7), ("c/meshbot.yaml", 1)]


def test_one_project_in_two_files_is_neither() -> None:
    well, faulty = sync.read([Entry("a/meshbot.yaml", FILE), Entry("b/meshbot.yaml", FILE)])
    assert well == []
    assert "also in b/meshbot.yaml" in faulty[0].faults[0].problem
    assert "also in a/meshbot.yaml" in faulty[1].faults[0].problem


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb", b"c\nd"], ["a", "bc", "d"]),
        ([b"a\r\n"], ["a"]),
        ([b""], []),
        (["ü\n".encode()[:1], "ü\n".encode()[1:]], ["ü"]),
    ],
)
def test_a_log_in_pieces_has_whole_lines(pieces: list[bytes], lines: list[str]) -> None:
    assert list(tail.lines(iter(pieces))) == lines


def test_following_reads_what_was_printed_last_although_the_run_is_over() -> None:
    log = b""
    steps: Iterator[tuple[bytes, bool]] = iter([(b"one\n", False), (b"two\n", True), (b"", True)])

    def is_over() -> bool:
        nonlocal log
        more, over = next(steps)
        log += more
        return over

    assert b"".join(tail.follow(lambda offset: log[offset:], is_over)) == b"one\ntwo\n"
