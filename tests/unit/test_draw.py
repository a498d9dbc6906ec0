"""Comments, Mermaid and SVG: bounded, and harmless whatever the names are."""

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from modelgraphs import generated, graphs
from modelshapes import coffee_shop, domains, hidden_and_foreign, unconnected

from scheduler import dag
from scheduler.amend import compose
from scheduler.dag import Graph, Model
from scheduler.draw import LARGEST, changes, markdown, mermaid, outline, svg
from scheduler.draw.escape import code, prose, spoken
from scheduler.jobfile import Job
from scheduler.topology import Options, Proposal, difference, outlook, propose

GITHUB = 65_536


def comment(graph: Graph, proposal: Proposal, present: tuple[Job, ...] = ()) -> str:
    text = compose(proposal, project="shop")
    return markdown(graph, proposal, present=present, yaml=text, outlook=outlook(graph, proposal, present=present))


@pytest.mark.parametrize("shape", ["singletons", "giant", "islands"])
def test_a_comment_fits_whatever_the_size(shape: str) -> None:
    graph = generated(shape, 3000, seed=1)
    proposal = propose(graph, options=Options(max_jobs=200, smallest_seconds=0))
    text = comment(graph, proposal)
    assert len(text) < LARGEST < GITHUB
    assert len(text.encode()) < GITHUB
    assert shape == "giant" or "left out" in text
    assert text.count("```") % 2 == 0


def test_the_graph_is_bounded_for_three_thousand_models() -> None:
    graph = generated("random", 3000, seed=2)
    drawn = mermaid(graph, propose(graph, options=Options(max_jobs=120, smallest_seconds=0)).jobs)
    assert len(drawn) < 20_000
    assert drawn.count("-->") <= 150
    assert drawn.count("[") <= 52


def test_a_small_project_shows_its_models_within_their_jobs() -> None:
    drawn = mermaid(coffee_shop(), propose(coffee_shop()).jobs)
    assert drawn.count("subgraph") == 3
    assert 'm5["live.conversion"]' in drawn


def test_what_changes_comes_first() -> None:
    present = (
        Job(name="a", schedule="@daily", select=("finance.*",)),
        Job(name="b", schedule="@daily", select=("growth.*", "people.*")),
        Job(name="gone", schedule="@daily", select=("nothing.here",)),
    )
    proposal = propose(domains(), present=present)
    text = comment(domains(), proposal, present)
    assert text.startswith("### Proposed changes to the jobs\n\n2 added, 1 removed, 1 retimed")
    assert "- **removed** `gone`: nothing is left that it would run" in text
    assert "- **retimed** `b`: `@daily UTC` → `0 * * * * UTC`" in text
    assert (
        text.index("**removed**")
        < text.index("| job |")
        < text.index("```mermaid")
        < text.index("meshbot.yaml</summary>")
    )


def test_nothing_to_change_is_said() -> None:
    first = propose(domains())
    present = tuple(
        Job(name=one.name, type=one.type, schedule=one.schedule, timezone=one.timezone, select=one.select)
        for one in first.jobs
    )
    assert "nothing to change" in comment(domains(), propose(domains(), present=present), present)


SIGNS = [*"ab.|`<>&\"'@#[]()*_\\\n\r\t{};-~$\u202e\x00é", "```", "@all", "</details>", "http://x.y"]
NASTY = st.lists(st.sampled_from(SIGNS), min_size=1, max_size=12).map("".join)


def flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


@settings(max_examples=60, deadline=None)
@given(st.lists(NASTY, min_size=1, max_size=6, unique=True), NASTY)
def test_no_name_breaks_out_of_its_place(names: list[str], tag: str) -> None:
    graph = dag.graph(
        Model(name, cron="@hourly" if at % 2 else "@daily", tags=(tag,), depends_on=tuple(names[:at][-1:]))
        for at, name in enumerate(names)
    )
    proposal = propose(graph, options=Options(smallest_seconds=0))
    text = comment(graph, proposal)
    tokens = list(flat(MarkdownIt("gfm-like", {"linkify": False}).parse(text)))
    raw = "".join(token.content for token in tokens if token.type.startswith("html"))
    assert re.sub(r"</?(details|summary)>|meshbot.yaml|Why these jobs, and what would change them|\s", "", raw) == ""
    assert raw.count("<details>") == raw.count("</details>") == 2
    assert not [token for token in tokens if token.type in {"link_open", "image"}]
    assert not re.search(r"@(?=[A-Za-z])", "".join(token.content for token in tokens if token.type == "text"))
    assert [token.info for token in tokens if token.type == "fence"] == ["mermaid", "yaml"]
    for line in mermaid(graph, proposal.jobs).splitlines():
        assert re.fullmatch(
            r'flowchart LR|  end|  +(subgraph )?\w+\["[^"\n<>`]*(<br/>[^"\n<>`]*)?"\]|  \w+ -->(\|[\d,]+\|)? \w+', line
        )
    ET.fromstring(svg(graph, proposal.jobs))  # noqa: S314 - our own text


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_an_svg_shows_every_model_once(graph: Graph) -> None:
    root = ET.fromstring(svg(graph, propose(graph).jobs))  # noqa: S314 - our own text
    titles = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}title")][1:]
    assert sorted(title.split(" (")[0] for title in titles) == [model.name for model in graph.models]


