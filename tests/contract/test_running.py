"""A run from `queued` to its end, on both databases, with real processes: each rule of starting and ending once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from places import Place, alive_below, make_place
from running import BAD, GOOD, Running, now
from waiting import until

from scheduler.errors import Retryable
from scheduler.launchers import Order
from scheduler.launchers.process import ProcessLauncher
from scheduler.observations import Absent
from scheduler.reconcile import MOST_LOSSES
from scheduler.runs import ModelStatus, RunState, Trigger
from scheduler.store import Heartbeat, Pause, Store


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "place")
    yield made
    made.close()


@pytest.fixture
def running(store: Store, place: Place) -> Running:
    return Running(store, place)


# -- one run


def test_a_good_run_is_recorded_with_its_models_and_its_log(running: Running) -> None:
    run = running.tick(running.job(*GOOD))
    assert running.run(run).state is RunState.STARTING
    ended = running.ended(run)
    assert (ended.state, ended.exit_code, ended.message) == (RunState.SUCCEEDED, 0, None)
    assert ended.started_at is None or ended.started_at <= (ended.ended_at or now())
    assert [(m.model, m.status) for m in running.store.results(run)] == [("db.orders", ModelStatus.EVALUATED)]
    assert b"working\n" in running.logs.read(run)
    assert not running.folder(run).exists()


def test_a_failed_run_ends_failed_and_is_told(running: Running) -> None:
    ended = running.ended(running.tick(running.job(*BAD)))
    assert (ended.state, ended.exit_code) == (RunState.FAILED, 1)
    assert running.told() == ["opened"]
    assert running.others(ended.id) == []


def test_a_run_is_started_once_although_it_is_called_often_and_at_once(running: Running, tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    run = running.tick(running.job(f"mark={tmp_path / 'marks'}", *GOOD), start=False)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: running.start(run), range(30)))
    assert running.ended(run).state is RunState.SUCCEEDED
    running.start(run)
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_many_watches_end_a_run_once(running: Running) -> None:
    run = running.tick(running.job(*BAD, retries={"limit": 1, "backoff": "1s", "max_backoff": "1s"}))
    until((running.folder(run) / "exit.json").exists)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: running.look(), range(16)))
    assert running.run(run).state is RunState.FAILED
    assert [other.id for other in running.others(run)] == [f"{run}-r2"]
    assert len(running.store.results(run)) == 1
    assert b"meshrun" in running.logs.read(run)


def test_the_worker_never_waits_for_the_run(running: Running) -> None:
    run = running.tick(running.job("say=working", "graceful", "forever"))
    running.working(run)
    assert running.run(run).started_at is not None
    running.store.request_cancel(run, now())
    assert running.ended(run).state is RunState.CANCELLED


# -- held back and refused


def test_a_run_waits_for_its_time(running: Running) -> None:
    run = running.tick(running.job(*BAD, retries={"limit": 1, "backoff": "1h", "max_backoff": "1h"}))
    running.ended(run)
    (retry,) = running.others(run)
    assert (retry.trigger, retry.attempt, retry.retry_of) == (Trigger.RETRY, 2, run)
    running.start(retry.id)
    assert running.run(retry.id).state is RunState.QUEUED
    running.start(retry.id, after=timedelta(hours=1, seconds=5))
    assert running.ended(retry.id).state is RunState.FAILED
    assert running.others(run, retry.id) == []
    assert running.told() == ["opened"]


def test_a_run_of_a_paused_job_waits_and_a_manual_one_does_not(running: Running) -> None:
    spec = running.job(*GOOD)
    run, by_hand = running.tick(spec, start=False), running.tick(spec, start=False, trigger=Trigger.MANUAL)
    running.store.pause("shop", spec.name, Pause("the warehouse moves", None, "operator", now()))
    for each in (run, by_hand):
        running.start(each)
    assert running.run(run).state is RunState.QUEUED
    assert running.ended(by_hand).state is RunState.SUCCEEDED
    running.store.resume("shop", spec.name, now())
    running.start(run)
    assert running.ended(run).state is RunState.SUCCEEDED


def test_a_run_of_a_job_that_was_removed_is_cancelled(running: Running) -> None:
    spec = running.job(*GOOD)
    run = running.tick(spec, start=False)
    running.push()
    running.start(run)
    ended = running.run(run)
    assert (ended.state, ended.message) == (RunState.CANCELLED, "job hourly is no longer in the job file of shop")


def test_forbid_cancels_the_later_run(running: Running) -> None:
    spec = running.job("say=working", "graceful", "forever", concurrency="forbid")
    first = running.tick(spec)
    running.working(first)
    second = running.tick(spec)
    ended = running.run(second)
    assert ended.state is RunState.CANCELLED
    assert ended.message == f"run {first} is not done yet, and the job says `concurrency: forbid`"
    assert running.run(first).state is RunState.RUNNING


def test_of_two_runs_that_start_at_once_forbid_lets_the_first_go(running: Running) -> None:
    spec = running.job("say=working", "graceful", "forever", concurrency="forbid")
    runs = [running.tick(spec, start=False) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(running.start, runs[::-1]))
    states = [running.run(run).state for run in runs]
    assert states == [RunState.STARTING, *[RunState.CANCELLED] * 3]


def test_forbid_counts_what_is_at_work_also_when_it_was_made_later(running: Running) -> None:
    first = running.tick(running.job("say=working", "graceful", "forever", concurrency="forbid"))
    running.working(first)
    made = running.run(first).created_at - timedelta(milliseconds=5)  # and was slow to be written down
    queued = replace(running.run(first), state=RunState.QUEUED, place=None, started_at=None, created_at=made)
    late = replace(queued, id="shop-hourly-late", scheduled_for=queued.scheduled_for - timedelta(hours=1))
    running.store.create_run(late)
    running.start(late.id)
    assert running.run(late.id).state is RunState.CANCELLED
    assert running.run(first).state is RunState.RUNNING


def test_by_hand_forbid_does_not_wait_for_what_a_pause_holds(running: Running) -> None:
    spec = running.job(*GOOD, concurrency="forbid")
    held = running.tick(spec, start=False)
    running.store.pause("shop", spec.name, Pause("the warehouse moves", None, "operator", now()))
    assert running.ended(running.tick(spec, trigger=Trigger.MANUAL)).state is RunState.SUCCEEDED
    assert running.run(held).state is RunState.QUEUED


def test_replace_ends_the_earlier_run_and_then_starts(running: Running) -> None:
    spec = running.job("say=working", "graceful", "forever", concurrency="replace")
    first = running.tick(spec)
    running.working(first)
    second = running.tick(spec)
    assert running.run(second).state is RunState.QUEUED
    assert running.ended(first).state is RunState.CANCELLED
    running.start(second)
    running.working(second)


def test_allow_lets_both_run(running: Running) -> None:
    spec = running.job("say=working", "graceful", "forever")
    for run in (running.tick(spec), running.tick(spec)):
        running.working(run)


def test_a_secret_that_is_not_granted_fails_the_run_in_words(running: Running) -> None:
    ended = running.run(running.tick(running.job(*GOOD, secrets=["TOKEN"])))
    assert ended.state is RunState.FAILED
    assert "the secret TOKEN is not granted to project shop" in (ended.message or "")
    assert running.told() == ["opened"]


def test_a_granted_secret_is_in_no_kept_log(running: Running) -> None:
    running.place.grant("TOKEN", "k9-very-secret")
    run = running.tick(running.job("show=TOKEN", *GOOD, secrets=["TOKEN"]))
    assert running.ended(run).state is RunState.SUCCEEDED
    assert running.logs.read(run).startswith(b"***\n")


# -- cancel, timeout, loss


def test_a_queued_run_that_is_cancelled_never_begins(running: Running) -> None:
    run = running.tick(running.job(*GOOD), start=False)
    running.store.request_cancel(run, now())
    running.start(run)
    assert running.run(run).state is RunState.QUEUED
    running.look()
    ended = running.run(run)
    assert (ended.state, ended.message) == (RunState.CANCELLED, "cancelled before it began")


def test_a_run_cancelled_between_its_move_and_its_launch_never_begins(running: Running, tmp_path: Path) -> None:
    run = running.tick(running.job(f"touch={tmp_path / 'began'}"), start=False)
    stalled = running.with_place(Stalled(running.place.launcher))
    stalled.start(run)
    running.store.request_cancel(run, now())
    running.look()
    assert running.run(run).state is RunState.CANCELLED
    stalled.launcher.go_on()  # type: ignore[union-attr]
    assert running.place.launcher.observe(run) == Absent()
    assert not (tmp_path / "began").exists()


def test_a_run_that_takes_too_long_is_timed_out_and_retried(running: Running) -> None:
    spec = running.job("say=working", "graceful", "forever", retries={"limit": 1})
    hasty = running.with_place(Hasty(running.place.launcher))
    ended = running.ended(hasty.tick(spec))
    assert ended.state is RunState.TIMED_OUT
    assert len(running.others(ended.id)) == 1


def test_a_lost_run_is_run_again_without_counting_and_not_for_ever(running: Running) -> None:
    running.place.launcher._keeper = ("true",)
    spec = running.job(*GOOD)
    running.place.launcher._keeper = (*lost_keeper(),)
    run, seen = running.tick(spec), []
    for _ in range(10):
        ended = running.ended(run)
        seen.append(ended.state)
        following = [other for other in running.others() if other.retry_of == run]
        if not following:
            break
        run = following[0].id
        running.start(run, after=timedelta(hours=1))
    assert seen == [RunState.LOST] * (MOST_LOSSES + 1)
    assert running.told() == ["opened"]


def test_a_run_whose_worker_died_before_the_launch_is_started_by_another(running: Running) -> None:
    run = running.tick(running.job(*GOOD), start=False)
    stalled = running.with_place(Stalled(running.place.launcher))
    stalled.start(run)
    running.look()
    assert running.run(run).state is RunState.STARTING
    running.look(after=timedelta(seconds=31))
    assert running.run(run).state is RunState.QUEUED
    running.start(run)
    stalled.launcher.go_on()  # type: ignore[union-attr]
    assert running.ended(run).state is RunState.SUCCEEDED


def test_a_place_that_cannot_take_a_run_is_asked_again(running: Running) -> None:
    run = running.tick(running.job(*GOOD), start=False)
    broken = ProcessLauncher(running.place.root, running.place.secrets, keeper=("false",))
    running.with_place(broken).start(run)
    waiting = running.run(run)
    assert waiting.state is RunState.QUEUED
    assert "exit code 1" in (waiting.message or "")
    running.start(run)
    assert running.run(run).state is RunState.QUEUED
    running.start(run, after=timedelta(seconds=11))
    assert running.ended(run).state is RunState.SUCCEEDED


def test_parallel_processes_make_one_run(running: Running) -> None:
    run = running.tick(running.job(*GOOD, parallelism=3))
    assert running.ended(run).state is RunState.SUCCEEDED
    assert running.logs.read(run).count(b"working\n") == 3
    assert len(running.store.results(run)) == 1


# -- the watch


def test_a_watch_of_another_place_leaves_a_run_alone(running: Running, tmp_path: Path) -> None:
    run = running.tick(running.job("say=working", "graceful", "forever"))
    other = make_place(tmp_path / "other")
    elsewhere = replace(running, place=other)
    running.working(run)
    elsewhere.look(after=timedelta(hours=1))
    assert running.run(run).state is RunState.RUNNING
    assert running.run(run).place == running.place.launcher.place != other.launcher.place


def test_a_run_of_a_place_that_was_not_heard_of_for_long_is_given_up(running: Running, tmp_path: Path) -> None:
    run = running.tick(running.job("say=working", "graceful", "forever"))
    running.working(run)
    seen, watch = running.run(run), replace(running, place=make_place(tmp_path / "other")).watch
    long_after = now() + timedelta(minutes=16)
    watch.give_up(now() + timedelta(minutes=14))
    running.store.beat(Heartbeat("worker", "there:1", now(), long_after, seen.place))
    watch.give_up(long_after)
    running.watch.give_up(long_after + timedelta(days=1))
    assert running.run(run) == seen
    running.store.fall_silent("worker", "there:1")
    watch.give_up(long_after)
    assert running.run(run).state is RunState.LOST
    assert len(running.others(run)) == 1


def test_a_launch_that_says_it_failed_and_began_is_not_offered_to_others(running: Running) -> None:
    run = running.tick(running.job("say=working", *GOOD), start=False)
    running.with_place(Grumbling(running.place.launcher)).start(run)
    assert running.run(run).state is RunState.STARTING
    assert running.ended(run).state is RunState.SUCCEEDED


def test_a_run_that_started_although_its_launch_seemed_to_fail_is_found(running: Running) -> None:
    run = running.tick(running.job("say=working", *GOOD))
    begun = running.run(run)
    running.store.move(replace(begun, state=RunState.QUEUED, place=None), RunState.STARTING)
    until((running.folder(run) / "exit.json").exists)
    running.look()
    assert running.run(run).state is RunState.QUEUED
    running.watch.tidy(now())
    found = running.run(run)
    assert (found.state, found.place) == (RunState.SUCCEEDED, running.place.launcher.place)


def test_a_slow_slack_costs_the_next_alert_none_of_its_lease(running: Running) -> None:
    for _ in range(2):
        running.ended(running.tick(running.job(*BAD, name=f"job{running.ticks}")))
    asked = iter(now() + timedelta(seconds=50 * step) for step in range(10))
    assert running.watch.deliver(lambda: next(asked)) == 2
    sent = [alert.sent_at for alert in running.store.alerts(unsent_only=False)]
    assert sent[0] and sent[1] and sent[0] - sent[1] > timedelta(seconds=60)  # noqa: PT018 - one after the other


def test_a_run_that_cannot_be_looked_at_holds_back_no_other(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = running.tick(running.job(*GOOD)), running.tick(running.job(*GOOD))
    observe = running.place.launcher.observe

    def broken(run: str) -> object:
        if run == first:
            raise RuntimeError("boom")
        return observe(run)

    monkeypatch.setattr(running.place.launcher, "observe", broken)
    assert running.ended(second).state is RunState.SUCCEEDED
    monkeypatch.undo()
    assert running.ended(first).state is RunState.SUCCEEDED


def test_a_full_log_store_delays_no_end_and_loses_no_log(running: Running) -> None:
    (running.place.root / "logs").write_text("no folder")
    run = running.tick(running.job(*GOOD))
    assert running.ended(run).state is RunState.SUCCEEDED
    assert b"working" in running.logs.read(run)
    (running.place.root / "logs").unlink()
    running.watch.tidy(now())
    assert not running.folder(run).exists()
    assert b"working" in running.logs.read(run)


def test_a_late_watch_does_not_replace_a_log_by_nothing(running: Running) -> None:
    run = running.tick(running.job(*GOOD))
    running.ended(run)
    running.logs.keep(run, iter(()))
    running.reconciler.clear(run)
    assert b"working" in running.logs.read(run)


def test_a_run_that_is_too_slow_is_told_once(running: Running) -> None:
    spec = running.job("say=working", "graceful", "forever", alerts={"longer_than": "1m"})
    run = running.tick(spec)
    running.working(run)
    for _ in range(3):
        running.look(after=timedelta(minutes=2))
    assert running.told() == ["longer_than"]


def test_missed_ticks_are_decided_about_once(running: Running) -> None:
    spec = running.job(*GOOD, catch_up={"policy": "none"}, alerts={"on": ["missed"]})
    from scheduler import clock

    with_gap = running.store.job("shop", spec.name)
    assert with_gap
    assert with_gap.next_tick
    late = with_gap.next_tick + timedelta(hours=5, minutes=30)
    running.store.record_ticks(late, lambda due: clock.plan(due, late))
    for _ in range(2):
        running.watch.tell_missed(now())
    assert running.told() == ["missed"]
    assert running.store.untold_missed() == []


def test_alerts_are_delivered_once(running: Running) -> None:
    running.ended(running.tick(running.job(*BAD)))
    assert running.watch.deliver(now) == 1
    assert running.watch.deliver(now) == 0
    assert running.store.alerts() == []


def test_nothing_runs_after_all_have_ended(running: Running) -> None:
    runs = [running.tick(running.job("fork", *GOOD)) for _ in range(3)]
    for run in runs:
        running.ended(run)
    until(lambda: alive_below(running.place.root) == [], timeout=5)


class Hasty:
    """A place that gives each run one second."""

    def __init__(self, real: ProcessLauncher) -> None:
        self._real = real
        self.cancel, self.observe, self.place = real.cancel, real.observe, real.place
        self.logs, self.forget = real.logs, real.forget

    def launch(self, order: Order) -> None:
        self._real.launch(replace(order, timeout=timedelta(seconds=1)))


class Grumbling(Hasty):
    """A place that starts a run and then says that it could not."""

    def launch(self, order: Order) -> None:
        self._real.launch(order)
        raise Retryable("the answer came too late")


class Stalled(Hasty):
    """A place whose worker stalls right before the launch; `go_on` lets it through much later."""

    def __init__(self, real: ProcessLauncher) -> None:
        super().__init__(real)
        self._orders: list[Order] = []

    def launch(self, order: Order) -> None:
        self._orders.append(order)

    def go_on(self) -> None:
        for order in self._orders:
            self._real.launch(order)


def lost_keeper() -> tuple[str, ...]:
    """Make a keeper that is killed as soon as it has taken a run."""
    import sys

    root = str(Path(__file__).parents[2])
    code = (
        f"import os, sys; sys.path.append({root!r}); from scheduler.launchers import keeper; "
        "keeper.adopt_orphans = lambda: os.kill(os.getpid(), 9); keeper.main()"
    )
    return (sys.executable, "-I", "-S", "-c", code)
