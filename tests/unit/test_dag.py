"""The graph and its JSON."""

import json

import pytest
from hypothesis import given, settings
from modelgraphs import graphs
from modelshapes import hidden_and_foreign

from scheduler import dag, dagjson
from scheduler.dag import Flag, Graph, GraphError, Model


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_a_graph_reads_back_as_it_was_written(graph: Graph) -> None:
    assert dagjson.parse(dagjson.dump(graph)) == graph


def test_audits_and_faults_read_back_too() -> None:
    graph = hidden_and_foreign()
    full = dag.graph(
        graph.models, audits=graph.audits, faults=[dag.LoadFault("config.yaml", "no driver", "install it")], project="a"
    )
    assert dagjson.parse(dagjson.dump(full).encode()) == full


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no 'meshbot_graph'"),
        ('{"models": []}', "no 'meshbot_graph'"),
        ('{"meshbot_graph": 2}', "version 2"),
        ('{"meshbot_graph": true}', "version True"),
        ('{"meshbot_graph": 1, "extra": 1}', "unknown key 'extra'"),
        ('{"meshbot_graph": 1, "models": {}}', "models is not a list"),
        ('{"meshbot_graph": 1, "models": [1]}', r"models\[0\] is no object"),
        ('{"meshbot_graph": 1, "models": [{"kind": "FULL"}]}', r"models\[0\] has no 'name'"),
        ('{"meshbot_graph": 1, "models": [{"name": ""}]}', "empty name"),
        ('{"meshbot_graph": 1, "models": [{"name": "a", "line": -1}]}', r"models\[0\].line is not a number"),
        ('{"meshbot_graph": 1, "models": [{"name": "a", "tags": ["x", 1]}]}', "tags is not a list of strings"),
        ('{"meshbot_graph": 1, "models": [{"name": "a", "flags": ["odd"]}]}', "has the flag 'odd'"),
        ('{"meshbot_graph": 1, "models": [{"name": "a"}, {"name": "a"}]}', "two models are called 'a'"),
        ('{"meshbot_graph": 1, "models": [{"name": "a", "depends_on": ["b"]}]}', "depends on 'b', which is not"),
        ('{"meshbot_graph": 1, "models": [{"name": "a", "depends_on": ["a"]}]}', "a cycle, a <- a"),
        ('{"meshbot_graph": 1, "audits": [{"name": 1}]}', r"audits\[0\].name is not a string"),
    ],
)
def test_what_is_no_graph_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(GraphError, match=says):
        dagjson.parse(text)


def test_a_long_cycle_is_named() -> None:
    names = [f"m{at:02}" for at in range(20)]
    models = [Model(name, depends_on=(names[at - 1],)) for at, name in enumerate(names)]
    with pytest.raises(GraphError, match=r"m00 <- m19 <- .* <- m00"):
        dag.graph(models)


@pytest.mark.parametrize(
    ("flags", "audits", "runs"),
    [
        ((), (), True),
        ((Flag.SEED,), (), False),
        ((Flag.EMBEDDED, Flag.SYMBOLIC), (), False),
        ((Flag.EXTERNAL, Flag.SYMBOLIC), (), False),
        ((Flag.EXTERNAL, Flag.SYMBOLIC), ("not_null",), True),
        ((Flag.EXTERNAL, Flag.UNDECLARED), ("not_null",), False),
        ((Flag.FOREIGN,), (), False),
    ],
)
def test_which_models_a_run_evaluates(flags: tuple[Flag, ...], audits: tuple[str, ...], runs: bool) -> None:  # noqa: FBT001
    assert Model("a", flags=frozenset(flags), audits=audits).schedulable is runs


def test_defaults_are_left_out_of_the_json() -> None:
    found = json.loads(dagjson.dump(dag.graph([Model("a.b", cron="@hourly")])))
    assert found["models"] == [{"name": "a.b", "cron": "@hourly"}]
