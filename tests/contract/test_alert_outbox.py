"""From a run's end to Slack: decided, kept in the outbox, told once, on both databases, whatever dies in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import endings
import pytest
from endings import NOON, a_job, a_result
from fakes import FakeSlack, Fault, fake_slack
from schedules import ORIGIN, jobfile
from waiting import until

from scheduler.alerts import Decision, decide, overdue
from scheduler.incidents import Incident
from scheduler.notify import BotNotifier, Later, Sent, attempt
from scheduler.runs import Run, RunState
from scheduler.store import Ending, Store

JOB = a_job(slack_channel="#data")
DAY = timedelta(days=1)

SENDER = """
import sys
from datetime import datetime
from scheduler.notify import BotNotifier, attempt
from scheduler.store import Store

url, token, api, now = sys.argv[1:]
(stored,) = Store(url).take_alerts(datetime.fromisoformat(now), limit=1)
attempt(BotNotifier(token, None, api, timeout=60), stored)
"""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with fake_slack() as workspace:
        yield workspace


@pytest.fixture
def bot(slack: FakeSlack) -> BotNotifier:
    return BotNotifier(slack.token, None, slack.api_url, timeout=1)


@pytest.fixture
def ledger(store: Store) -> Store:
    """A store that knows the job."""
    store.merge_schedule(jobfile(JOB), ORIGIN, NOON)
    return store


def latest(store: Store) -> Incident | None:
    return store.latest_incident("analytics", "hourly", "prod")


def ended(store: Store, words: str, at: datetime) -> Ending:
    state, *models = words.split()
    run = endings.a_run(endings.STATES[state], at, JOB)
    store.create_run(replace(run, state=RunState.QUEUED, started_at=None, ended_at=None))
    return Ending(run, RunState.QUEUED, tuple(map(a_result, models)))


def decided(store: Store, ending: Ending) -> Ending:
    now = ending.run.ended_at or NOON
    decision: Decision = decide(ending.run, ending.results, latest(store), will_retry=False, now=now)
    return replace(ending, incident=decision.incident, alerts=decision.alerts)


def ends(store: Store, words: str, at: datetime) -> Run:
    ending = decided(store, ended(store, words, at))
    assert store.finish(ending)
    return ending.run


def deliver(store: Store, bot: BotNotifier, now: datetime) -> list[Sent | Later]:
    """Do one round of sending, as the watcher does."""
    outcomes: list[Sent | Later] = []
    while taken := store.take_alerts(now, limit=1):
        outcomes.append(attempt(bot, taken[0]))
        match outcomes[-1]:
            case Sent(channel, thread_ts):
                store.mark_sent(taken[0].id, now, channel, thread_ts)
            case Later(delay, reason, stop):
                store.postpone_alert(taken[0].id, now + delay, reason)
                if stop:
                    break
    return outcomes


def keys(slack: FakeSlack) -> list[list[str]]:
    return [[m["metadata"]["event_payload"]["key"].rpartition(":")[2] for m in thread] for thread in slack.threads()]


def test_a_slack_that_is_down_loses_nothing_and_keeps_the_order(
    ledger: Store, slack: FakeSlack, bot: BotNotifier
) -> None:
    down = [Fault.BROKEN, Fault.RESET, Fault.LIMITED, Fault.RESET_AFTER, "internal_error", Fault.PAGE]
    slack.faults = list(down)
    for number, words in enumerate(["fail a", "fail a b", "ok"]):
        ends(ledger, words, NOON + number * timedelta(minutes=15))
    now, rounds = NOON + timedelta(hours=1), 0
    while ledger.alerts():
        assert rounds < 20
        outcomes = deliver(ledger, bot, now)
        rounds += bool(outcomes)
        now += timedelta(minutes=15)
    assert keys(slack) == [["opened", "changed", "recovered"]]
    assert slack.faults == []


def test_a_sender_killed_between_slacks_answer_and_its_note_repeats_nothing(
    ledger: Store, store_url: str, slack: FakeSlack, bot: BotNotifier
) -> None:
    ends(ledger, "fail a", NOON)
    slack.faults = [Fault.SILENT_AFTER]
    arguments = [sys.executable, "-c", SENDER, store_url, slack.token, slack.api_url, NOON.replace(hour=13).isoformat()]
    with subprocess.Popen(arguments) as sender:
        until(lambda: slack.messages or sender.poll() is not None)
        sender.send_signal(signal.SIGKILL)
    assert sender.returncode == -signal.SIGKILL
    (waiting,) = ledger.alerts()
    assert waiting.attempts == 1
    assert deliver(ledger, bot, NOON.replace(hour=13)) == [], "it is still on its lease"
    deliver(ledger, bot, NOON.replace(hour=13, minute=2))
    assert ledger.alerts() == []
    ends(ledger, "ok", NOON + timedelta(hours=2))
    deliver(ledger, bot, NOON + timedelta(hours=3))
    assert keys(slack) == [["opened", "recovered"]]


def test_a_job_that_fails_again_soon_does_so_in_its_thread(ledger: Store, slack: FakeSlack, bot: BotNotifier) -> None:
    for number, words in enumerate(["fail a", "ok", "fail a", "ok", "ok", "ok"]):
        ends(ledger, words, NOON + number * timedelta(minutes=15))
        deliver(ledger, bot, NOON + DAY)
    ends(ledger, "fail a", NOON + DAY)
    deliver(ledger, bot, NOON + 2 * DAY)
    assert keys(slack) == [["opened", "recovered", "reopened", "recovered"], ["opened"]]


def test_an_alert_that_slack_refuses_waits_until_that_is_mended(
    ledger: Store, slack: FakeSlack, bot: BotNotifier
) -> None:
    channels, slack.channels = slack.channels, {}
    ends(ledger, "fail a", NOON)
    (later,) = deliver(ledger, bot, NOON + DAY)
    assert isinstance(later, Later)
    (waiting,) = ledger.alerts()
    assert waiting.last_error is not None
    assert "channel_not_found" in waiting.last_error
    slack.channels = channels
    assert deliver(ledger, bot, NOON + DAY) == []
    deliver(ledger, bot, NOON + DAY + timedelta(minutes=1))
    assert keys(slack) == [["opened"]]


def test_two_runs_that_end_at_once_open_one_incident(ledger: Store) -> None:
    one, other = (ended(ledger, "fail a", NOON + n * timedelta(minutes=15)) for n in range(2))
    both = [decided(ledger, one), decided(ledger, other)]
    assert [ledger.finish(ending) for ending in both] == [True, False]
    assert ledger.finish(decided(ledger, other))
    assert [alert.key for alert in ledger.alerts()] == [f"{one.run.id}:opened"]
    incident = latest(ledger)
    assert incident
    assert incident.failures == 2


def test_the_latest_incident_is_the_open_one_or_the_last(ledger: Store) -> None:
    assert latest(ledger) is None
    for number, words in enumerate(["fail a", "ok", "fail a", "ok"]):
        ends(ledger, words, NOON + number * DAY)
    closed = latest(ledger)
    assert closed
    assert closed.closed_at == NOON + 3 * DAY + timedelta(minutes=2)
    ends(ledger, "fail a", NOON + 9 * DAY)
    opened = latest(ledger)
    assert opened
    assert opened.closed_at is None
    assert ledger.latest_incident("analytics", "hourly", "dev") is None


def test_a_run_that_takes_long_is_told_of_once(ledger: Store) -> None:
    late = a_job(longer_than="1h")
    run = replace(endings.a_run(RunState.RUNNING, job=late), ended_at=None)
    for hours in range(2, 5):
        now = NOON + timedelta(hours=hours)
        alert = overdue(run, now)
        assert alert
        ledger.queue_alerts([alert], now)
        for stored in ledger.take_alerts(now):
            ledger.mark_sent(stored.id, now)
    ledger.queue_alerts([], NOON)
    assert len(ledger.alerts(unsent_only=False)) == 1
