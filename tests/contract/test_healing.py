"""What webhooks have not told is found out, and nothing is done twice for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fakegithub.github import Seen
from fakegithub.mischief import Fault, Mischief
from hubdesk import Desk, desk, job_file
from waiting import until

from bot.intake import healing
from scheduler.errors import Retryable
from scheduler.store import InstallationRow, PullRow

LIVE = {"shop/hourly": "*/15 * * * *", "shop/janitor": "0 3 * * *"}
SLOWER = {"shop/hourly": "*/30 * * * *", "shop/janitor": "0 3 * * *"}
ROUND = timedelta(minutes=5)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """A desk that never hears anything after the installation."""
    with desk(tmp_path) as made:
        made.catches_up()
        made.github.courier.loses = lambda _: True
        yield made


def heals(at: Desk) -> int:
    at.ahead += ROUND
    return healing.heal(at.services, at.now())


def slower(at: Desk, minutes: int = 30) -> str:
    return at.ada.pushes(at.repo, "main", {"meshbot.yaml": job_file(schedule=f"*/{minutes} * * * *")})


def wishes(at: Desk, kind: str = "heal:") -> list[str]:
    with at.store.reading() as connection:
        found = connection.exec_driver_sql("SELECT id FROM deliveries WHERE handled_at IS NULL ORDER BY position")
        return [name for (name,) in found if name.startswith(kind)]


def test_when_all_was_heard_nothing_is_wished(at: Desk) -> None:
    assert heals(at) == 0
    assert wishes(at) == []
    writes = [call for call in at.calls() if not call.startswith("GET") and "access_tokens" not in call]
    heals(at)
    assert [call for call in at.calls() if not call.startswith("GET") and "access_tokens" not in call] == writes


def test_an_installation_that_is_heard_of_while_github_is_asked_is_not_taken_for_removed(at: Desk) -> None:
    def hear(seen: Seen) -> None:
        if seen.call == "GET /app/installations":
            at.store.put_installation(InstallationRow(4711, "globex"))

    at.github.after = hear
    heals(at)
    found = at.store.installation(4711)
    assert found is not None
    assert found.state == "active"


def test_a_repository_that_is_heard_of_while_github_is_asked_is_not_taken_for_lost(at: Desk) -> None:
    late = replace(at.row, id=4711, full_name="acme/late", handled_sha=None)

    def hear(seen: Seen) -> None:
        if seen.call == "GET /installation/repositories":
            at.store.put_repository(late)

    at.github.after = hear
    heals(at)
    found = at.store.repository(4711)
    assert found is not None
    assert found.state == "active"


def test_a_push_that_was_missed_is_made_up_for_once(at: Desk) -> None:
    sha = slower(at)
    assert heals(at) == 1
    assert heals(at) == 0, "it is wished for already"
    assert at.works() == [f"{sha[:12]}: 1 job retimed"]
    assert at.jobs() == SLOWER
    assert heals(at) == 0


def test_a_head_that_comes_back_is_made_up_for_again(at: Desk) -> None:
    first = at.repo.heads["main"]
    second = slower(at)
    for head in (second, first, second, first):
        at.ada.points(at.repo, "main", head)
        assert heals(at) == 1
        at.works()
        assert at.row.handled_sha == head


def test_what_was_given_up_is_tried_again_the_next_day(at: Desk) -> None:
    slower(at)
    heals(at)
    [name] = wishes(at)
    at.store.give_up(name, "GitHub was down", at.now())
    assert heals(at) == 0
    at.ahead += timedelta(days=1)
    assert heals(at) == 1


def test_a_webhook_that_comes_late_finds_it_done(at: Desk) -> None:
    at.github.courier.loses = lambda _: False
    sha = slower(at)
    heals(at)
    assert at.catches_up() == [f"{sha[:12]}: 1 job retimed", f"{sha[:12]} is in the schedule"]


def test_pull_requests_that_were_missed_are_wished_for(at: Desk) -> None:
    at.ada.pushes(at.repo, "jobs", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    pull = at.ada.opens_pull(at.repo, "jobs")
    assert heals(at) == 1
    [name] = wishes(at)
    assert name.startswith(f"heal:pull:{at.repo.id}:{pull.number}:open:{pull.head_sha}:")
    assert heals(at) == 0
    at.store.handled(name, "made", at.now())
    at.store.put_pull(PullRow(at.repo.id, pull.number, pull.head_sha, "open", "ada"))
    at.store.handled_pull(at.repo.id, pull.number, pull.head_sha, at.now())
    assert heals(at) == 0
    at.ada.pushes(at.repo, "jobs", {"meshbot.yaml": job_file(schedule="*/20 * * * *")})
    assert heals(at) == 1
    assert pull.head_sha in wishes(at)[0]


def test_pull_requests_that_were_closed_or_opened_again_unheard_are_wished_for(at: Desk) -> None:
    at.ada.pushes(at.repo, "jobs", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    pull = at.ada.opens_pull(at.repo, "jobs")
    row = PullRow(at.repo.id, pull.number, pull.head_sha, "open", "ada", pull.head_sha, at.now())
    at.store.put_pull(row)
    assert heals(at) == 0
    at.ada.closes(pull)
    assert heals(at) == 1
    at.works()
    known = at.store.pull(at.repo.id, pull.number)
    assert known is not None
    assert known.state == "closed"
    assert heals(at) == 0
    at.ada.reopens(pull)
    assert heals(at) == 1


def test_repositories_and_installations_that_we_never_heard_of_are_taken_in(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    other = at.github.repository("umbrella/bi", {"meshbot.yaml": job_file("bi")})
    at.github.install(other)
    heals(at)
    at.works()
    assert {row.name for row in at.store.projects()} == {"shop", "web", "bi"}


def test_an_installation_that_is_gone_unheard_ends(at: Desk) -> None:
    other = at.github.repository("umbrella/bi", {"meshbot.yaml": job_file("bi")})
    at.github.install(other)
    heals(at)
    at.works()
    at.ada.uninstalls(at.installed)
    heals(at)
    assert {row.name for row in at.store.projects()} == {"bi"}
    row = at.store.installation(at.installed.id)
    assert row is not None
    assert row.state == "removed"


def test_when_github_knows_of_no_installation_at_all_nothing_ends(at: Desk) -> None:
    at.ada.uninstalls(at.installed)
    heals(at)
    assert at.jobs() == LIVE, "it may be the wrong App that was asked"


def test_names_archives_and_suspensions_that_were_missed_are_taken_in(at: Desk) -> None:
    at.ada.renames(at.repo, "store")
    slower(at)
    heals(at)
    at.works()
    assert [row.repository for row in at.store.projects()] == [f"{at.github.url}/acme/store.git"]
    assert at.jobs() == SLOWER
    at.ada.archives(at.repo)
    heals(at)
    assert at.jobs() == {}
    at.ada.archives(at.repo, archived=False)
    heals(at)
    at.works()
    assert at.jobs() == SLOWER
    at.ada.suspends(at.installed)
    heals(at)
    assert at.jobs() == {}
    at.ada.suspends(at.installed, suspended=False)
    heals(at)
    at.works()
    assert at.jobs() == SLOWER


def test_what_was_merged_while_its_repository_was_lost_ends(at: Desk) -> None:
    at.store.set_repository(at.repo.id, state="removed")
    at.installed.repositories.clear()
    heals(at)
    assert at.jobs() == {}


def test_who_is_limited_or_suspended_is_left_alone(at: Desk) -> None:
    slower(at)
    at.store.limit_installation(at.installed.id, at.now() + timedelta(hours=1))
    before = at.calls("/repos/")
    assert heals(at) == 0
    assert at.calls("/repos/") == before
    at.ahead += timedelta(hours=1)
    assert heals(at) == 1
    at.ada.suspends(at.installed)
    heals(at)
    before = at.calls("access_tokens")
    heals(at)
    assert at.calls("access_tokens") == before


def test_a_limit_is_obeyed_by_the_whole_installation_and_by_no_other(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    other = at.github.repository("umbrella/bi", {"meshbot.yaml": job_file("bi")})
    at.github.install(other)
    heals(at)
    at.works()
    slower(at)
    at.ada.pushes(other, "main", {"meshbot.yaml": job_file("bi", "*/20 * * * *")})
    until = at.github.now() + timedelta(hours=1)
    limit = Mischief(Fault.LIMITED, "GET /repos/.*", times=None, until=until, installation=at.installed.id)
    at.github.mischiefs.add(limit)
    assert heals(at) == 1
    assert limit.met == 1, "one call, then no more"
    row = at.store.installation(at.installed.id)
    assert row is not None
    assert row.limited_until is not None
    assert row.limited_until > at.now()
    assert at.works() == [f"{other.heads['main'][:12]}: 1 job retimed"]


def test_what_goes_wrong_with_one_repository_keeps_no_other_from_being_healed(at: Desk) -> None:
    web = at.github.repository("acme/web", {"meshbot.yaml": job_file("web")})
    at.ada.adds(at.installed, web)
    heals(at)
    at.works()
    slower(at)
    at.ada.pushes(web, "main", {"meshbot.yaml": job_file("web", "*/20 * * * *")})
    at.goes_wrong(Fault.BROKEN_BEFORE, "GET /repos/acme/shop/.*")
    assert heals(at) == 1
    assert heals(at) == 1, "the next round finds the other one"


def test_so_many_repositories_are_looked_at_in_turn(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healing, "AT_ONCE", 2)
    others = [at.github.repository(f"acme/r{number}", {"meshbot.yaml": job_file(f"p{number}")}) for number in range(4)]
    at.ada.adds(at.installed, *others)
    heals(at)
    at.works()
    for repo in (at.repo, *others):
        at.ada.pushes(repo, "main", {"README.md": "More\n"})
    found = [heals(at) for _ in range(3)]
    assert sorted(found) == [1, 2, 2]


def test_deliveries_that_github_could_not_hand_over_are_asked_for_a_few_times(at: Desk) -> None:
    courier = at.github.courier
    courier.loses = lambda _: False
    courier.point("http://127.0.0.1:1/webhook")
    pull = at.ada.opens_pull(at.repo, _branch(at))
    at.ada.comments(pull, "/meshbot status")
    _until_settled(at)
    [lost] = {one.guid for one in courier.sent if one.event == "issue_comment"}
    for _ in range(healing.TRIES + 2):
        at.ahead += healing.ASKED_EVERY
        heals(at)
        _until_settled(at)
    tries = [one for one in courier.sent if one.guid == lost]
    assert len(tries) == 1 + healing.TRIES, "what never arrives is not asked for for ever"


def test_what_was_lost_while_the_bot_was_down_is_asked_for_now_and_then(at: Desk) -> None:
    at.github.courier.loses = lambda _: False
    at.github.courier.point("http://127.0.0.1:1/webhook")
    slower(at)
    _until_settled(at)
    at.ahead += timedelta(days=2)
    at.goes_wrong(Fault.BROKEN_BEFORE, "GET /app/hook/deliveries")
    at.store.handled_branch(at.repo.id, at.repo.heads["main"], at.now())
    asked = [heals(at) for _ in range(5)]
    assert sum(asked) == asked[2] == len({one.guid for one in at.github.courier.sent}), "soon after it failed"


def test_a_delivery_that_is_known_is_not_asked_for(at: Desk) -> None:
    courier = at.github.courier
    courier.loses = lambda _: False
    courier.point("http://127.0.0.1:1/webhook")
    slower(at)
    _until_settled(at)
    assert sum(at.receives(one) for one in courier.sent) == 1
    heals(at)
    _until_settled(at)
    assert [one.redelivery for one in courier.sent if one.event == "push"] == [False]


def test_a_github_that_does_not_answer_is_asked_again_later(at: Desk) -> None:
    at.goes_wrong(Fault.BROKEN_BEFORE, "GET /app/installations")
    with pytest.raises(Retryable):
        heals(at)
    assert at.store.installation(at.installed.id) == InstallationRow(at.installed.id, "acme")


def _branch(at: Desk) -> str:
    at.ada.pushes(at.repo, "jobs", {"meshbot.yaml": job_file(schedule="*/30 * * * *")})
    return "jobs"


def _until_settled(at: Desk) -> None:
    until(at.github.courier.settled)
