"""Alerts sent by the real slack_sdk to a Slack that fails in every way that Slack and the network can."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from endings import NOON, Told, a_job
from fakes import FakeSlack, Fault, fake_slack

from scheduler.alerts import Alert, backoff
from scheduler.incidents import Incident, StoredAlert
from scheduler.notify import (
    BotNotifier,
    Later,
    Notifier,
    NullNotifier,
    Sent,
    SlackRefused,
    SlackUnavailable,
    WebhookNotifier,
    attempt,
    notifier,
)
from scheduler.settings import Settings


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with fake_slack() as workspace:
        yield workspace


@pytest.fixture
def bot(slack: FakeSlack) -> BotNotifier:
    return BotNotifier(slack.token, "#ops", slack.api_url, timeout=1)


@pytest.fixture
def webhook(slack: FakeSlack) -> WebhookNotifier:
    return WebhookNotifier(slack.webhook_url, timeout=1)


@pytest.fixture(params=["bot", "webhook"])
def way(request: pytest.FixtureRequest, slack: FakeSlack) -> Notifier:
    slack.fault_of = "chat.postMessage" if request.param == "bot" else "webhook"
    chosen: Notifier = request.getfixturevalue(request.param)
    return chosen


def told(*runs: str, channel: str | None = "#data", on: tuple[str, ...] = ("failure", "recovery")) -> list[Alert]:
    story = Told(a_job(on, slack_channel=channel))
    for words in runs:
        story.ends(words)
    return story.alerts


def stored(alert: Alert, attempts: int = 1, channel: str | None = None, ts: str | None = None) -> StoredAlert:
    incident = Incident(alert.incident or "", "analytics", "hourly", "prod", NOON, channel=channel, thread_ts=ts)
    return StoredAlert(1, alert.key, alert.to_json(), NOON, attempts, incident)


class TestEitherWay:
    """What holds of the bot and of the webhook."""

    def test_every_kind_of_alert_is_within_slacks_limits(self, slack: FakeSlack, way: Notifier) -> None:
        huge = "fail " + " ".join(f"m{n}" for n in range(60)) + " " + " ".join(f"~b{n}" for n in range(900))
        alerts = told(huge, "fail a", "ok", "fail a")
        for alert in alerts:
            way.deliver(alert, None, maybe_sent=False)
        assert [m["text"] for m in slack.messages] == [alert.title for alert in alerts]
        assert all("blocks" in message for message in slack.messages), "none was refused and sent as text"

    @pytest.mark.parametrize(
        ("fault", "delay"), [(Fault.LIMITED, timedelta(seconds=7)), (Fault.BROKEN, None), (Fault.RESET, None)]
    )
    def test_what_passes_is_tried_again(
        self, slack: FakeSlack, way: Notifier, fault: Fault, delay: timedelta | None
    ) -> None:
        alert = told("fail a")[0]
        slack.faults = [fault]
        with pytest.raises(SlackUnavailable) as caught:
            way.deliver(alert, None, maybe_sent=False)
        assert caught.value.delay == delay
        assert len(slack.calls) == 1, "the SDK must not repeat by itself: it may have been posted"
        way.deliver(alert, None, maybe_sent=False)
        assert len(slack.messages) == 1

    def test_no_answer(self, slack: FakeSlack, way: Notifier) -> None:
        slack.faults = [Fault.SILENT]
        with pytest.raises(SlackUnavailable, match="no answer in time"):
            way.deliver(told("fail a")[0], None, maybe_sent=False)

    def test_nobody_there(self) -> None:
        nowhere = "http://127.0.0.1:1"
        for way in (BotNotifier("t", "#ops", nowhere + "/api/"), WebhookNotifier(nowhere + "/services/secret")):
            with pytest.raises(SlackUnavailable, match="no answer"):
                way.deliver(told("fail a")[0], None, maybe_sent=False)

    def test_a_layout_that_slack_does_not_take_is_sent_as_text(self, slack: FakeSlack, way: Notifier) -> None:
        alert = replace(told("fail a")[0], blocks=({"type": "novelty"},))
        way.deliver(alert, None, maybe_sent=False)
        assert "blocks" not in slack.messages[0]
        assert "shop.a" in slack.messages[0]["text"]

    def test_a_closing_line_needs_a_thread(self, slack: FakeSlack, way: Notifier) -> None:
        closing = told("fail a", "ok", on=("failure",))[1]
        assert way.deliver(closing, None, maybe_sent=False) is None
        assert slack.calls == []

    @pytest.mark.parametrize("fault", [*Fault, "invalid_token", "channel_not_found"])
    def test_no_secret_in_logs_and_messages(
        self, slack: FakeSlack, way: Notifier, fault: Fault | str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        slack.faults = [fault]
        outcome = attempt(way, stored(told("fail a")[0]))
        said = caplog.text + (outcome.reason if isinstance(outcome, Later) else "")
        assert "xoxb" not in said
        assert "secret" not in said


class TestBot:
    def test_one_incident_is_one_thread(self, slack: FakeSlack, bot: BotNotifier) -> None:
        thread = None
        for alert in told("fail a", "fail b", "ok", "fail a"):
            thread = bot.deliver(alert, thread, maybe_sent=False)
        assert [len(t) for t in slack.threads()] == [4]
        assert [m.get("reply_broadcast") for m in slack.messages] == [None, False, True, False]
        assert {m["channel"] for m in slack.messages} == {"C00000001"}

    def test_a_job_without_a_channel_uses_the_operators(self, slack: FakeSlack, bot: BotNotifier) -> None:
        bot.deliver(told("fail a", channel=None)[0], None, maybe_sent=False)
        assert slack.messages[0]["channel"] == "C00000002"

    def test_no_channel_at_all(self, slack: FakeSlack) -> None:
        bot = BotNotifier(slack.token, None, slack.api_url)
        with pytest.raises(SlackRefused, match=r"alerts\.slack_channel, or set MESHBOT_SLACK_CHANNEL"):
            bot.deliver(told("fail a", channel=None)[0], None, maybe_sent=False)

    @pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.SILENT_AFTER])
    @pytest.mark.parametrize("channel", ["#data", "C00000001"])
    def test_a_posting_that_ended_unknown_is_not_repeated(
        self, slack: FakeSlack, bot: BotNotifier, fault: Fault, channel: str
    ) -> None:
        alert, reply = told("fail a", "ok", channel=channel)
        slack.faults = [fault, fault]
        found = None
        for one in (alert, reply):
            thread = found
            with pytest.raises(SlackUnavailable):
                bot.deliver(one, thread, maybe_sent=False)
            found = bot.deliver(one, thread, maybe_sent=True)
        assert found
        assert [[m["metadata"]["event_payload"]["key"] for m in t] for t in slack.threads()] == [[alert.key, reply.key]]
        assert (found.channel, found.ts) == ("C00000001", slack.messages[0]["ts"])

    def test_a_posting_that_never_arrived_is_made(self, slack: FakeSlack, bot: BotNotifier) -> None:
        other, alert = told("fail a", "fail b")
        bot.deliver(other, None, maybe_sent=False)
        assert bot.deliver(alert, None, maybe_sent=True)
        assert len(slack.messages) == 2

    def test_it_is_found_behind_other_messages(self, slack: FakeSlack, bot: BotNotifier) -> None:
        slack.page = 2
        alert = told("fail a")[0]
        sent = bot.deliver(alert, None, maybe_sent=False)
        for _ in range(3):
            bot.deliver(told("fail b")[0], None, maybe_sent=False)
            slack.messages[-1]["metadata"] = {"event_type": "other", "event_payload": {"key": alert.key}}
        assert bot.deliver(alert, None, maybe_sent=True) == sent
        assert len(slack.messages) == 4

    def test_one_that_may_not_look_sends_again(
        self, slack: FakeSlack, bot: BotNotifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        slack.scopes -= {"channels:history"}
        assert bot.deliver(told("fail a")[0], None, maybe_sent=True)
        assert "may be there twice" in caplog.text
        assert len(slack.messages) == 1

    def test_one_that_cannot_look_now_waits(self, slack: FakeSlack, bot: BotNotifier) -> None:
        slack.fault_of, slack.faults = "conversations.history", [Fault.LIMITED]
        with pytest.raises(SlackUnavailable):
            bot.deliver(told("fail a", channel="C00000001")[0], None, maybe_sent=True)
        assert slack.messages == []

    def test_a_thread_that_was_deleted_begins_anew(self, slack: FakeSlack, bot: BotNotifier) -> None:
        first, second = told("fail a", "fail b")
        thread = bot.deliver(first, None, maybe_sent=False)
        slack.messages.clear()
        assert bot.deliver(second, thread, maybe_sent=False)
        assert len(slack.messages) == 1

    @pytest.mark.parametrize(
        ("fault", "remedy"),
        [
            ("invalid_auth", "MESHBOT_SLACK_BOT_TOKEN"),
            ("channel_not_found", "slack_channel"),
            ("not_in_channel", "invite the bot"),
            ("is_archived", "unarchive"),
            ("missing_scope", "chat:write"),
            ("restricted_action", "docs/reference/alerts.md"),
        ],
    )
    def test_what_a_person_must_mend(self, slack: FakeSlack, bot: BotNotifier, fault: str, remedy: str) -> None:
        slack.faults = [fault]
        with pytest.raises(SlackRefused, match=rf"posting alert \S+ to Slack channel #data: .*{fault}.*{remedy}"):
            bot.deliver(told("fail a")[0], None, maybe_sent=False)

    @pytest.mark.parametrize("fault", ["internal_error", "service_unavailable", "ratelimited", Fault.PAGE])
    def test_what_passes_by_itself(self, slack: FakeSlack, bot: BotNotifier, fault: Fault | str) -> None:
        slack.faults = [fault]
        with pytest.raises(SlackUnavailable):
            bot.deliver(told("fail a")[0], None, maybe_sent=False)

    def test_a_wrong_token(self, slack: FakeSlack) -> None:
        with pytest.raises(SlackRefused, match="invalid_auth"):
            BotNotifier("xoxb-wrong", "#ops", slack.api_url).deliver(told("fail a")[0], None, maybe_sent=False)

    def test_nothing_in_an_alert_calls_people(self, slack: FakeSlack, bot: BotNotifier) -> None:
        story = Told(a_job(slack_channel="#data"))
        story.ends("fail <!channel> <@U123> @here `x` a&b")
        bot.deliver(story.alerts[0], None, maybe_sent=False)
        assert "blocks" in slack.messages[0], "the fake refuses what is not escaped"
        shown = str([b for b in slack.messages[0]["blocks"] if "mrkdwn" in str(b)]) + slack.messages[0]["text"]
        assert "<!" not in shown
        assert "<@" not in shown
        assert "@here" not in shown


class TestWebhook:
    @pytest.mark.parametrize("fault", ["no_service", "invalid_token", "channel_is_archived"])
    def test_what_a_person_must_mend(self, slack: FakeSlack, webhook: WebhookNotifier, fault: str) -> None:
        slack.fault_of, slack.faults = "webhook", [fault]
        with pytest.raises(SlackRefused, match=rf"{fault}.*MESHBOT_SLACK_WEBHOOK_URL"):
            webhook.deliver(told("fail a")[0], None, maybe_sent=False)

    def test_no_threads(self, slack: FakeSlack, webhook: WebhookNotifier) -> None:
        for alert in told("fail a", "ok"):
            webhook.deliver(alert, None, maybe_sent=False)
        assert len(slack.threads()) == 2

    def test_a_url_that_is_none(self) -> None:
        with pytest.raises(SlackRefused, match="begin with https") as caught:
            WebhookNotifier("hooks.slack.com/services/secret").deliver(told("fail a")[0], None, maybe_sent=False)
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_without_slack_the_log_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    alert, closing = told("fail a", "ok", on=("failure",))
    for one in (alert, closing):
        NullNotifier().deliver(one, None, maybe_sent=False)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [("WARNING", alert.text)]


def test_the_settings_choose_the_way() -> None:
    token, url = {"slack_bot_token": "xoxb-1"}, {"slack_webhook_url": "https://hooks.slack.com/services/1"}
    assert isinstance(notifier(Settings(**token, **url)), BotNotifier)  # type: ignore[arg-type]
    assert isinstance(notifier(Settings(**url)), WebhookNotifier)  # type: ignore[arg-type]
    assert isinstance(notifier(Settings()), NullNotifier)


class TestAttempt:
    """What is written into the outbox after a sending."""

    def test_sent_says_where_the_thread_is(self, slack: FakeSlack, bot: BotNotifier) -> None:
        first, second = told("fail a", "ok")
        sent = attempt(bot, stored(first))
        assert sent == Sent("C00000001", slack.messages[0]["ts"])
        assert attempt(bot, stored(second, channel=sent.channel, ts=sent.thread_ts)) == sent
        assert len(slack.threads()) == 1

    def test_sent_without_threads(self, webhook: WebhookNotifier) -> None:
        assert attempt(webhook, stored(told("fail a")[0])) == Sent(None, None)

    def test_limited_waits_as_long_as_slack_asks_and_stops_the_round(self, slack: FakeSlack, bot: BotNotifier) -> None:
        slack.faults = [Fault.LIMITED]
        later = attempt(bot, stored(told("fail a")[0]))
        assert isinstance(later, Later)
        assert (later.delay, later.stop) == (timedelta(seconds=7), True)

    def test_down_waits_longer_each_time(self, slack: FakeSlack, bot: BotNotifier) -> None:
        slack.faults = [Fault.BROKEN]
        later = attempt(bot, stored(told("fail a", channel="C00000001")[0], attempts=4))
        assert isinstance(later, Later)
        assert (later.delay, later.stop) == (backoff(4), True)

    def test_refused_is_kept_logged_and_lets_others_pass(
        self, slack: FakeSlack, bot: BotNotifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        slack.faults = ["channel_not_found"]
        later = attempt(bot, stored(told("fail a")[0]))
        assert isinstance(later, Later)
        assert (later.delay, later.stop) == (backoff(1, refused=True), False)
        assert later.reason in caplog.text

    def test_a_second_attempt_looks_first(self, slack: FakeSlack, bot: BotNotifier) -> None:
        alert = told("fail a")[0]
        slack.faults = [Fault.RESET_AFTER]
        assert isinstance(attempt(bot, stored(alert, attempts=1)), Later)
        assert attempt(bot, stored(alert, attempts=2)) == Sent("C00000001", slack.messages[0]["ts"])
        assert len(slack.messages) == 1
