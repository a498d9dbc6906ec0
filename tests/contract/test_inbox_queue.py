"""The queue of inboxes on a real Valkey: it may be wiped, and an entry more or less does no harm."""

from __future__ import annotations

import signal
import sys
import threading
import types
from collections.abc import Iterator

import pytest

from scheduler.errors import Retryable
from scheduler.queues import Queues

INBOXES = ["repo:42:pull:5", "repo:42:branch:feature/ä b", "installation:7"]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `work_inbox` was called with."""
    seen: list[str] = []
    tasks = types.ModuleType("bot.intake.tasks")
    tasks.work_inbox = seen.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bot.intake.tasks", tasks)
    return seen


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A worker installs signal handlers; the test's own come back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_inboxes_are_worked_on_in_order(queues: Queues, worked: list[str]) -> None:
    queues.enqueue_inboxes([*INBOXES, INBOXES[0]])
    assert queues.missing_inboxes(INBOXES) == []
    queues.work_inboxes(threading.Event(), burst=True)
    assert worked == INBOXES
    assert queues.missing_inboxes(INBOXES) == INBOXES


def test_an_inbox_that_is_offered_while_it_is_worked_on_is_worked_on_again(
    queues: Queues, worked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work_inbox(inbox: str) -> None:
        worked.append(inbox)
        if len(worked) == 1:
            queues.enqueue_inboxes([inbox])

    monkeypatch.setattr(sys.modules["bot.intake.tasks"], "work_inbox", work_inbox)
    queues.enqueue_inboxes(INBOXES[:1])
    queues.work_inboxes(threading.Event(), burst=True)
    assert worked == [INBOXES[0]] * 2


def test_nothing_stays_behind_work(queues: Queues, worked: list[str]) -> None:
    queues.enqueue_inboxes(INBOXES)
    queues.work_inboxes(threading.Event(), burst=True)
    assert len(worked) == len(INBOXES)
    assert [key for key in queues._connection.keys() if b"inbox-" in key] == []  # noqa: SIM118 (a Redis command)


def test_what_people_say_is_worked_on_before_everything_that_was_there_earlier(
    queues: Queues, worked: list[str]
) -> None:
    talk = ["repo:42:talk:5", "repo:7:talk:1"]
    queues.enqueue_inboxes([INBOXES[0], talk[0], *INBOXES[1:]])
    queues.enqueue_inboxes(talk[1:])
    assert queues.missing_inboxes([*INBOXES, *talk]) == []
    queues.work_inboxes(threading.Event(), burst=True)
    assert worked == [*talk, *INBOXES]


def test_whoever_is_kept_for_what_people_say_does_nothing_else(queues: Queues, worked: list[str]) -> None:
    queues.enqueue_inboxes([*INBOXES, "repo:42:talk:5"])
    queues.work_inboxes(threading.Event(), talk_only=True, burst=True)
    assert worked == ["repo:42:talk:5"]
    assert queues.missing_inboxes(INBOXES) == []


def test_what_a_wipe_took_is_missing(queues: Queues) -> None:
    queues.enqueue_inboxes(INBOXES)
    queues._connection.flushall()
    assert queues.missing_inboxes(INBOXES) == INBOXES


def test_a_worker_that_was_told_to_stop_before_it_could_listen_stops(queues: Queues, worked: list[str]) -> None:
    stop = threading.Event()
    stop.set()
    queues.enqueue_inboxes(INBOXES)
    queues.work_inboxes(stop)
    assert worked == []
    assert queues.missing_inboxes(INBOXES) == []


def test_work_is_told_that_its_worker_is_asked_to_stop(
    queues: Queues, worked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()

    def work_inbox(inbox: str) -> None:
        signal.raise_signal(signal.SIGTERM)
        worked.append(f"{inbox} {stop.is_set()}")

    monkeypatch.setattr(sys.modules["bot.intake.tasks"], "work_inbox", work_inbox)
    queues.enqueue_inboxes(INBOXES)
    queues.work_inboxes(stop)
    assert worked == [f"{INBOXES[0]} True"]
    assert queues.missing_inboxes(INBOXES) == INBOXES[:1]


def test_a_queue_out_of_reach_can_be_tried_again() -> None:
    gone = Queues("redis://127.0.0.1:1/0", patience=1)
    stop = threading.Event()
    for call in (
        lambda: gone.enqueue_inboxes(INBOXES),
        lambda: gone.missing_inboxes(INBOXES),
        lambda: gone.work_inboxes(stop),
    ):
        with pytest.raises(Retryable, match="MESHBOT_REDIS_URL"):
            call()


def test_a_queue_that_does_not_answer_is_waited_for_as_long_as_one_has_patience() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = Queues(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", patience=0.2)
        with pytest.raises(Retryable, match="queueing 1 inboxes"):
            hanging.enqueue_inboxes(INBOXES[:1])
        hanging.close()
