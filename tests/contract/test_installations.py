"""Installed, removed, suspended, renamed, archived: it ends quietly and resumes, in whatever order that is heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakegithub.courier import Delivery as Carried
from hubdesk import Desk, desk, job_file

from bot import sync
from bot.handlers import repositories
from bot.intake import healing
from bot.intake.inboxes import Clerk
from bot.sync import Synced
from scheduler.store import Pause

LIVE = {"shop/hourly": "*/15 * * * *", "shop/janitor": "0 3 * * *"}
SLOWER = {"shop/hourly": "*/30 * * * *", "shop/janitor": "0 3 * * *"}


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        made.catches_up()
        yield made


def lose(at: Desk) -> None:
    """Let what GitHub has sent get lost."""
    at.carried()


def slower(at: Desk) -> str:
    return at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})


def places(at: Desk) -> dict[str, str]:
    return {row.name: row.repository.removeprefix(at.github.url) for row in at.store.projects()}


def test_an_installation_and_its_repositories_are_known(at: Desk) -> None:
    installed = at.store.installation(at.installed.id)
    assert installed is not None
    assert (installed.account, installed.state) == ("acme", "active")
    assert (at.row.full_name, at.row.default_branch, at.row.installation) == ("acme/shop", "main", at.installed.id)


def test_repositories_that_are_added_later_are_read_and_those_that_are_taken_away_end(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    at.catches_up()
    assert places(at) == {"shop": "/acme/shop.git", "web": "/acme/web.git"}
    at.ada.takes_away(at.installed, web)
    at.catches_up()
    assert places(at) == {"shop": "/acme/shop.git"}
    row = at.store.repository(web.id)
    assert row is not None
    assert row.state == "removed"
    assert at.store.job("web", "hourly") is not None, "its history stays"
    at.ada.adds(at.installed, web)
    at.catches_up()
    assert places(at) == {"shop": "/acme/shop.git", "web": "/acme/web.git"}


def test_added_and_taken_away_again_is_judged_by_what_github_says_now(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    at.ada.takes_away(at.installed, web)
    at.hears(lambda sent: sent[::-1])
    at.works()
    assert places(at) == {"shop": "/acme/shop.git"}


def test_when_the_app_is_removed_its_projects_end_and_when_it_is_back_they_go_on(at: Desk) -> None:
    at.ada.uninstalls(at.installed)
    at.catches_up()
    assert at.jobs() == {}
    installed = at.store.installation(at.installed.id)
    assert installed is not None
    assert installed.state == "removed"
    assert at.store.project("shop") is not None
    again = at.github.install(at.repo)
    at.catches_up()
    assert at.jobs() == LIVE
    assert at.row.installation == again.id


def test_the_end_of_an_old_installation_that_is_heard_late_ends_nothing_of_the_new_one(at: Desk) -> None:
    at.ada.uninstalls(at.installed)
    at.github.install(at.repo)
    at.hears(lambda sent: sent[::-1])
    at.works()
    assert at.jobs() == LIVE
    assert at.row.state == "active"


def test_a_suspended_installation_rests_and_resumes_with_what_was_pushed_meanwhile(at: Desk) -> None:
    at.store.pause("shop", "hourly", Pause("an upgrade", None, "operator", at.now()))
    at.ada.suspends(at.installed)
    at.catches_up()
    assert at.jobs() == {}
    before = at.calls()
    slower(at)  # of this, nothing is sent
    assert at.catches_up() == []
    assert at.calls() == before
    at.ada.suspends(at.installed, suspended=False)
    at.catches_up()
    assert at.jobs() == SLOWER
    row = at.store.job("shop", "hourly")
    assert row is not None
    assert row.operator_pause is not None, "what people said of it stays"


def test_what_was_pending_when_the_installation_was_suspended_waits(at: Desk) -> None:
    sha = slower(at)
    at.ada.suspends(at.installed)
    at.hears(lambda sent: sent[::-1])
    at.works()
    assert at.jobs() == {}
    assert at.store.pending_count() == 1
    at.ada.suspends(at.installed, suspended=False)
    at.catches_up()
    assert at.jobs() == SLOWER
    assert at.row.handled_sha == sha
    assert at.store.pending_count() == 0


def test_a_renamed_repository_keeps_its_projects(at: Desk) -> None:
    at.ada.renames(at.repo, "store")
    slower(at)
    at.catches_up()
    assert places(at) == {"shop": "/acme/store.git"}
    assert at.jobs() == SLOWER
    assert at.row.full_name == "acme/store"


def test_a_push_that_is_heard_before_the_new_name_moves_the_projects_itself(at: Desk) -> None:
    at.ada.renames(at.repo, "store")
    lose(at)
    slower(at)
    at.catches_up()
    assert places(at) == {"shop": "/acme/store.git"}
    assert at.titles()[-1] == "success: 1 job retimed"


def test_a_name_that_is_taken_over_does_not_mix_projects(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    at.catches_up()
    at.ada.renames(at.repo, "store")
    at.ada.renames(web, "shop")
    at.hears(lambda sent: sent[::-1])
    at.works()
    assert places(at) == {"shop": "/acme/store.git", "web": "/acme/shop.git"}


def test_a_transferred_repository_goes_on_under_its_new_owner(at: Desk) -> None:
    at.ada.transfers(at.repo, "umbrella")
    at.installed.repositories.discard(at.repo.id)
    new = at.github.install(at.repo)
    slower(at)
    at.catches_up()
    assert places(at) == {"shop": "/umbrella/shop.git"}
    assert at.jobs() == SLOWER
    assert at.row.installation == new.id


def test_a_late_word_of_the_old_owner_ends_nothing(at: Desk) -> None:
    at.ada.renames(at.repo, "store")
    late = [one for one in at.carried() if one.event == "repository"]
    at.ada.transfers(at.repo, "umbrella")
    at.installed.repositories.discard(at.repo.id)
    at.github.revoke_tokens()
    at.github.install(at.repo)
    at.catches_up()
    assert [at.receives(one) for one in late] == [True]
    assert at.works() == ["acme/store is not ours"]
    assert places(at) == {"shop": "/umbrella/store.git"}


def test_a_repository_that_is_transferred_before_it_was_read_is_read_for_its_new_owner(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    at.hears()
    Clerk(at.services, "a quick one", now=at.now).work(f"installation:{at.installed.id}")
    at.ada.transfers(web, "umbrella")
    at.installed.repositories.discard(web.id)
    at.works()
    assert places(at) == {"shop": "/acme/shop.git"}
    lose(at)
    at.github.install(web)
    at.catches_up()
    assert places(at) == {"shop": "/acme/shop.git", "web": "/umbrella/web.git"}


def test_an_archived_repository_ends_and_resumes(at: Desk) -> None:
    at.ada.archives(at.repo)
    at.catches_up()
    assert at.jobs() == {}
    assert at.row.state == "archived"
    at.ada.archives(at.repo, archived=False)
    at.catches_up()
    assert at.jobs() == LIVE
    assert at.row.state == "active"


def test_a_deleted_repository_ends(at: Desk) -> None:
    at.ada.deletes_repository(at.repo)
    assert at.catches_up() == ["acme/shop is not there any more: its projects are not scheduled"]
    assert at.jobs() == {}
    assert at.row.state == "removed"


def test_a_new_repository_of_the_same_name_is_another_one(at: Desk) -> None:
    old = at.repo
    at.ada.deletes_repository(old)
    late = at.carried()
    at.repo = at.github.repository("acme/shop", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.ada.adds(at.installed, at.repo)
    at.catches_up()
    assert sum(at.receives(one) for one in late if one.event == "repository") == 1
    at.works()
    healing.heal(at.services, at.now())
    at.works()
    assert at.jobs() == SLOWER
    row = at.store.repository(old.id)
    assert row is not None
    assert row.state == "removed"


def test_another_default_branch_is_the_tracked_one_from_then_on(at: Desk) -> None:
    at.ada.pushes(at.repo, "trunk", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.ada.changes_default_branch(at.repo, "trunk")
    at.catches_up()
    assert at.jobs() == SLOWER
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/20 * * * *")})
    at.catches_up()
    assert at.jobs() == SLOWER


def test_whatever_happened_in_whatever_order_it_ends_as_github_has_it(at: Desk) -> None:
    at.ada.archives(at.repo)
    at.ada.archives(at.repo, archived=False)
    at.ada.renames(at.repo, "store")
    at.ada.suspends(at.installed)
    at.ada.suspends(at.installed, suspended=False)
    at.ada.renames(at.repo, "market")
    last = slower(at)
    sent = at.carried()
    for order in (sent[::-1], sent[3:] + sent[:3], sent[1::2] + sent[::2]):
        for one in order:
            at.receives(_anew(one))
        at.works()
        assert (at.jobs(), places(at)) == (SLOWER, {"shop": "/acme/market.git"})
        assert (at.row.handled_sha, at.row.state) == (last, "active")
    assert at.store.pending_count() == 0


def meanwhile(at: Desk, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen on GitHub, and be handled, just before a push is merged."""
    merge = sync.merge

    def merged(*arguments: Any) -> Synced:  # noqa: ANN401 - passed on
        monkeypatch.undo()
        happens()
        at.hears()
        for inbox in (f"installation:{at.installed.id}", f"repo:{at.repo.id}:branch:trunk"):
            Clerk(at.services, "a second one", now=at.now).work(inbox)
        return merge(*arguments)

    monkeypatch.setattr(sync, "merge", merged)


