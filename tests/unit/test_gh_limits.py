"""Texts that are longer than GitHub takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gh import Annotation, Button, limits


def test_what_fits_stays_as_it_is() -> None:
    assert limits.comment("x" * 65_536) == "x" * 65_536
    assert limits.summary("ü" * 32_767) == "ü" * 32_767


@given(st.text(alphabet="a\nü🙂`~ ", min_size=0, max_size=50), st.integers(0, 5000))
def test_whatever_is_written_github_takes_it(piece: str, often: int) -> None:
    text = piece * often
    assert len(limits.summary(text).encode()) <= limits.SUMMARY
    assert len(limits.comment(text).encode("utf-16-le")) <= 2 * limits.COMMENT


def test_what_is_cut_says_so_at_the_end_of_a_line() -> None:
    cut = limits.summary("a line of the table\n" * 10_000)
    assert cut.endswith("a line of the table\n\n_Cut here: GitHub shows no more than 65,535 bytes of a summary._\n")


@pytest.mark.parametrize("fence", ["```", "~~~~", "`````"])
def test_no_code_block_is_left_open(fence: str) -> None:
    cut = limits.comment(f"words\n\n{fence}yaml\n" + "jobs: x\n" * 20_000)
    assert f"\n{fence}\n\n_Cut here" in cut


def test_a_code_block_that_was_closed_is_not_closed_again() -> None:
    assert "```\n\n_Cut" not in limits.comment("```\na\n```\n" + "words\n" * 20_000)


def test_a_button_is_as_short_as_github_takes_it() -> None:
    made = limits.button(Button("Accept the jobs of this pull request", "Commits\nmeshbot.yaml " * 9, "accept"))
    assert (len(made["label"]), len(made["description"]), made["identifier"]) == (20, 40, "accept")
    assert made["label"] == "Accept the jobs of …"


def test_an_identifier_that_would_be_cut_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="at most 20"):
        limits.button(Button("a", "b", "i" * 21))


def test_an_annotation_stands_on_lines_that_can_be() -> None:
    made = limits.annotation(Annotation("meshbot.yaml", 0, -1, "failure", "", "t" * 300))
    assert made == {
        "path": "meshbot.yaml",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "failure",
        "message": "-",
        "title": "t" * 254 + "…",
    }
