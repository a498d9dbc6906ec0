"""Which model may start when, and what one model's end means for the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshrun.cut import remaining
from meshrun.walk import CREATE, Batches, State, Unit, Walk

DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "alone": ()}


def test_models_start_when_everything_upstream_is_done_longest_chain_first() -> None:
    walk = Walk(DIAMOND)
    assert walk.ready() == ["a", "alone"]
    walk.begin("a")
    assert walk.ready() == ["alone"]
    walk.done("a")
    assert walk.ready() == ["b", "c", "alone"]
    walk.done("b")
    assert "d" not in walk.ready()
    walk.done("c")
    assert "d" in walk.ready()


def test_a_failure_blocks_what_is_downstream_and_nothing_else() -> None:
    walk = Walk(DIAMOND)
    walk.done("a")
    assert walk.fail("b") == ["d"]
    assert walk.states["d"] is State.BLOCKED
    assert walk.ready() == ["c", "alone"]
    walk.done("c")
    assert walk.ready() == ["alone"]


def test_what_is_left_to_another_run_takes_its_downstream_with_it() -> None:
    walk = Walk(DIAMOND)
    assert walk.leave("a") == ["b", "c", "d"]
    assert walk.ready() == ["alone"]
    assert set(walk.states.values()) == {State.LEFT, State.PENDING}


def test_a_model_that_is_waited_for_comes_back() -> None:
    walk = Walk(DIAMOND)
    walk.wait("a")
    assert (walk.waiting(), walk.ready()) == (["a"], ["alone"])
    assert walk.has_dependents("a")
    assert not walk.has_dependents("d")
    walk.again("a")
    assert walk.ready() == ["a", "alone"]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    size = draw(st.integers(1, 12))
    names = [f"m{number:02}" for number in range(size)]
    parents: dict[str, list[str]] = {names[0]: []}
    for index in range(1, size):
        parents[names[index]] = draw(st.lists(st.sampled_from(names[:index]), unique=True))
    return parents


@given(graphs(), st.data())
def test_every_model_ends_and_none_starts_before_its_upstream_is_done(
    parents: dict[str, list[str]], data: st.DataObject
) -> None:
    walk = Walk(parents)
    while ready := walk.ready():
        name = data.draw(st.sampled_from(ready))
        assert all(walk.states[parent] is State.DONE for parent in parents[name])
        walk.begin(name)
        data.draw(st.sampled_from([walk.done, walk.done, walk.fail, walk.leave]))(name)
    assert State.PENDING not in walk.states.values()
    for name, state in walk.states.items():
        if state is State.DONE:
            assert all(walk.states[parent] is State.DONE for parent in parents[name])


def drain(batches: Batches) -> list[Unit]:
    units = []
    while (unit := batches.take()) is not None:
        units.append(unit)
    return units


INTERVALS = [(0, 1), (1, 2), (2, 3)]


def test_batches_run_at_once_unless_a_width_holds_them() -> None:
    assert len(drain(Batches(INTERVALS, None, create=False))) == 3
    narrow = Batches(INTERVALS, 1, create=False)
    (first,) = drain(narrow)
    assert not narrow.finished
    narrow.end(first, good=True)
    assert drain(narrow) == [Unit(1, (1, 2))]


def test_the_table_is_created_before_any_batch() -> None:
    batches = Batches(INTERVALS, None, create=True)
    assert drain(batches) == [CREATE]
    batches.end(CREATE, good=True)
    assert len(drain(batches)) == 3
    only = Batches([], None, create=True)
    assert not only.complete
    only.end(drain(only)[0], good=True)
    assert only.complete


def test_a_failed_batch_ends_those_behind_it_and_a_failed_creation_all() -> None:
    batches = Batches(INTERVALS, 1, create=False)
    batches.end(drain(batches)[0], good=False)
    assert batches.finished
    assert not batches.complete
    wide = Batches(INTERVALS, 2, create=False)
    first, second = drain(wide)
    wide.end(first, good=False)
    wide.end(second, good=True)
    assert wide.finished
    uncreated = Batches(INTERVALS, None, create=True)
    uncreated.end(drain(uncreated)[0], good=False)
    assert uncreated.finished


def test_closed_batches_are_finished_but_not_complete() -> None:
    batches = Batches(INTERVALS, 1, create=False)
    batches.end(drain(batches)[0], good=True)
    batches.close()
    assert batches.finished
    assert not batches.complete


UNITS = [(day, day + 1) for day in range(6)]


def test_what_is_done_is_cut_and_what_was_not_planned_is_not_added() -> None:
    assert remaining(UNITS, UNITS, None) == [(0, 6)]
    assert remaining(UNITS, [(3, 4), (4, 5)], None) == [(3, 5)]
    assert remaining(UNITS, [(0, 1), (4, 5), (7, 8)], None) == [(0, 1), (4, 5)]
    assert remaining(UNITS, [], None) == []


def test_what_is_left_is_regrouped_by_the_batch_size() -> None:
    assert remaining(UNITS, UNITS[1:], 2) == [(1, 3), (3, 5), (5, 6)]


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.none() | st.integers(1, 5))
def test_the_cut_covers_exactly_what_is_planned_and_missing(
    planned: set[int], missing: set[int], size: int | None
) -> None:
    batches = remaining([(day, day + 1) for day in sorted(planned)], [(day, day + 1) for day in missing], size)
    assert [day for low, high in batches for day in range(low, high)] == sorted(planned & missing)
    assert all(high - low <= (size or 99) for low, high in batches)
