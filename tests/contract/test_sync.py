"""What a commit does to the live schedule, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bot_samples import FILE, NOW, SHA

from bot import sync
from bot.checkout import Entry
from bot.sync import Synced
from scheduler.errors import Retryable
from scheduler.store import Pause, Store

WEB = FILE.replace("analytics", "web")
FAULTY = FILE.replace("*/15", "*/4")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    made.migrate()
    yield made
    made.close()


def push(store: Store, files: dict[str, str], repository: str = "/repository", minutes: int = 0) -> Synced:
    entries = [Entry(path, text) for path, text in sorted(files.items())]
    return sync.merge(store, entries, repository, "main", SHA, NOW + timedelta(minutes=minutes))


def foreseen(store: Store, files: dict[str, str], repository: str = "/repository", minutes: int = 0) -> Synced:
    entries = [Entry(path, text) for path, text in sorted(files.items())]
    return sync.foresee(store, entries, repository, "main", SHA, NOW + timedelta(minutes=minutes))


def projects(store: Store) -> dict[str, str]:
    return {row.name: row.path for row in store.projects()}


def test_every_project_of_a_repository_is_merged_and_what_is_gone_is_removed(store: Store) -> None:
    push(store, {"a/meshbot.yaml": FILE, "w/meshbot.yaml": WEB})
    assert projects(store) == {"analytics": "a", "web": "w"}
    done = push(store, {"a/meshbot.yaml": FILE})
    assert done.removed == ("web",)
    assert projects(store) == {"analytics": "a"}


def test_a_commit_of_several_projects_is_merged_as_a_whole_or_not_at_all(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(store, {"a/meshbot.yaml": FILE, "w/meshbot.yaml": WEB})
    before, other = (store.jobs(), store.projects()), Store(f"sqlite:///{tmp_path / 'meshbot.db'}")
    seen: list[object] = []

    def broken(*_given: object) -> bool:
        seen.append((other.jobs(), other.projects()))
        raise Retryable("the database went away")

    monkeypatch.setattr(store, "remove_project", broken)
    with pytest.raises(Retryable):
        push(store, {"a/meshbot.yaml": FILE.replace("*/15", "*/30"), "b/meshbot.yaml": FILE.replace("analytics", "bi")})
    assert seen == [before]
    assert (store.jobs(), store.projects()) == before
    other.close()


def test_merging_the_same_commit_again_changes_nothing(store: Store) -> None:
    push(store, {"meshbot.yaml": FILE})
    before = [(row.name, row.next_tick) for row in store.jobs()]
    [merged] = push(store, {"meshbot.yaml": FILE}, minutes=1).merged
    assert merged.change.unchanged == ("hourly", "daily", "janitor")
    assert [(row.name, row.next_tick) for row in store.jobs()] == before


def test_a_faulty_file_keeps_its_project_as_it_was_and_others_go_on(store: Store) -> None:
    push(store, {"a/meshbot.yaml": FILE, "w/meshbot.yaml": WEB})
    store.pause("analytics", "daily", Pause("an upgrade", None, "operator"))
    before = store.jobs("analytics")
    done = push(store, {"a/meshbot.yaml": FAULTY, "w/meshbot.yaml": WEB.replace("*/15", "*/30")}, minutes=1)
    assert store.jobs("analytics") == before
    assert [(one.project, one.change.retimed) for one in done.merged] == [("web", ("hourly",))]


def test_a_project_that_moves_keeps_its_history_and_is_not_removed_while_its_new_file_is_faulty(store: Store) -> None:
    push(store, {"a/meshbot.yaml": FILE})
    done = push(store, {"b/meshbot.yaml": FAULTY})
    assert done.removed == ()
    assert projects(store) == {"analytics": "a"}
    done = push(store, {"b/meshbot.yaml": FILE})
    assert done.merged[0].change.unchanged
    assert projects(store) == {"analytics": "b"}


def test_a_renamed_project_is_another_one(store: Store) -> None:
    push(store, {"meshbot.yaml": FILE})
    done = push(store, {"meshbot.yaml": WEB})
    assert done.removed == ("analytics",)
    assert projects(store) == {"web": "."}


def test_a_project_of_another_repository_is_neither_taken_nor_removed(store: Store) -> None:
    push(store, {"meshbot.yaml": FILE})
    done = push(store, {"meshbot.yaml": FILE.replace("*/15", "*/30")}, repository="/other")
    assert [one.path for one in done.faulty] == ["meshbot.yaml"]
    assert "/repository" in done.faulty[0].faults[0].problem + done.faulty[0].faults[0].remedy
    assert push(store, {}, repository="/other").removed == ()
    assert store.jobs("analytics")[1].job.schedule == "*/15 * * * *"


def test_what_a_commit_will_do_is_said_before_and_changes_nothing(store: Store) -> None:
    steps = [
        {"a/meshbot.yaml": FILE, "w/meshbot.yaml": WEB},
        {"a/meshbot.yaml": FILE.replace("*/15", "*/30"), "w/meshbot.yaml": WEB},
        {"a/meshbot.yaml": FILE, "w/meshbot.yaml": FAULTY},
        {"a/meshbot.yaml": FILE},
        {},
        {"a/meshbot.yaml": FILE},
    ]
    for minutes, files in enumerate(steps):
        before = (projects(store), store.jobs(removed=True))
        said = foreseen(store, files, minutes=minutes)
        assert (projects(store), store.jobs(removed=True)) == before
        assert push(store, files, minutes=minutes) == said
    assert foreseen(store, {"meshbot.yaml": FILE}, "/other") == push(store, {"meshbot.yaml": FILE}, "/other")
