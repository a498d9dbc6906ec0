"""The pull request that offers a repository its first job file."""

from __future__ import annotations

from collections.abc import Callable

from modelshapes import coffee_shop, one_model
from pullstates import hostile, huge

from bot import proposing
from bot.words import welcome
from scheduler.draw import LARGEST


def test_one_project(golden: Callable[[str, str], None]) -> None:
    made = proposing.propose_for(coffee_shop(), "", "meshbot.yaml", called="shop")
    golden("onboarding/one.md", welcome.body([made], {}, "main"))
    golden("onboarding/commit.txt", welcome.message([made]) + "\n")


def test_several_projects_and_folders_that_do_not_load(golden: Callable[[str, str], None]) -> None:
    made = [
        proposing.propose_for(one_model(), "", "a/meshbot.yaml", called="a"),
        proposing.propose_for(hostile(), "", "b`/meshbot.yaml", called="b"),
    ]
    unread = {"old|@all": "loading old: no `config.yaml`\n<!-- meshbot:topology . -->"}
    golden("onboarding/several.md", welcome.body(made, unread, "trunk"))


def test_it_always_fits() -> None:
    made = proposing.propose_for(huge(), "", "a/meshbot.yaml", called="a")
    text = welcome.body([made] * 20, {str(at): "x" * 1000 for at in range(50)}, "main")
    assert len(text) <= LARGEST
    assert text.count("```") % 2 == 0
