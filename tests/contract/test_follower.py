"""A local repository is followed: what is committed is merged, also when its folder moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bot_samples import FILE, NOW
from places import commit, git, make_repository

from bot import checkout
from bot.checkout import Mirror
from bot.sync import Synced
from bot.up.follower import Follower, NoBranch
from scheduler.store import Pause, Store

WEB = FILE.replace("analytics", "web")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    made.migrate()
    yield made
    made.close()


def follower(store: Store, repository: Path, branch: str = "main") -> Follower:
    mirror = Mirror(repository.parent / "mirrors", str(repository), checkout.LOCAL)
    return Follower(mirror, store, str(repository), branch)


def merged(follower: Follower) -> Synced:
    done = follower.poll(NOW)
    assert isinstance(done, Synced)
    return done


def test_each_commit_is_merged_once(store: Store, tmp_path: Path) -> None:
    make_repository(tmp_path / "a", {"meshbot.yaml": FILE})
    one = follower(store, tmp_path / "a")
    assert [each.project for each in merged(one).merged] == ["analytics"]
    assert one.poll(NOW) is None
    commit(tmp_path / "a", {"meshbot.yaml": WEB})
    assert merged(one).removed == ("analytics",)
    assert isinstance(follower(store, tmp_path / "a", "other").poll(NOW), NoBranch)


def test_a_repository_that_moves_keeps_its_projects_their_pauses_and_their_queued_runs(
    store: Store, tmp_path: Path
) -> None:
    make_repository(tmp_path / "a", {"one/meshbot.yaml": FILE, "two/meshbot.yaml": WEB})
    merged(follower(store, tmp_path / "a"))
    store.pause("analytics", "daily", Pause("a move", None, "operator", NOW))
    run = store.manual_run("analytics", "hourly", NOW)
    assert run
    (tmp_path / "a").rename(tmp_path / "b")
    git("rm", "--quiet", "two/meshbot.yaml", at=tmp_path / "b")
    commit(tmp_path / "b", {"note": "two is gone"})
    done = merged(follower(store, tmp_path / "b"))
    assert (done.faulty, done.removed) == ((), ("web",))
    assert {row.name: row.repository for row in store.projects()} == {"analytics": str(tmp_path / "b")}
    paused = store.job("analytics", "daily")
    assert paused
    assert paused.paused(NOW + timedelta(days=1))
    moved = store.run(run.id)
    assert moved
    assert moved.repository == str(tmp_path / "b")


def test_a_copy_takes_nothing_over_while_the_first_one_is_there(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_repository(tmp_path / name, {"meshbot.yaml": FILE})
    merged(follower(store, tmp_path / "a"))
    done = merged(follower(store, tmp_path / "b"))
    assert [one.path for one in done.faulty] == ["meshbot.yaml"]
    assert [row.repository for row in store.projects()] == [str(tmp_path / "a")]
