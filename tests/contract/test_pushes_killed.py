"""Kill -9 of a worker between any two effects of a push: the schedule is live, and its commit rightly says so, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakegithub.world import Repository as Fake
from hubdesk import Desk, Order, desk, job_file, victims

ADDING = (
    "Store.put_installation after",
    "Store.put_repository before",
    "Store.put_repository after",
    "Store.receive before",
    "Store.receive after",
    "Store.handled before",
)
LOSING = ("Store.remove_project before", "Store.remove_project after", "Store.set_repository after")
RENAMING = ("Store.move_repository before", "Store.move_repository after", "Store.put_repository after")
RETURNING = ("Store.handled_branch before", "Store.handled_branch after", "Store.put_repository after")
POINTS = (
    "Store.plan_sync before",
    "Store.plan_sync after",
    "Store.merge_schedule after",
    "Store.remove_project after",
    "Store.sync_merged before",
    "Store.sync_merged after",
    "Repository.put_check before",
    "Repository.put_check after",
    "Store.handled_branch before",
    "Store.handled_branch after",
    "Store.sync_told after",
    "Store.handled before",
)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        made.catches_up()
        yield made


@pytest.fixture
def order(at: Desk) -> Iterator[Order]:
    with victims(at) as give:
        yield give


def test_a_worker_killed_anywhere_leaves_one_right_check_and_the_schedule(at: Desk, order: Order) -> None:
    branch = f"repo:{at.repo.id}:branch:main"
    at.ada.pushes(at.repo, "main", {"p0/meshbot.yaml": job_file("p0")})
    at.catches_up()
    for number, point in enumerate(POINTS, start=1):
        minutes = (10, 20, 30)[number % 3]
        files: dict[str, str | bytes | None] = {"meshbot.yaml": job_file(schedule=f"*/{minutes} * * * *")}
        files |= {f"p{number}/meshbot.yaml": job_file(f"p{number}"), f"p{number - 1}/meshbot.yaml": None}
        sha = at.ada.pushes(at.repo, "main", files)
        at.hears()
        assert order(branch, point) == "killed", point
        at.ahead += timedelta(minutes=10)
        at.works()
        assert at.jobs() == {
            "shop/hourly": f"*/{minutes} * * * *",
            "shop/janitor": "0 3 * * *",
            f"p{number}/hourly": "*/15 * * * *",
            f"p{number}/janitor": "0 3 * * *",
        }
        [check] = at.checks(sha)
        assert check.title == f"p{number - 1} no longer scheduled; 2 jobs added, 1 job retimed", point
        assert at.row.handled_sha == sha
        assert at.store.pending_count() == 0


def test_a_worker_killed_anywhere_leaves_repositories_as_github_has_them(at: Desk, order: Order) -> None:
    inbox = f"installation:{at.installed.id}"

    def dies(point: str) -> None:
        at.hears()
        assert order(inbox, point) == "killed", point
        at.ahead += timedelta(minutes=10)
        at.works()
        assert at.store.pending_count() == 0, point

    repo = at.repo
    for number, point in enumerate(ADDING):
        repo = at.github.repository(f"acme/r{number}")
        at.ada.pushes(repo, "main", {"meshbot.yaml": job_file(f"p{repo.bare.folder.stem}")})
        at.ada.adds(at.installed, repo)
        dies(point)
        assert projects(at, repo) == [f"/acme/r{number}.git"], point
    for number, point in enumerate(RENAMING):
        at.ada.renames(repo, f"new{number}")
        dies(point)
        assert projects(at, repo) == [f"/acme/new{number}.git"], point
    for point in RETURNING:
        at.ada.archives(repo)
        at.catches_up()
        assert projects(at, repo) == []
        at.ada.archives(repo, archived=False)
        dies(point)
        assert projects(at, repo) == ["/acme/new2.git"], point
    for point in LOSING:
        at.ada.takes_away(at.installed, repo)
        dies(point)
        assert projects(at, repo) == [], point
        at.ada.adds(at.installed, repo)
        at.catches_up()
        assert projects(at, repo) == ["/acme/new2.git"]


def projects(at: Desk, repo: Fake) -> list[str]:
    """Where the project of a repository is fetched from."""
    mine = f"p{repo.bare.folder.stem}"
    return [row.repository.removeprefix(at.github.url) for row in at.store.projects() if row.name == mine]
