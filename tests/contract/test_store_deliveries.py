"""Deliveries are received once, handled in order, and by one holder of a lease at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from hubsamples import INSTALLATION, NOW, delivery

from scheduler.store import InstallationRow, Store

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
INBOX = delivery().inbox
CROWD = 8

RECEIVE = """
import sys
from datetime import timedelta
from hubsamples import NOW, delivery
from scheduler.store import Store
store = Store(sys.argv[1])
store.ping()
print("ready", flush=True)
sys.stdin.readline()
new = sum(store.receive(delivery(f"d{number}", subject=f"comment:{number % 20}")) for number in range(40))
until = NOW + timedelta(minutes=1)
taken = sum(store.take_lease(f"lease{number}", sys.argv[2], until, NOW) for number in range(40))
print(new, taken, flush=True)
store.close()
"""


def at_once(act: Callable[[int], bool]) -> list[bool]:
    """Let a crowd of threads do the same thing at the same moment; return what each got."""
    together, got = threading.Barrier(CROWD), [False] * CROWD

    def one(number: int) -> None:
        together.wait(30)
        got[number] = act(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def received(store: Store, name: str, _number: int) -> bool:
    return store.receive(delivery(name))


def leased(store: Store, now: datetime, number: int) -> bool:
    return store.take_lease("a", f"{number}", now + MINUTE, now)


def test_a_delivery_is_received_once(store: Store) -> None:
    first = delivery(payload='{"a": "ü"}')
    assert store.receive(first)
    assert not store.receive(first)
    assert store.next_delivery(INBOX, NOW) == store.delivery("d1") == first
    assert store.delivery("d2") is None
    assert (store.pending_count(), store.known(["d1", "d2"])) == (1, {"d1"})


def test_a_delivery_is_received_once_by_many_at_once(store: Store) -> None:
    for number in range(10):
        got = at_once(partial(received, store, f"d{number}"))
        assert got.count(True) == 1
    assert store.pending_count() == 10


def test_the_same_subject_is_received_once_under_any_id(store: Store) -> None:
    got = at_once(lambda number: store.receive(delivery(f"d{number}", subject="comment:issue:1:created")))
    assert got.count(True) == 1
    assert store.receive(delivery("other", subject=None))
    assert store.receive(delivery("another", subject=None))
    assert store.pending_count() == 3


def test_processes_share_what_is_received_and_what_is_leased(store: Store, store_url: str) -> None:
    pipe = subprocess.PIPE
    path = f"import sys; sys.path.insert(0, {str(sys.modules['hubsamples'].__file__).rpartition('/')[0]!r})"
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", path + RECEIVE, store_url, f"holder{number}"], stdin=pipe, stdout=pipe, text=True
        )
        for number in range(3)
    ]
    for process in crowd:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [[int(word) for word in process.communicate(timeout=120)[0].split()] for process in crowd]
    assert sum(new for new, _ in said) == store.pending_count() == 20
    assert sum(taken for _, taken in said) == 40


def test_an_inbox_keeps_its_order_and_others_do_not_wait_for_it(store: Store) -> None:
    for id_, inbox in (("z", "a"), ("y", "a"), ("x", "b")):
        store.receive(delivery(id_, inbox))
    assert store.inboxes(NOW, 10) == ["a", "b"]
    assert store.inboxes(NOW, 1) == ["a"]
    for id_ in ("z", "y"):
        found = store.next_delivery("a", NOW)
        assert found is not None
        assert found.id == id_
        store.handled(id_, "merged", NOW)
    assert store.next_delivery("a", NOW) is None
    assert store.inboxes(NOW, 10) == ["b"]
    done = store.delivery("z")
    assert done is not None
    assert (done.outcome, done.handled_at, done.payload) == ("merged", NOW, "")


def test_what_waits_is_not_overtaken(store: Store) -> None:
    store.receive(delivery("d1"))
    store.receive(delivery("d2"))
    store.postpone("d1", NOW + MINUTE, "the line is cut")
    for at in (NOW, NOW + MINUTE - SECOND):
        assert store.next_delivery(INBOX, at) is None
        assert store.inboxes(at, 10) == []
    found = store.next_delivery(INBOX, NOW + MINUTE)
    assert found is not None
    assert (found.id, found.attempts, found.error) == ("d1", 1, "the line is cut")
    assert store.inboxes(NOW + MINUTE, 10) == [INBOX]


def test_what_arrives_in_an_inbox_that_waits_does_not_wake_it(store: Store) -> None:
    store.receive(delivery("d1", not_before=NOW + MINUTE))
    store.receive(delivery("d2", received_at=NOW - MINUTE, not_before=NOW - MINUTE))
    assert store.next_delivery(INBOX, NOW) is None
    assert store.inboxes(NOW, 10) == []


def test_what_was_given_up_lets_the_next_one_through_and_is_kept(store: Store) -> None:
    store.receive(delivery("d1", payload="{1}"))
    store.receive(delivery("d2"))
    store.postpone("d1", NOW + MINUTE, "again")
    store.give_up("d1", "it makes no sense", NOW)
    found = store.next_delivery(INBOX, NOW)
    assert found is not None
    assert found.id == "d2"
    [lost] = store.given_up(NOW - MINUTE)
    assert (lost.id, lost.error, lost.payload, lost.attempts) == ("d1", "it makes no sense", "{1}", 1)
    assert store.given_up(NOW + SECOND) == []


def test_what_is_settled_stays_as_it_was_settled_first(store: Store) -> None:
    store.receive(delivery())
    store.handled("d1", "merged", NOW)
    store.postpone("d1", NOW + MINUTE, "late")
    store.give_up("d1", "late", NOW + MINUTE)
    store.handled("d1", "again", NOW + MINUTE)
    done = store.delivery("d1")
    assert done is not None
    assert (done.outcome, done.handled_at, done.attempts, done.error) == ("merged", NOW, 0, None)
    assert not store.receive(delivery())


def test_an_installation_that_is_limited_waits_alone(store: Store) -> None:
    store.receive(delivery("d1", "a"))
    store.receive(delivery("d2", "b", installation=8))
    store.receive(delivery("d3", "c", installation=None))
    store.limit_installation(INSTALLATION, NOW + MINUTE)
    assert store.inboxes(NOW, 10) == ["b", "c"]
    assert store.next_delivery("a", NOW) is None
    assert store.inboxes(NOW + MINUTE, 10) == ["a", "b", "c"]
    assert store.next_delivery("a", NOW + MINUTE) is not None


def test_an_installation_that_is_suspended_waits_except_for_word_of_itself(store: Store) -> None:
    store.put_installation(InstallationRow(INSTALLATION, "acme", "suspended"))
    store.receive(delivery("d1", "a"))
    store.receive(delivery("d2", f"installation:{INSTALLATION}"))
    assert store.inboxes(NOW, 10) == [f"installation:{INSTALLATION}"]
    assert store.next_delivery("a", NOW) is None
    store.put_installation(InstallationRow(INSTALLATION, "acme"))
    assert store.inboxes(NOW, 10) == ["a", f"installation:{INSTALLATION}"]


def test_a_lease_has_one_holder_until_it_is_over(store: Store) -> None:
    assert store.take_lease("a", "ada", NOW + MINUTE, NOW)
    assert not store.take_lease("a", "bob", NOW + MINUTE, NOW)
    assert not store.take_lease("a", "ada", NOW + MINUTE, NOW), "not even by another thread of the same holder"
    assert store.take_lease("b", "bob", NOW + MINUTE, NOW)
    assert store.take_lease("a", "bob", NOW + 2 * MINUTE, NOW + MINUTE)
    assert not store.renew_lease("a", "ada", NOW + 9 * MINUTE)
    assert store.renew_lease("a", "bob", NOW + 3 * MINUTE)
    assert not store.take_lease("a", "ada", NOW + 9 * MINUTE, NOW + 2 * MINUTE)
    store.drop_lease("a", "ada")
    assert not store.take_lease("a", "ada", NOW + 9 * MINUTE, NOW + 2 * MINUTE)
    store.drop_lease("a", "bob")
    assert store.take_lease("a", "ada", NOW + 9 * MINUTE, NOW + 2 * MINUTE)
    assert not store.renew_lease("c", "ada", NOW)


@pytest.mark.parametrize("is_over", [False, True], ids=["a free one", "one that is over"])
def test_of_many_who_want_a_lease_one_gets_it(store: Store, is_over: bool) -> None:  # noqa: FBT001
    if is_over:
        assert store.take_lease("a", "nobody", NOW, NOW - MINUTE)
    for step in range(10):
        now = NOW + step * MINUTE
        got = at_once(partial(leased, store, now))
        assert got.count(True) == 1
        assert store.renew_lease("a", f"{got.index(True)}", now + MINUTE)


def test_an_inbox_that_somebody_handles_is_not_offered(store: Store) -> None:
    store.receive(delivery())
    store.take_lease(INBOX, "ada", NOW + MINUTE, NOW)
    assert store.inboxes(NOW, 10) == []
    assert store.next_delivery(INBOX, NOW) is not None, "whoever has the lease reads on"
    assert store.inboxes(NOW + MINUTE, 10) == [INBOX], "whoever had it is gone"


def test_workers_who_race_for_inboxes_handle_each_delivery_once_and_in_order(store: Store) -> None:
    inboxes = [f"inbox{number}" for number in range(4)]
    for number in range(40):
        store.receive(delivery(f"d{number:02}", inboxes[number % 4]))
    done: dict[str, list[str]] = {inbox: [] for inbox in inboxes}

    def work(number: int) -> bool:
        while store.pending_count():
            for inbox in store.inboxes(NOW, 10):
                if not store.take_lease(inbox, f"{number}", NOW + MINUTE, NOW):
                    continue
                if (found := store.next_delivery(inbox, NOW)) is not None:
                    done[inbox].append(found.id)
                    store.handled(found.id, "done", NOW)
                store.drop_lease(inbox, f"{number}")
        return True

    at_once(work)
    assert all(earlier < later for ids in done.values() for earlier, later in pairwise(ids))
    assert sum(len(ids) for ids in done.values()) == 40


def test_thousands_are_asked_for_at_once(store: Store) -> None:
    store.receive(delivery("d700"))
    assert store.known(f"d{number}" for number in range(1200)) == {"d700"}
    assert store.known([]) == set()
