"""kill -9 after every write of a handler: in the end there is one of each."""

from __future__ import annotations

import signal
from pathlib import Path

from pullworld import JOBS, SHOP, world


def test_a_pull_request_has_one_of_each_whenever_its_worker_was_killed(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.ada.pushes(here.repo, "more", {"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"*/4 * * * *"')})
        pull = here.ada.opens_pull(here.repo, "more")
        assert here.services.store.pulls(here.repo.id) == []
        writes = 1
        while (code := here.dies_after("pull", pull.number, writes)) == -signal.SIGKILL:
            writes += 1
        assert code == 0
        assert writes == 4  # killed after the first check, after the last one, and after the review
        assert len(here.comments(pull)) == 1
        assert here.check(pull.head_sha).status == "completed"
        assert len([one for one in here.repo.review_comments if one.number == pull.number]) == 1
        row = here.services.store.pull(here.repo.id, pull.number)
        assert row is not None
        assert row.handled_head == pull.head_sha


def test_a_job_file_is_offered_once_whenever_the_worker_was_killed(tmp_path: Path) -> None:
    with world(tmp_path, dict(SHOP)) as here:
        assert here.services.store.pulls(here.repo.id) == []
        writes = 1
        while (code := here.dies_after("offer", 0, writes)) == -signal.SIGKILL:
            writes += 1
        assert code == 0
        assert writes >= 4
        (pull,) = here.repo.pulls
        assert here.repo.bare.git("rev-list", "--count", "main..meshbot/onboarding").strip() in {"1", b"1"}
        assert pull.head_ref == "meshbot/onboarding"
