"""Our reading of selectors, held against SQLMesh's own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmeshselects import SqlmeshSelector, sqlmesh

from scheduler import dag
from scheduler.topology.selectors import SelectorError, Universe, expressible, parse

NAMES = ("raw.a", "raw.ab", "raw.b", "mart.a", "mart.A2", "db.raw.c", "x-1.y_2")
TAGS = ("fin", "Fin-ance", "ops", "x.y")
GRAPH = dag.graph(
    [
        dag.Model("raw.a", tags=("fin",)),
        dag.Model("raw.ab", tags=("ops",), depends_on=("raw.a",)),
        dag.Model("raw.b", tags=("Fin-ance",)),
        dag.Model("mart.a", depends_on=("raw.ab", "raw.b")),
        dag.Model("mart.A2", tags=("fin", "x.y"), depends_on=("mart.a",)),
        dag.Model("db.raw.c", flags=frozenset({dag.Flag.SEED}), tags=("ops",)),
        dag.Model("x-1.y_2", depends_on=("db.raw.c",)),
    ]
)


def ours(graph: dag.Graph, selectors: list[str]) -> set[str]:
    return {graph.models[index].name for index in Universe(graph).select(selectors)}


words = st.sampled_from([*NAMES, "RAW.A", "raw", "nothing.here", "a"])
patterns = st.builds(
    lambda left, word, right: left + word + right,
    st.sampled_from(["", "*"]),
    st.one_of(words, st.sampled_from(["raw.", "mart", "r", "A"])),
    st.sampled_from(["", "*"]),
)
kinds = st.builds(
    lambda kind, tag, star: f"{kind}:{tag}{star}",
    st.sampled_from(["tag", "TAG"]),
    st.sampled_from([*TAGS, "FIN", "f"]),
    st.sampled_from(["", "*"]),
)
leaves = st.one_of(patterns, kinds, st.sampled_from(["*", "resource_type:model"]))
directed = st.builds(
    lambda up, leaf, down: up + leaf + down, st.sampled_from(["", "+"]), leaves, st.sampled_from(["", "+"])
)
selectors = st.recursive(
    directed,
    lambda inner: st.one_of(
        st.builds("{} & {}".format, inner, inner),
        st.builds("{} | {}".format, inner, inner),
        st.builds("^{}".format, inner),
        st.builds("({})".format, inner),
        st.builds("+({})+".format, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(selectors, min_size=1, max_size=3))
def test_a_selector_means_what_it_means_to_sqlmesh(written: list[str]) -> None:
    try:
        expected = SqlmeshSelector(GRAPH).select(written)
    except sqlmesh().ParseError:
        with pytest.raises(SelectorError):
            ours(GRAPH, written)
        return
    assert ours(GRAPH, written) == expected


@pytest.mark.parametrize(
    "written", ["", "a b", "a &", "(a", "a)", "tag:", "a & b & c", "'a'", "tag:(a)", "+", "**", "a,b"]
)
def test_what_cannot_be_a_selector_is_refused_with_its_text(written: str) -> None:
    with pytest.raises(SelectorError, match="reading the selector"):
        parse(written)


def test_no_selector_is_every_model_that_sqlmesh_knows() -> None:
    source = dag.Model("lake.source", flags=frozenset({dag.Flag.EXTERNAL, dag.Flag.UNDECLARED}))
    assert ours(dag.graph([*GRAPH.models, source]), []) == set(NAMES)


@settings(max_examples=300, deadline=None)
@given(st.text("ab1e.0x_-$@/ é'\"+*", min_size=1, max_size=6))
def test_an_expressible_name_is_one_word_to_sqlmesh(name: str) -> None:
    if expressible(name):
        exp = sqlmesh().exp
        assert sqlmesh().parse(f"({name})") == exp.Paren(this=exp.Var(this=name))
        assert sqlmesh().normalize(name, None, None)
        parse(name)


def test_the_default_catalog_and_the_case_of_a_plain_name_do_not_count() -> None:
    graph = dag.graph([dag.Model("Shop.Orders"), dag.Model("lake.shop.items")], default_catalog="Lake")
    assert ours(graph, ["lake.shop.orders"]) == {"Shop.Orders"}
    assert ours(graph, ["shop.items"]) == {"lake.shop.items"}
    assert ours(graph, ["shop.o*"]) == set()
