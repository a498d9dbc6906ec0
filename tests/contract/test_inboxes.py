"""Work on inboxes, on each database: in order, one at a time, each delivery once, and after any crash."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hubsamples import INSTALLATION, repository
from pydantic import SecretStr
from waiting import until

from bot import deliveries
from bot.deliveries import repo_of
from bot.errors import Refused
from bot.events import Event, Remake
from bot.gh.faults import RateLimited
from bot.intake import inboxes
from bot.intake.inboxes import Clerk, Handle
from bot.intake.verdicts import BROKEN_OFF
from bot.services import Services
from scheduler.errors import Retryable
from scheduler.settings import Settings
from scheduler.store import Delivery, Store

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
INBOX = "repo:42:pull:5"
VICTIM = Path(__file__).parents[1] / "clerkvictim.py"


def wish(words: str, number: int = 5, installation: int = INSTALLATION, at: datetime = NOW) -> Delivery:
    return deliveries.wished(f"wish:{words}", Remake(installation, repo_of(repository()), number, words), at)


class Desk:
    """A clerk whose clock stands still unless it is moved, and whose handler notes what it handles."""

    def __init__(self, store: Store, url: str, holder: str = "ada") -> None:
        self.store, self.time, self.seen = store, NOW, list[str]()
        self.answers: dict[str, Callable[[], str]] = {}
        self.services = Services(Settings(database_url=SecretStr(url)))
        self.clerk = Clerk(self.services, holder, handle=self.handle, now=lambda: self.time)

    def handle(self, event: Event, _services: Services, _now: datetime) -> str:
        assert isinstance(event, Remake)
        self.seen.append(event.because)
        return self.answers.get(event.because, lambda: "done")()

    def receive(self, *words: str) -> None:
        for word in words:
            assert self.store.receive(wish(word))

    def row(self, words: str) -> Delivery:
        found = self.store.delivery(f"wish:{words}")
        assert found
        return found


@pytest.fixture
def desk(store: Store, store_url: str) -> Iterator[Desk]:
    made = Desk(store, store_url)
    yield made
    made.services.close()


def failing(error: Exception) -> Callable[[], str]:
    def fail() -> str:
        raise error

    return fail


def test_deliveries_are_handled_in_the_order_in_which_they_came(desk: Desk) -> None:
    words = [f"w{number}" for number in range(12)]
    desk.receive(*words)
    assert desk.clerk.work(INBOX) == 12
    assert desk.seen == words
    assert desk.row("w3").outcome == "done"
    assert desk.row("w3").payload == ""
    assert desk.store.pending_count() == 0
    assert desk.clerk.work(INBOX) == 0


def test_what_must_wait_holds_back_what_came_after_it_in_its_inbox_and_no_other(desk: Desk) -> None:
    desk.answers["first"] = failing(Retryable("502"))
    desk.receive("first", "second")
    desk.store.receive(wish("elsewhere", number=6))
    desk.clerk.work(INBOX)
    assert desk.clerk.work("repo:42:pull:6") == 1
    assert desk.seen == ["first", "elsewhere"]
    assert (desk.row("first").attempts, desk.row("first").error) == (1, "502")
    desk.answers.clear()
    desk.time += timedelta(seconds=6)
    desk.clerk.work(INBOX)
    assert desk.seen[2:] == ["first", "second"]
    assert desk.row("first").attempts == 1 + 1


def test_a_limit_holds_back_the_whole_installation_and_no_other(desk: Desk) -> None:
    desk.answers["first"] = failing(RateLimited("slow down", NOW + timedelta(hours=1)))
    desk.receive("first")
    desk.store.receive(wish("same account", number=6))
    desk.store.receive(wish("other account", number=7, installation=8))
    desk.clerk.work(INBOX)
    desk.time += timedelta(minutes=59)
    assert [desk.clerk.work(f"repo:42:pull:{number}") for number in (5, 6, 7)] == [0, 0, 1]
    assert desk.row("first").attempts == 0
    desk.answers.clear()
    desk.time += timedelta(minutes=2)
    assert [desk.clerk.work(f"repo:42:pull:{number}") for number in (5, 6)] == [1, 1]


def test_what_a_person_can_mend_is_handled_with_its_words(desk: Desk) -> None:
    desk.answers["first"] = failing(Refused("the branch is gone"))
    desk.receive("first", "second")
    assert desk.clerk.work(INBOX) == 2
    assert desk.row("first").outcome == "the branch is gone"


def test_a_fault_of_ours_is_given_up_after_three_times_and_told_without_secrets(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    token = "ghs_" + "a1B2" * 9
    desk.answers["first"] = failing(RuntimeError(f"token {token}"))
    desk.receive("first", "second")
    with caplog.at_level(logging.INFO, logger="bot"):
        for _ in range(3):
            desk.clerk.work(INBOX)
            desk.time += timedelta(minutes=5)
    assert desk.seen == ["first"] * 3 + ["second"]
    assert desk.row("first").error == "unexpected (3): RuntimeError: token [secret]"
    assert "Traceback" in caplog.text
    assert token not in caplog.text


def test_a_payload_that_cannot_be_read_any_more_is_done_with(desk: Desk) -> None:
    from dataclasses import replace

    desk.store.receive(replace(wish("first"), payload='{"event": "Unheard"}'))
    desk.receive("second")
    assert desk.clerk.work(INBOX) == 2
    assert desk.row("first").outcome == "reading a meshbot delivery: event is no event"


def test_an_inbox_that_somebody_is_at_is_left_alone(desk: Desk) -> None:
    desk.receive("first")
    assert desk.store.take_lease(INBOX, "grace", NOW + timedelta(seconds=20), NOW)
    assert desk.clerk.work(INBOX) == 0
    desk.time += timedelta(seconds=21)  # grace is heard of no more
    assert desk.clerk.work(INBOX) == 1
    assert desk.store.take_lease(INBOX, "grace", NOW, NOW)  # given back


def test_whoever_loses_the_inbox_records_nothing_and_stops(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "RENEW_EVERY", timedelta(seconds=0.01))

    def lose() -> str:
        desk.store.drop_lease(INBOX, "ada")
        assert desk.store.take_lease(INBOX, "grace", NOW + timedelta(minutes=5), NOW)
        threading.Event().wait(0.02)
        return "done"

    desk.answers["first"] = lose
    desk.receive("first", "second")
    desk.clerk.work(INBOX)
    assert desk.seen == ["first"]
    assert desk.row("first").handled_at is None
    assert not desk.store.take_lease(INBOX, "ada", NOW, NOW)  # it is grace's still


def test_what_arrives_while_the_lease_is_given_back_is_not_left_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told of it finds the inbox taken and goes away, so it is ours to look again."""
    real = Store.drop_lease

    def late(self: Store, name: str, holder: str) -> None:
        self.receive(wish("late"))
        real(self, name, holder)

    monkeypatch.setattr(Store, "drop_lease", late)
    desk.receive("first")
    desk.clerk.work(INBOX)
    assert desk.seen == ["first", "late"]


