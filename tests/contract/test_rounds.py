"""The rounds of the bot, on each database: what is pending is queued, what changed is told once, nobody heals twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hubsamples import NOW, delivery, followup, repository
from pydantic import SecretStr
from schedules import a_run, job, jobfile

from bot import events
from bot.events import FailureDue, ReplyDue
from bot.intake import healing
from bot.intake.rounds import HEALING, Rounds
from bot.services import Services
from scheduler.runs import Run, RunState
from scheduler.settings import Settings
from scheduler.store import Delivery, Ending, Origin, Store

SOON = NOW + timedelta(minutes=1)
GITHUB = "https://github.com/acme/analytics.git"


@pytest.fixture
def rounds(store: Store, store_url: str, valkey_url: str) -> Iterator[Rounds]:
    services = Services(Settings(database_url=SecretStr(store_url), redis_url=SecretStr(valkey_url)))
    store.put_repository(repository())
    store.merge_schedule(jobfile(job()), Origin(GITHUB, ".", "main", "a" * 40), NOW)
    yield Rounds(services, "ada")
    services.close()


def failed(store: Store, place: str = GITHUB) -> Run:
    run = a_run(repository=place, scheduled_for=NOW, created_at=NOW, since=NOW)
    store.create_run(run)
    assert store.finish(Ending(replace(run, state=RunState.FAILED, ended_at=NOW, since=NOW), RunState.QUEUED))
    return run


def found(store: Store, name: str) -> Delivery:
    row = store.delivery(name)
    assert row
    return row


def test_what_the_queue_has_lost_is_queued_and_nothing_twice(rounds: Rounds, store: Store) -> None:
    store.receive(delivery("a"))
    store.receive(delivery("b", inbox="repo:42:pull:2"))
    assert rounds.requeue(NOW) == ["repo:42:pull:1", "repo:42:pull:2"]
    assert rounds.requeue(NOW) == []
    assert rounds.services.queues
    rounds.services.queues._connection.flushall()
    store.take_lease("repo:42:pull:1", "somebody", SOON, NOW)
    assert rounds.requeue(NOW) == ["repo:42:pull:2"]  # at the other one somebody is at work
    assert rounds.requeue(SOON) == ["repo:42:pull:1"]  # who has died of it


def test_a_reply_that_is_behind_its_run_is_wished_for_once(rounds: Rounds, store: Store) -> None:
    run = a_run(repository=GITHUB, scheduled_for=NOW, created_at=NOW, since=NOW)
    store.create_run(run)
    store.follow(followup("f1", run.id))
    store.follow(followup("f2", run.id, repository=99, reply_id=5))  # of a repository that nobody knows
    assert [rounds.tell(NOW), rounds.tell(NOW)] == [1, 0]
    row = found(store, "follow:f1:queued")
    assert row.inbox == "repo:42:talk:5"
    event = events.parse(row.kind, row.payload.encode())
    assert isinstance(event, ReplyDue)
    assert (event.followup, event.state) == ("f1", "queued")
    store.move(replace(run, state=RunState.STARTING, since=SOON), RunState.QUEUED)
    assert rounds.tell(SOON) == 1


def test_a_failure_is_wished_to_be_told_once(rounds: Rounds, store: Store) -> None:
    run = failed(store)
    assert [rounds.tell_failures(SOON), rounds.tell_failures(SOON)] == [1, 0]
    event = events.parse(events.OURS, found(store, f"failure:{run.id}").payload.encode())
    assert isinstance(event, FailureDue)
    assert (event.run, event.repo.full_name) == (run.id, "acme/analytics")


def test_failures_are_told_in_their_order(rounds: Rounds, store: Store) -> None:
    for minute in range(2):
        at = NOW + timedelta(minutes=minute)
        run = a_run(id=f"shop-{minute}", repository=GITHUB, scheduled_for=at, created_at=at, since=at)
        store.create_run(run)
        assert store.finish(Ending(replace(run, state=RunState.FAILED, ended_at=at, since=at), RunState.QUEUED))
    assert rounds.tell_failures(SOON) == 2
    first = store.next_delivery("repo:42:failures", SOON)
    assert first
    assert first.id == "failure:shop-0"


@pytest.mark.parametrize("place", ["/srv/analytics", "https://github.com/acme/other.git"])
def test_a_failure_from_elsewhere_is_done_with(place: str, rounds: Rounds, store: Store) -> None:
    failed(store, place)
    assert rounds.tell_failures(SOON) == 0
    assert store.unposted_failures(NOW, 10) == []
    assert store.pending_count() == 0


def test_one_heals_at_a_time_and_lets_go_when_that_fails(
    rounds: Rounds, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    healed = []

    def heal(_services: Services, _now: object) -> None:
        healed.append(store.take_lease(HEALING, "somebody", SOON, NOW))
        raise RuntimeError("GitHub says something new")

    monkeypatch.setattr(healing, "heal", heal)
    with pytest.raises(RuntimeError):
        rounds.heal(NOW)
    assert healed == [False]
    assert store.take_lease(HEALING, "somebody", SOON, NOW)
    rounds.heal(NOW)
    assert healed == [False]
