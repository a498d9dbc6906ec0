"""The YAML of job files: its slips, its traps, its anchors, and texts that mean more than they say."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.jobfile import Fault, JobFileError, parse, yamltree

HEAD = "version: 1\nproject: shop\nenvironment: prod\n"


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(JobFileError) as caught:
        parse(text)
    return caught.value.faults


@pytest.mark.parametrize(
    ("text", "place", "problem", "remedy"),
    [
        ("", (1, 1), "the file is empty", "begin with `version: 1`"),
        ("# only a comment\n", (1, 1), "the file is empty", "begin with"),
        ("---\n", (1, 1), "the file is empty", "begin with"),
        ("- a\n", (1, 1), "the file is no mapping", "begin with"),
        ("a: [1, 2\n", (1, 4), "a list that began with [ is not closed", "close it with ]"),
        ("a: {b: 1\n", (1, 4), "a mapping that began with { is not closed", "close it with }"),
        ("\na: 'x\n", (2, 4), "a quote is not closed", "close it"),
        ('a: "x\n', (1, 4), "a quote is not closed", "close it"),
        ("a: b: c\n", (1, 5), "a second `key: value` stands on one line", "a line of its own"),
        ("a:\n  b: 1\n c: 2\n", (3, 2), "does not fit the indentation", "indent"),
        ("a: 1\nb\nc: 1\n", (2, 1), "neither `key: value` nor the item", "put a colon and a space"),
        ("a: 1\nb\n", (2, 1), "neither `key: value` nor the item", "put a colon and a space"),
        ("a: !secret x\n" + HEAD + "jobs: {}", (1, 4), "begins a tag", "write it in quotes"),
        ("a: \x07\n", (1, 4), "the control character U+0007 is no text", "remove it"),
        (HEAD + "jobs: {}\n---\na: 1\n", (5, 1), "a second document begins with ---", "keep one document"),
        (HEAD + "jobs: {? [a] : {schedule: '@daily'}}", (4, 10), "stands where a key must", "write a word"),
        (HEAD + "jobs: {a: {<<: 5, schedule: '@daily'}}", (4, 16), "`<<` takes over a mapping", "<<: *name"),
        (HEAD + "jobs: {a: {<<: *no, schedule: '@daily'}}", (4, 16), "nothing has this name", "define it above"),
    ],
)
def test_a_slip_is_worded_at_its_place(text: str, place: tuple[int, int], problem: str, remedy: str) -> None:
    found = [fault for fault in faults(text) if problem in fault.problem]
    assert found, faults(text)
    assert (found[0].line, found[0].column) == place
    assert remedy in found[0].remedy


def test_after_well_known_slips_the_rest_is_read_on() -> None:
    text = (
        HEAD
        + "jobs:\n  a:\n    schedule: */4 * * * * # often\n  b:\n    schedule: @dayly\n\tzzz: 1\n  c:\n    timeout: 5\n"
    )
    found = {(fault.line, fault.path): fault.problem for fault in faults(text) if "begin" in fault.problem}
    assert set(found) == {(6, "jobs.a.schedule"), (8, "jobs.b.schedule")}
    rest = " ".join(fault.problem for fault in faults(text))
    assert "4 minutes apart" in rest
    assert "'@dayly' is no alias" in rest
    assert "indented with a tab" in rest
    assert "the duration 5 has no unit" in rest
    assert "`schedule` is missing" in rest


def test_a_mended_file_is_never_accepted() -> None:
    assert len(faults(HEAD + "jobs:\n  a:\n    schedule: @daily\n")) == 1
    assert len(faults(HEAD + "jobs:\n  a:\n    schedule: */15 * * * *\n")) == 1
    assert len(faults(HEAD + "jobs:\n  a:\n\t\tschedule: '@daily'\n")) == 1


def test_a_duplicate_key_is_said_with_both_lines_and_both_are_read() -> None:
    text = HEAD + "jobs:\n  a: {schedule: '@daily'}\n  b: {schedule: '@daily'}\n  a: {schedule: 5}\nproject: x\n"
    said = {fault.path: fault for fault in faults(text)}
    assert said["jobs.a"].problem == "two jobs are called a: in line 5 and in line 7"
    assert (said["jobs.a"].line, said["jobs.a"].column) == (7, 3)
    assert "schedule is a number" in said["jobs.a.schedule"].problem
    assert said["project"].problem == "the key project is written twice: in line 2 and in line 8"


def test_on_off_yes_and_no_are_words() -> None:
    job = parse(
        HEAD + "jobs: {on: {schedule: '@daily', owner: yes, description: off, alerts: {on: [success]}, env: {A: no}}}"
    ).jobs[0]
    assert (job.name, job.owner, job.description, job.env, job.alerts.on) == (
        "on",
        "yes",
        "off",
        {"A": "no"},
        {"success"},
    )


def test_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    text = HEAD + "jobs:\n  a:\n    schedule: '@daily'\n"
    assert parse("\ufeff" + text) == parse(text.replace("\n", "\r\n")) == parse(text)
    slip = (HEAD + "jobs:\n  a:\n    schedule: @daily\n").replace("\n", "\r\n")
    assert [(fault.line, fault.column, fault.path) for fault in faults(slip)] == [(6, 15, "jobs.a.schedule")]


def test_keys_are_words_whatever_they_look_like() -> None:
    text = HEAD + "jobs: {true: {schedule: '@daily'}, 5: {schedule: '@daily'}, null: {schedule: '@daily'}}"
    assert [job.name for job in parse(text).jobs] == ["true", "5", "null"]


def test_a_directive_of_yaml_1_1_changes_nothing() -> None:
    assert parse("%YAML 1.1\n---\n" + HEAD + "jobs: {x: {schedule: '@daily', owner: yes}}").jobs[0].owner == "yes"


def test_anchors_aliases_and_merge_keys_mean_what_they_say() -> None:
    text = (
        HEAD + "jobs:\n"
        "  a: &a {schedule: '@daily', timeout: 2h, env: &e {X: '1', Y: '1'}, select: &s [one]}\n"
        "  b: {<<: *a, timeout: 3h}\n"
        "  c: {schedule: '@hourly', env: {<<: [{X: '2'}, *e], Z: '3'}, select: *s}\n"
    )
    a, b, c = parse(text).jobs
    assert b == a.model_copy(update={"name": "b", "timeout": a.timeout * 1.5})
    assert c.env == {"X": "2", "Y": "1", "Z": "3"}
    assert c.select == ("one",)


def test_a_fault_behind_an_alias_is_said_where_it_is_written() -> None:
    text = HEAD + "jobs:\n  a: &a\n    schedule: '@daily'\n    timeout: 5\n  b: *a\n  c:\n    <<: *a\n"
    assert [(fault.line, fault.path) for fault in faults(text)] == [(7, "jobs.a.timeout")]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "a: &a {k: v}\n"
        + "".join(
            f"{b}: &{b} {{{', '.join(f'k{n}: *{a}' for n in range(9))}}}\n"
            for a, b in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000,
        "? " * 50_000,
        "".join(" " * n + "a:\n" for n in range(60)),
        "&a " * 1000 + "x",
        "a: &a [*a]",
        "a: &a {<<: *a}",
        "x" * 400_001,
        "a: " + "9" * 10_000,
        "a: 1e999",
        "\ufeff\ufeff",
        "%TAG ! x\n",
        "a: \ud800",
    ],
    ids=range(16),
)
def test_texts_that_would_grow_or_nest_without_end_are_refused_quickly(text: str) -> None:
    began = time.process_time()
    assert faults(text)
    assert time.process_time() - began < 5


def test_aliases_count_towards_the_depth_and_the_length_is_bounded() -> None:
    chain = "k0: &k0 [x]\n" + "".join(f"k{n + 1}: &k{n + 1} [*k{n}]\n" for n in range(20))
    assert [fault.problem for fault in faults(chain)] == ["values are nested more than 16 deep"]
    assert [fault.problem for fault in faults("# " + "x" * 400_000)] == ["the file has 400002 characters"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("ab:-*&!|>'\"#%@`[]{},? \n\t<~1\\"), max_size=60))
def test_whatever_is_written_the_answer_is_a_report(text: str) -> None:
    assert all(fault.line >= 1 and fault.column >= 1 and fault.problem and fault.remedy for fault in faults(text))


def test_a_text_that_is_json_is_read_the_same() -> None:
    tree, found = yamltree.read('{"a": [1, 2.5, true, null, "on", "~"], "b": {"c": "*x"}}')
    assert not found
    assert tree is not None
    assert yamltree.plain(tree) == {"a": [1, 2.5, True, None, "on", "~"], "b": {"c": "*x"}}