def test_a_new_name_that_is_heard_while_a_push_is_merged_moves_that_too(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": job_file("web")})
    meanwhile(at, monkeypatch, lambda: at.ada.renames(at.repo, "store"))
    at.catches_up()
    assert places(at) == {"shop": "/acme/store.git", "web": "/acme/store.git"}
    at.ahead += timedelta(minutes=10)
    at.works()
    assert [check.title for check in at.checks(sha)] == ["2 jobs added"]
    assert at.row.handled_sha == sha


def test_what_was_merged_while_the_repository_was_archived_ends(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    at.ada.pushes(at.repo, "main", {"w/meshbot.yaml": job_file("web")})
    meanwhile(at, monkeypatch, lambda: at.ada.archives(at.repo))
    at.catches_up()
    assert at.jobs() == {}


def test_another_tracked_branch_that_is_read_while_the_old_one_is_merged_wins(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk = at.ada.pushes(at.repo, "trunk", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    at.catches_up()
    at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule="*/20 * * * *")})
    meanwhile(at, monkeypatch, lambda: at.ada.changes_default_branch(at.repo, "trunk"))
    at.catches_up()
    at.ahead += timedelta(minutes=10)
    at.works()
    assert at.jobs() == SLOWER
    assert at.row.handled_sha == trunk
    assert at.store.pending_count() == 0


def test_a_repository_is_read_again_when_that_is_asked_for(at: Desk) -> None:
    at.repo.checks.clear()
    assert repositories.read_again(at.services, at.row, at.now())
    at.works()
    assert at.titles() == ["success: The schedule stays as it is"]
    assert at.row.handled_sha == at.repo.heads["main"]
    at.ahead += timedelta(seconds=1)
    assert repositories.read_again(at.services, at.row, at.now()), "as often as it is asked for"


def _anew(one: Carried) -> Carried:
    """The same once more, as if it were another one."""
    return Carried(one.event, one.payload)
