"""Replies follow their run, failures are posted once, graphs are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hubsamples import NOW, followup
from schedules import ORIGIN, a_run, job, jobfile

from scheduler.runs import Run, RunState, asked_tick
from scheduler.store import Ending, Store

MINUTE = timedelta(minutes=1)


def made(store: Store, name: str = "hourly", ended: RunState | None = None, minutes: int = 0) -> Run:
    at = NOW + minutes * MINUTE
    run = a_run(spec=job(name), scheduled_for=at, created_at=at, since=at)
    store.create_run(run)
    if ended is not None:
        run = replace(run, state=ended, ended_at=at, since=at)
        assert store.finish(Ending(run, RunState.QUEUED))
    return run


def scheduled(store: Store) -> None:
    store.merge_schedule(jobfile(job(), job("daily")), ORIGIN, NOW)


def test_a_reply_follows_its_run_until_its_state_was_told(store: Store) -> None:
    scheduled(store)
    run = made(store)
    following = followup("f1", run.id, words="`daily`")
    assert store.follow(following)
    assert not store.follow(replace(following, id="f2")), "the same reply and run under another id"
    assert store.changed_followups(10) == [(following, run)]
    store.told("f1", "queued")
    assert store.changed_followups(10) == []
    moved = replace(run, state=RunState.STARTING, since=NOW + MINUTE)
    store.move(moved, RunState.QUEUED)
    told = replace(following, told_state="queued")
    assert store.changed_followups(10) == [(told, moved)]
    assert store.followup("f1") == told
    assert store.followup("f2") is None


def test_the_last_change_is_told_first_so_that_none_that_cannot_be_told_is_in_the_way(store: Store) -> None:
    scheduled(store)
    for minutes in range(3):
        store.follow(followup(f"f{minutes}", made(store, minutes=minutes).id, reply_id=minutes))
    assert [one.id for one, _ in store.changed_followups(2)] == ["f2", "f1"]


def test_a_failure_is_posted_once(store: Store) -> None:
    scheduled(store)
    ends = (
        RunState.FAILED,
        RunState.SUCCEEDED,
        RunState.PARTIAL,
        RunState.TIMED_OUT,
        RunState.LOST,
        RunState.CANCELLED,
    )
    runs = [made(store, ended=end, minutes=minutes) for minutes, end in enumerate(ends)]
    failed = [runs[index] for index in (4, 3, 2, 0)]  # the last first: none that cannot be told is in the way
    made(store, "daily")
    assert store.unposted_failures(NOW, 10) == failed
    assert store.unposted_failures(NOW + 3 * MINUTE, 10) == failed[:2]
    assert store.unposted_failures(NOW, 2) == failed[:2]
    store.failure_posted(failed[0].id, NOW)
    store.failure_posted(failed[0].id, NOW)
    assert store.unposted_failures(NOW, 10) == failed[1:]


def test_a_run_that_is_forgotten_is_forgotten_by_its_replies(store: Store) -> None:
    scheduled(store)
    run = made(store, ended=RunState.FAILED)
    store.follow(followup("f1", run.id))
    store.failure_posted(run.id, NOW)
    store.forget_runs([run.id])
    assert store.followup("f1") is None
    assert store.changed_followups(10) == []


def test_a_graph_is_kept_under_its_key(store: Store) -> None:
    assert store.graph_kept("tree") is None
    store.keep_graph("tree", '{"models": ["ü"]}', NOW)
    store.keep_graph("tree", "another", NOW)
    assert store.graph_kept("tree") == '{"models": ["ü"]}'
    assert store.graph_kept("other") is None


def test_the_same_cause_names_the_same_run(store: Store) -> None:
    scheduled(store)
    at = asked_tick(NOW.replace(microsecond=0), "comment:issue:1:2")
    first = store.manual_run("analytics", "hourly", NOW, at=at, requested_by="ada")
    assert first is not None
    assert first.scheduled_for == at
    assert store.manual_run("analytics", "hourly", NOW + MINUTE, at=at, requested_by="bob") == first
    moved = replace(first, state=RunState.STARTING)
    store.move(moved, RunState.QUEUED)
    store.remove_project("analytics", NOW)
    assert store.manual_run("analytics", "hourly", NOW + MINUTE, at=at) == moved, "as it stands now"
    assert len(store.runs()) == 1


def test_another_cause_in_the_same_second_names_another_run(store: Store) -> None:
    scheduled(store)
    at = NOW.replace(second=0, microsecond=0)
    moments = {asked_tick(at, f"comment:issue:{number}:1") for number in range(20)}
    assert len(moments) == 20
    assert all(at < moment < at + timedelta(seconds=1) for moment in moments)
    runs = [store.manual_run("analytics", "hourly", NOW, at=moment) for moment in moments]
    assert len({run.id for run in runs if run is not None}) == 20