def test_a_large_svg_shows_dots() -> None:
    drawn = svg(unconnected(), propose(unconnected()).jobs)
    assert drawn.count("<rect") == 3000 + 4
    assert len(drawn) < 600_000


@pytest.mark.parametrize(
    ("text", "written"),
    [("a|b", "`a\\|b`"), ("a`b", "`` a`b ``"), ("a\nb", "`a b`"), (" ", "`   `"), ("x" * 100, f"`{'x' * 79}…`")],
)
def test_code_is_one_line_of_code_also_in_a_table(text: str, written: str) -> None:
    assert code(text) == written


def test_prose_has_no_markup_mention_or_link() -> None:
    written = prose("*a* @team <b> [x](http://y) #12 www.z")
    assert written == "\\*a\\* @\u2060team \\<b\\> \\[x\\]\\(http:\u2060//y\\) \\#12 www\u2060.z"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("write `a: *` or `b`.", "write `a: *` or `b`."),
        ("`a``b` @x", "`a``b` @\u2060x"),
        ("one ` is a sign", "one \\` is a sign"),
        ("`x|y` and `*z", "`x\\|y` and \\`\\*z"),
    ],
)
def test_what_a_sentence_has_in_backticks_is_code(text: str, written: str) -> None:
    assert spoken(text) == written


@given(NASTY)
@example("\u202e" * 4 + "a")
def test_a_sentence_is_as_harmless_as_prose(text: str) -> None:
    tokens = list(flat(MarkdownIt("gfm-like", {"linkify": False}).parse(f"- {spoken(text)}")))
    assert {token.type for token in tokens if token.nesting == 0} <= {"inline", "text", "text_special", "code_inline"}
    assert not re.search(r"@(?=[A-Za-z])", "".join(token.content for token in tokens if token.type == "text"))


def test_hidden_things_are_drawn_too() -> None:
    assert "lake.unknown" in svg(hidden_and_foreign(), propose(hidden_and_foreign()).jobs)


def test_the_outline_names_each_job_and_what_it_reads_from_others() -> None:
    lines = outline(coffee_shop(), propose(coffee_shop()).jobs)
    assert [line.text for line in lines if line.heading] == [
        "daily: at 00:00, UTC, 4 models",
        "hourly: every hour, 5 models",
        "live: every 5 minutes, 6 models",
    ]
    assert ("  growth.retention  <- shop.orders (live), shop.subscription_history (hourly)", "daily") in [
        (line.text, line.job) for line in lines
    ]
    assert len(outline(coffee_shop(), propose(coffee_shop()).jobs, most=5)) == 6


def test_the_outline_says_what_no_job_runs() -> None:
    lines = outline(domains(), [Job(name="a", schedule="@daily", select=("finance.*",))])
    assert lines[7].text == "in no job: 18 models"
    assert {line.job for line in lines[7:]} == {None}


def test_the_list_of_changes_between_two_files() -> None:
    old = [
        Job(name="a", schedule="@daily", select=("finance.*",)),
        Job(name="b", schedule="@daily", select=("growth.*",)),
    ]
    new = [Job(name="a", schedule="@hourly", select=("finance.*", "growth.*"), parallelism=2)]
    assert changes(difference(old, new, domains())).splitlines()[:5] == [
        "- **removed** `b`: not in the new file",
        "- **retimed** `a`: `@daily UTC` → `@hourly UTC`",
        "- **other models selected** by `a`",
        "- **another number of pods** for `a`",
        "- `growth.report`: `b` → `a`",
    ]
