"""The comment of a pull request, in every state: what changes first, bounded, and harmless whatever the names are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from modelshapes import coffee_shop
from pullstates import HOSTILE, NOW, SHOP, STATES, huge, selecting_each, view

from bot.words.comments import OPENING, marked, marker, topology
from bot.words.pullviews import Committed, State
from scheduler.jobfile import Fault

GITHUB = 65_536
OURS = r"</?(details|summary)>|The proposed meshbot.yaml|The jobs as they are|Forecast|Why these jobs, .* change them"


def flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


def read(text: str) -> list[Token]:
    return list(flat(MarkdownIt("gfm-like", {"linkify": False}).parse(text)))


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_comment(state: str, golden: Callable[[str, str], None]) -> None:
    golden(f"comments/{state}.md", topology(STATES[state](), NOW))


@pytest.mark.parametrize("state", STATES)
def test_no_name_breaks_out_mentions_or_forges_a_marker(state: str) -> None:
    text = topology(STATES[state](), NOW)
    first, _, rest = text.partition("\n")
    assert first.startswith(OPENING)
    assert OPENING not in rest
    tokens = read(rest)
    raw = "".join(token.content for token in tokens if token.type.startswith("html"))
    assert re.sub(OURS, "", raw).strip() == ""
    assert raw.count("<details>") == raw.count("</details>")
    words = "".join(token.content for token in tokens if token.type == "text")
    assert not re.search(r"@(?=[A-Za-z])", words)
    assert "\x1b" not in text
    links = {str(token.attrs["href"]) for token in tokens if token.type == "link_open"}
    assert all(link.startswith("https://github.com/acme/shop/blob/") for link in links)


def test_what_merging_changes_comes_before_all_else() -> None:
    text = topology(STATES["retimed"](), NOW)
    places = [
        text.index(part) for part in ("**When this merges", "**Proposed for", "| job |", "```mermaid", "#### What")
    ]
    assert places == sorted(places)


def test_nothing_to_change_is_short() -> None:
    text = topology(STATES["nothing-changes"](), NOW)
    before_the_fold, _, _ = text.partition("<details>")
    assert len(before_the_fold.splitlines()) <= 6


def test_a_file_that_the_pull_request_does_not_touch_stays_as_its_base_has_it() -> None:
    assert STATES["base-moved-on"]().state is State.SAME


def test_a_faulty_file_changes_nothing_and_the_jobs_before_it_are_still_shown() -> None:
    one = STATES["faulty"]()
    assert not one.changes
    assert "| `live` | every 5 minutes |" in topology(one, NOW)


def test_ten_thousand_models_fit_and_what_is_cut_is_said() -> None:
    graph = huge()
    for base in (None, selecting_each(graph)):
        one = view(graph, base, base)
        text = topology(one, NOW)
        assert len(text) < GITHUB
        assert text.count("```") % 2 == 0
        assert text.count("<details>") == text.count("</details>")
        assert one.made is not None
        assert one.made.changed
        if len(one.made.text) > GITHUB:
            assert re.search(r"lines are left out.*`/meshbot accept` commits the whole", text)


def test_a_thousand_faults_fit() -> None:
    many = tuple(Fault(line, 1, "jobs.x", "*" * 900, "|" * 900) for line in range(1, 1000))
    one = replace(view(coffee_shop(), SHOP, SHOP), head=Committed(SHOP, faults=many))
    text = topology(one, NOW)
    assert len(text) < GITHUB
    assert "list of faults is left out" in text
    assert "| `live` |" in text


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_marker_is_one_line_of_its_own_for_each_key(one: str, two: str) -> None:
    mark = marker("topology", one)
    assert re.fullmatch(r"<!-- meshbot:topology [!-~]* -->", mark)
    assert "--" not in mark.removeprefix("<!--").removesuffix("-->")
    assert (marker("topology", one) == marker("topology", two)) == (one == two)
    assert marked(mark, f"x {marker('reply', two)}").count(OPENING) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_has_a_marker_of_its_own(name: str) -> None:
    one = replace(STATES["untrusted"](), folder=name, path=f"{name}/meshbot.yaml", head=None, base=None, called=name)
    text = topology(one, NOW)
    assert text.startswith(marker("topology", name) + "\n")
    assert text.count(OPENING) == 1
