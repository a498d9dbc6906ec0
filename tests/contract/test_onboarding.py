"""A repository with models and no job file is offered one: once, with a pull request that says what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakegithub.mischief import Fault, Mischief
from pullworld import SHOP, World, world

from scheduler import jobfile
from scheduler.errors import Retryable


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {**SHOP, **{f"pot/{path}": text for path, text in SHOP.items()}}) as made:
        yield made


def test_every_project_gets_a_file_of_its_own_name(here: World) -> None:
    assert here.offers() == "a job file is offered in pull request 1"
    (pull,) = here.repo.pulls
    files = [here.repo.bare.read(pull.head_sha, path) for path in ("meshbot.yaml", "pot/meshbot.yaml")]
    assert [jobfile.parse((text or b"").decode()).project for text in files] == ["shop", "pot"]
    assert pull.body is not None
    assert "**Decline** by closing this pull request" in pull.body


def test_it_is_offered_once_and_never_again_when_it_was_closed(here: World) -> None:
    here.offers()
    (pull,) = here.repo.pulls
    assert "was before" in here.offers()
    here.ada.closes(pull)
    here.ada.points(here.repo, "meshbot/onboarding", None)
    assert "was before" in here.offers()
    assert here.repo.pulls == [pull]


def test_a_lost_database_opens_no_second_one(here: World) -> None:
    here.offers()
    (pull,) = here.repo.pulls
    here.ada.closes(pull)
    here.services.store.close()
    (here.folder / "data").rename(here.folder / "lost")
    del here.services
    here.offers()
    assert here.repo.pulls == [pull]


def test_our_own_pull_request_is_described_without_asking_anybody(here: World) -> None:
    here.offers()
    (pull,) = here.repo.pulls
    here.hears(pull)
    assert "**When this merges, the schedule changes:** 2 jobs added" in here.comments(pull)[0].body
    assert here.check(pull.head_sha).conclusion == "success"


@pytest.mark.parametrize("fault", [Fault.BROKEN_AFTER, Fault.RESET_BEFORE])
@pytest.mark.parametrize("call", ["POST .*/git/refs", "POST .*/git/commits", "PATCH .*/git/refs/.*", "POST .*/pulls"])
def test_whatever_fails_in_between_there_is_one(here: World, fault: Fault, call: str) -> None:
    here.github.mischiefs.add(Mischief(fault, call))
    with pytest.raises(Retryable):
        here.offers()
    here.offers()
    (pull,) = here.repo.pulls
    assert pull.state == "open"


def test_nothing_is_offered_where_there_is_a_file_or_nothing_to_run(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        assert "there is one" in here.offers()
        here.ada.pushes(here.repo, "main", {"meshbot.yaml": None, **{path: None for path in SHOP if path[0] == "m"}})
        assert "no models" in here.offers()
        assert here.writes() == []


def test_a_project_that_does_not_load_is_named(here: World) -> None:
    here.ada.pushes(here.repo, "main", {"pot/models/x.sql": "SELECT\n"})
    here.offers()
    (pull,) = here.repo.pulls
    assert "`pot`: describing pot: pot/models/x.sql does not load" in (pull.body or "").replace("\\", "")
    assert here.repo.bare.read(pull.head_sha, "pot/meshbot.yaml") is None
