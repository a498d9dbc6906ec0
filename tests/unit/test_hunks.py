"""A changed file as suggestions."""

from hypothesis import given
from hypothesis import strategies as st

from bot.words.hunks import MOST, stretches, suggestions

LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=12).map("\n".join)


@given(LINES, LINES)
def test_taking_every_suggestion_makes_the_new_file(before: str, after: str) -> None:
    lines = before.split("\n")
    for first, last, text in reversed(list(stretches(before, after))):
        lines[first - 1 : last] = text.split("\n") if text else []
    assert "\n".join(lines) == after


def test_a_suggestion_says_why_and_is_found_by_its_marker() -> None:
    (one,) = suggestions("a/meshbot.yaml", "a\nb\nc\n", "a\nB\nBB\nc\n", "issue/7/0", "Set x.")
    assert (one.path, one.start_line, one.line) == ("a/meshbot.yaml", None, 2)
    assert one.body == f"{one.marker}\nSet x.\n\n```suggestion\nB\nBB\n```"
    (one,) = suggestions("m", "a\nb\nc\n", "a\n", "k", "Set x.")
    assert (one.start_line, one.line) == (2, 3)
    assert one.body.endswith("```suggestion\n```")


def test_what_is_no_change_of_lines_is_not_suggested() -> None:
    assert suggestions("m", "", "a\n", "k", "w") == []
    assert suggestions("m", "a\n" * 2, "a\n" * 2, "k", "w") == []
    many = [str(number) for number in range(4 * MOST)]
    other = ["x" if place % 3 == 0 else line for place, line in enumerate(many)]
    assert suggestions("m", "\n".join(many), "\n".join(other), "k", "w") == []
    assert suggestions("m", "a\n", "<!-- meshbot:topology . -->\n", "k", "w") == []