def test_a_worker_that_is_told_to_stop_ends_after_the_delivery_that_it_is_at(desk: Desk) -> None:
    def stopped() -> str:
        desk.clerk.stop.set()
        return "done"

    desk.answers["first"] = stopped
    desk.receive("first", "second")
    assert desk.clerk.work(INBOX) == 1
    assert desk.row("first").outcome == "done"
    assert desk.store.inboxes(NOW, 10) == [INBOX]  # free for anybody


def test_a_lease_is_renewed_as_long_as_the_work_takes(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(inboxes, "RENEW_EVERY", timedelta(seconds=0.1))
    began, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> str:
        began.set()
        assert go_on.wait(30)
        return "done"

    store.receive(wish("first", at=datetime.now(UTC)))
    services = Services(Settings(database_url=SecretStr(store_url)))
    clerk = Clerk(services, "ada", handle=slow)
    thread = threading.Thread(target=clerk.work, args=(INBOX,))
    thread.start()
    assert began.wait(30)
    over = datetime.now(UTC) + timedelta(seconds=1.5)
    while datetime.now(UTC) < over:
        assert not store.take_lease(INBOX, "grace", datetime.now(UTC), datetime.now(UTC))
    go_on.set()
    thread.join()
    services.close()
    assert store.delivery("wish:first").outcome == "done"  # type: ignore[union-attr]


def test_two_workers_at_many_inboxes_do_everything_once_and_in_order(store: Store, store_url: str) -> None:
    guard, seen, at_once = threading.Lock(), list[tuple[int, str]](), set[int]()

    def handle(event: Event, _services: Services, _now: datetime) -> str:
        assert isinstance(event, Remake)
        with guard:
            assert event.number not in at_once
            at_once.add(event.number)
        with guard:
            seen.append((event.number, event.because))
            at_once.discard(event.number)
        return "done"

    for step in range(5):
        for number in range(3):
            store.receive(wish(f"{number}-{step}", number=number, at=datetime.now(UTC)))
    _work_all(store, store_url, handle, workers=2, numbers=range(3))
    assert sorted(seen) == [(number, f"{number}-{step}") for number in range(3) for step in range(5)]
    for number in range(3):
        assert [words for at, words in seen if at == number] == [f"{number}-{step}" for step in range(5)]


def _work_all(store: Store, url: str, handle: Handle, workers: int, numbers: range) -> None:
    def go_round(name: str) -> None:
        services = Services(Settings(database_url=SecretStr(url)))
        clerk = Clerk(services, name, handle=handle)
        while store.pending_count():
            for number in numbers:
                clerk.work(f"repo:42:pull:{number}")
        services.close()

    threads = [threading.Thread(target=go_round, args=(f"clerk {n}",)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.pending_count() == 0


@pytest.mark.parametrize(("where", "effects"), [("before", 1), ("after", 2), ("settling", 2)])
def test_a_killed_worker_leaves_its_delivery_to_the_next_one(
    where: str, effects: int, store: Store, store_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "effects"
    store.receive(wish("first", at=datetime.now(UTC)))
    command = [sys.executable, VICTIM, store_url, INBOX, log]
    assert subprocess.run([*command, where], check=False).returncode == -signal.SIGKILL
    left = store.delivery("wish:first")
    assert left
    assert (left.attempts, left.error, left.handled_at) == (1, BROKEN_OFF, None)
    assert store.inboxes(datetime.now(UTC), 10) == []  # the dead one's lease
    until(lambda: store.inboxes(datetime.now(UTC), 10) == [INBOX])
    assert subprocess.run([*command, "never"], check=False).returncode == 0
    assert log.read_text().splitlines() == ["first"] * effects
    done = store.delivery("wish:first")
    assert done
    assert (done.outcome, done.attempts) == ("done", 2)


def test_a_delivery_that_always_kills_its_worker_is_given_up_and_the_inbox_goes_on(desk: Desk) -> None:
    desk.receive("first", "second")
    for _ in range(12):
        desk.store.postpone("wish:first", NOW, BROKEN_OFF)
    desk.clerk.work(INBOX)
    assert desk.seen == ["second"]
    assert desk.row("first").error == f"after 12 tries: {BROKEN_OFF}"
