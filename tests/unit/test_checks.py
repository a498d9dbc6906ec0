"""The check of a pull request: what it concludes, which lines it notes, and that it always fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from modelshapes import coffee_shop
from pullstates import FAULTY, SHOP, STATES, committed, grown, view

from bot.gh.shapes import Check
from bot.words import checks
from bot.words.pullviews import Committed, View
from scheduler.jobfile import Fault

CONCLUSIONS = {
    "nothing-changes": "success",
    "first": "neutral",
    "first-committed": "success",
    "new-models": "failure",
    "retimed": "failure",
    "settings": "success",
    "faulty": "failure",
    "untrusted": "neutral",
    "refused": "neutral",
    "gone": "success",
    "moved": "success",
}


def shown(check: Check) -> str:
    notes = [f"{one.level} {one.path}:{one.start_line} [{one.title}] {one.message}" for one in check.annotations]
    buttons = [f"({one.label}: {one.description} -> {one.identifier})" for one in check.buttons]
    head = f"{check.external_id} · {check.conclusion or 'in progress'} · {check.title}"
    return "\n".join([head, "", check.summary, *notes, *buttons, ""])


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_check(state: str, golden: Callable[[str, str], None]) -> None:
    golden(f"checks/{state}.txt", shown(checks.pull(7, [STATES[state]()])))


@pytest.mark.parametrize(("state", "conclusion"), CONCLUSIONS.items())
def test_what_is_concluded(state: str, conclusion: str) -> None:
    assert checks.pull(7, [STATES[state]()]).conclusion == conclusion


def test_two_projects_share_one_check(golden: Callable[[str, str], None]) -> None:
    pot = replace(view(coffee_shop(), None, FAULTY), folder="pot", path="pot/meshbot.yaml")
    both = checks.pull(7, [STATES["settings"](), pot], left_out=3)
    assert both.conclusion == "failure"
    golden("checks/two-projects.txt", shown(both))


def test_nothing_to_do_with_projects(golden: Callable[[str, str], None]) -> None:
    odd = replace(STATES["refused"](), base=None, head=None, folder="settings")
    golden("checks/nothing.txt", shown(checks.pull(7, [odd])))
    golden("checks/reading.txt", shown(checks.reading(7)))


def labels(views: Sequence[View]) -> list[str]:
    return [one.label for one in checks.pull(7, views).buttons]


def test_accept_is_offered_where_it_would_work() -> None:
    proposed = view(grown(), SHOP, SHOP)
    fork = replace(proposed, branches=replace(proposed.branches, can_be_pushed=False))
    assert labels([proposed]) == ["Accept", "Regenerate"]
    assert labels([fork]) == labels([STATES["faulty"]()]) == labels([STATES["untrusted"]()]) == ["Regenerate"]


def test_buttons_are_as_short_as_github_shows_them() -> None:
    for one in (checks.ACCEPT, checks.REGENERATE):
        assert len(one.label) <= 20
        assert len(one.description) <= 40
        assert len(one.identifier) <= 20


def test_a_warning_fails_nothing() -> None:
    text = SHOP.replace('  cleanup: {type: janitor, schedule: "37 3 * * *"}\n', "")
    check = checks.pull(7, [view(coffee_shop(), text, text)])
    assert [one.level for one in check.annotations] == ["warning"]
    assert check.conclusion == "success"


def test_a_thousand_faults_fit() -> None:
    many = tuple(Fault(line, 1, "jobs.x", "é" * 500, "y" * 500) for line in range(1, 1000))
    one = replace(view(coffee_shop(), SHOP, SHOP), head=Committed(SHOP, faults=many))
    check = checks.pull(7, [replace(one, folder=str(at)) for at in range(9)])
    assert len(check.summary.encode()) < 65_535
    assert check.summary.endswith("the comments on the pull request have it._\n")
    assert len(check.annotations) == checks.MOST_NOTES
    assert committed(SHOP) is not None
