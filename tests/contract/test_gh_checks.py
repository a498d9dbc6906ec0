"""The check `meshbot` on a commit: once, with all its annotations once; and what a branch requires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from ghworld import World
from ghworld import world as a_world

from bot.gh import Annotation, Button, Check
from scheduler.errors import Retryable

CHECK = Check(
    "push:acme", "3 jobs added", "All is well.", "success", buttons=(Button("Accept", "Commit it", "accept"),)
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def annotations(count: int) -> tuple[Annotation, ...]:
    return tuple(
        Annotation("meshbot.yaml", line, line, "failure", f"line {line} is wrong") for line in range(1, count + 1)
    )


def test_a_check_is_made_once_and_changed_in_place(world: World) -> None:
    sha = world.repo.heads["main"]
    first = world.door.put_check(sha, replace(CHECK, conclusion=None, title="looking"))
    assert (world.repo.checks[0].status, world.repo.checks[0].conclusion) == ("in_progress", None)
    assert world.door.put_check(sha, CHECK) == first
    made = world.repo.checks[0]
    assert (made.name, made.status, made.conclusion, made.title) == ("meshbot", "completed", "success", "3 jobs added")
    assert made.actions == [{"label": "Accept", "description": "Commit it", "identifier": "accept"}]
    assert [one.external_id for one in world.door.checks(sha)] == ["push:acme"]


def test_an_equal_check_is_not_written(world: World) -> None:
    sha = world.repo.heads["main"]
    world.door.put_check(sha, replace(CHECK, annotations=annotations(2)))
    world.door.put_check(sha, replace(CHECK, annotations=annotations(2)))
    assert world.calls("PATCH") == []


def test_checks_of_several_projects_stand_side_by_side(world: World) -> None:
    sha = world.repo.heads["main"]
    one, other = (world.door.put_check(sha, replace(CHECK, external_id=name)) for name in ("a", "b"))
    assert one != other
    assert world.door.put_check(sha, replace(CHECK, external_id="a", title="again")) == one


def test_somebody_elses_check_of_our_name_is_left_alone(world: World) -> None:
    sha = world.repo.heads["main"]
    world.ada.sets_status(world.repo, sha, "meshbot", "failure")
    world.door.put_check(sha, CHECK)
    assert [one.by_app for one in world.repo.checks] == [False, True]


@pytest.mark.parametrize("fault", [Fault.BROKEN_AFTER, Fault.RESET_AFTER])
@pytest.mark.parametrize("call", ["POST .*/check-runs", "PATCH .*/check-runs/.*"])
def test_hundreds_of_annotations_come_once_whatever_github_answers(world: World, fault: Fault, call: str) -> None:
    sha, check = world.repo.heads["main"], replace(CHECK, conclusion="failure", annotations=annotations(130))
    world.goes_wrong(fault, call)
    with pytest.raises(Retryable):
        world.door.put_check(sha, check)
    world.door.put_check(sha, check)
    assert [len(one.annotations) for one in world.repo.checks] == [130]
    assert len({one["start_line"] for one in world.repo.checks[0].annotations}) == 130


def test_what_github_would_refuse_is_cut(world: World) -> None:
    sha = world.repo.heads["main"]
    buttons = tuple(Button(f"Button {number} " + "x" * 50, "y" * 90, f"b{number}") for number in range(5))
    world.door.put_check(sha, replace(CHECK, title="t" * 900, summary="ü" * 70_000, buttons=buttons))
    made = world.repo.checks[0]
    assert [one["identifier"] for one in made.actions] == ["b0", "b1", "b2"]
    assert "Cut here" in (made.summary or "")


def test_required_checks_are_those_of_protection_and_of_rules(world: World) -> None:
    world.repo.required_checks["main"] = ["build", "meshbot"]
    world.repo.ruled_checks["main"] = ["lint"]
    sha = world.repo.heads["main"]
    assert world.door.required_green("main", sha) == (False, ["build", "lint", "meshbot"])
    world.door.put_check(sha, CHECK)
    world.ada.sets_status(world.repo, sha, "build", "success")
    world.ada.sets_status(world.repo, sha, "lint", "failure")
    assert world.door.required_green("main", sha) == (False, ["lint"])
    world.ada.sets_status(world.repo, sha, "lint", "success")
    assert world.door.required_green("main", sha) == (True, [])


def test_a_branch_without_rules_requires_nothing(world: World) -> None:
    assert world.door.required_green("main", world.repo.heads["main"]) == (True, [])
