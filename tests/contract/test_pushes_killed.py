"""Kill -9 of a worker between any two effects of a push: the schedule is live, and its commit rightly says so, once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import deskvictim
import pytest
from hubdesk import Desk, desk, job_file, settings_of

Order = Callable[[str, str], str]

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
    """Let a process handle an inbox and die on the way."""
    file = at.data / "settings.json"
    told = settings_of(at.github, at.data)
    plain = told.model_dump(mode="json", exclude_none=True)
    secrets = ("database_url", "github_private_key", "github_webhook_secrets")
    plain |= {name: getattr(told, name).get_secret_value() for name in secrets}
    file.write_text(json.dumps(plain))
    command = [sys.executable, str(Path(deskvictim.__file__)), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def give(inbox: str, point: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{inbox} {point} {at.ahead.total_seconds()}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield give
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


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
