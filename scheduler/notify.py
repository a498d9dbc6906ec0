"""Sends an alert to Slack, and is the only door to slack_sdk.

A sending ends in one of three ways: sent; `SlackUnavailable`, which passes by itself; `SlackRefused`, which a person
must mend and whose message says how. The last two leave the alert in the outbox until it is sent. No message and no log
ever holds the token or the webhook's URL, so errors of the SDK, which may quote them, are not chained.

An alert whose earlier sending ended unknown (a timeout, a killed process) is looked for in Slack before it is sent
again, by the key that stands in the metadata of each message. A webhook cannot look, and may repeat one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException
from json import JSONDecodeError
from typing import Any, Protocol, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookClient, WebhookResponse

from scheduler.alerts import Alert, ThreadRef, backoff, escape
from scheduler.errors import Retryable, UserError
from scheduler.incidents import Incident, StoredAlert
from scheduler.settings import Settings

T = TypeVar("T")

EVENT = "meshbot_alert"
TIMEOUT = 8
"""Seconds for one call. All calls of one sending together stay below the minute for which an alert is handed out."""

_PAGES = 3
_CLOCK_SKEW = timedelta(minutes=10)
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_PASSES = {
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
    "team_added_to_org", "rollup_error",
}  # fmt: skip
_BAD_LAYOUT = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_payload"}
_NO_THREAD = {"thread_not_found", "message_not_found", "cannot_reply_to_message"}
_REMEDIES = {
    **dict.fromkeys(
        ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"),
        "set MESHBOT_SLACK_BOT_TOKEN to the bot token (xoxb-...) of a Slack app that is installed in the workspace",
    ),
    "channel_not_found": "correct the job's alerts.slack_channel or MESHBOT_SLACK_CHANNEL, or invite the bot there",
    "not_in_channel": "invite the bot into the channel",
    "is_archived": "unarchive the channel, or name another in the job's alerts.slack_channel or MESHBOT_SLACK_CHANNEL",
    "missing_scope": "give the Slack app the scope chat:write and install it again",
}
_WEBHOOK_REMEDY = "make a new incoming webhook and set MESHBOT_SLACK_WEBHOOK_URL to its URL"

# The SDK logs requests with their URL; this logger belongs to no tree and lets nothing through.
_SILENT = logging.Logger("silent", level=logging.CRITICAL + 1)  # noqa: LOG001 (on purpose, see above)
_log = logging.getLogger(__name__)


class SlackUnavailable(Retryable):
    """Slack cannot take it now. `delay` is how long Slack asks to wait, if it says so."""

    def __init__(self, message: str, delay: timedelta | None = None) -> None:
        super().__init__(message)
        self.delay = delay


class SlackRefused(UserError):
    """Slack will not take it until a person mends something."""


class Notifier(Protocol):
    """A way to tell people."""

    def deliver(self, alert: Alert, thread: ThreadRef | None, *, maybe_sent: bool) -> ThreadRef | None:
        """Send one alert, into its incident's thread when there is one; return where its thread is, if it has one.

        `maybe_sent` says that an earlier sending began and nobody knows how it ended. Raises `SlackUnavailable` and
        `SlackRefused`.
        """


@dataclass(frozen=True)
class Sent:
    """The alert was told. `channel` and `thread_ts` are its thread, where there are threads."""

    channel: str | None
    thread_ts: str | None


@dataclass(frozen=True)
class Later:
    """The alert stays in the outbox. `stop` says that other alerts would fare the same now."""

    delay: timedelta
    reason: str
    stop: bool


def notifier(settings: Settings) -> Notifier:
    """Choose how people are told: by bot, by webhook, or in the log only when Slack is not set up."""
    if settings.slack_bot_token is not None:
        return BotNotifier(settings.slack_bot_token.get_secret_value(), settings.slack_channel, settings.slack_api_url)
    if settings.slack_webhook_url is not None:
        return WebhookNotifier(settings.slack_webhook_url.get_secret_value())
    return NullNotifier()


def attempt(way: Notifier, stored: StoredAlert) -> Sent | Later:
    """Send one alert of the outbox and say what is to be written there."""
    alert = Alert.from_json(stored.payload)
    try:
        told = way.deliver(alert, _thread(stored.incident), maybe_sent=stored.attempts > 1)
    except SlackUnavailable as error:
        return Later(error.delay or backoff(stored.attempts), str(error), stop=True)
    except SlackRefused as error:
        _log.error("%s", error)
        return Later(backoff(stored.attempts, refused=True), str(error), stop=False)
    return Sent(told.channel, told.ts) if told else Sent(None, None)


def _thread(incident: Incident | None) -> ThreadRef | None:
    if incident is None or incident.channel is None or incident.thread_ts is None:
        return None
    return ThreadRef(incident.channel, incident.thread_ts)


class NullNotifier:
    """Tells the log, because no Slack is set up."""

    def deliver(self, alert: Alert, _thread: ThreadRef | None, *, maybe_sent: bool) -> None:
        """Log the alert's text once."""
        del maybe_sent
        if not alert.thread_only:
            _log.warning("%s", alert.text)


class WebhookNotifier:
    """Tells the one channel of an incoming webhook, without threads."""

    def __init__(self, url: str, *, timeout: int = TIMEOUT) -> None:
        self._client = WebhookClient(url, timeout=timeout, logger=_SILENT, retry_handlers=[])

    def deliver(self, alert: Alert, _thread: ThreadRef | None, *, maybe_sent: bool) -> None:
        """Post the alert; one whose earlier posting ended unknown may be there twice."""
        del maybe_sent
        if alert.thread_only:
            return
        doing = f"posting alert {alert.key} to the Slack webhook"
        response = self._send(doing, text=escape(alert.title), blocks=list(alert.blocks))
        if response.status_code == HTTPStatus.BAD_REQUEST and response.body.strip() in _BAD_LAYOUT:
            response = self._send(doing, text=escape(alert.text))
        if response.status_code == HTTPStatus.OK:
            return
        said = response.body.strip()[:100] if re.fullmatch(r"[a-z_]+", response.body.strip()) else "no reason"
        if _passes(response.status_code, said):
            raise SlackUnavailable(f"{doing}: Slack answered {response.status_code}", _delay(response.headers))
        raise SlackRefused(f"{doing}: Slack answered {response.status_code} ({said}); {_WEBHOOK_REMEDY}")

    def _send(self, doing: str, **body: Any) -> WebhookResponse:  # noqa: ANN401 (the SDK's own arguments)
        return _reach(doing, lambda: self._client.send(unfurl_links=False, unfurl_media=False, **body))


class BotNotifier:
    """Tells the channel of each job, one thread for each incident."""

    def __init__(self, token: str, channel: str | None, api_url: str, *, timeout: int = TIMEOUT) -> None:
        self._client = WebClient(token, base_url=api_url, timeout=timeout, logger=_SILENT, retry_handlers=[])
        self._channel = channel
        self._ids: dict[str, str] = {}

    def deliver(self, alert: Alert, thread: ThreadRef | None, *, maybe_sent: bool) -> ThreadRef | None:
        """Post the alert unless it is there; a reply goes where its thread is."""
        if alert.thread_only and thread is None:
            return None
        channel = thread.channel if thread else alert.channel or self._channel
        if channel is None:
            raise SlackRefused(
                f"posting alert {alert.key} to Slack: it names no channel; give the job alerts.slack_channel, "
                "or set MESHBOT_SLACK_CHANNEL"
            )
        doing = f"posting alert {alert.key} to Slack channel {channel}"
        try:
            found = self._find(doing, alert, channel, thread) if maybe_sent else None
        except SlackRefused as error:
            _log.warning("%s; it could not be looked for first, so it may be there twice", error)
            found = None
        return found or self._post(doing, alert, channel, thread)

    def _post(self, doing: str, alert: Alert, channel: str, thread: ThreadRef | None) -> ThreadRef:
        body: dict[str, Any] = {
            "channel": channel,
            "text": escape(alert.title),
            "blocks": list(alert.blocks),
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": EVENT, "event_payload": {"key": alert.key}},
        }
        if thread:
            body |= {"thread_ts": thread.ts, "reply_broadcast": alert.broadcast}
        answer = self._post_somehow(doing, alert, body)
        self._ids[channel] = answer["channel"]
        return thread if thread and "thread_ts" in body else ThreadRef(answer["channel"], answer["ts"])

    def _post_somehow(self, doing: str, alert: Alert, body: dict[str, Any]) -> SlackResponse:
        """Post; without the thread when that is gone, and in plain text when Slack does not take the layout."""
        while True:
            try:
                return _reach(doing, lambda: self._client.chat_postMessage(**body))
            except SlackApiError as error:
                fault = str(error.response.get("error"))
                if fault in _NO_THREAD and "thread_ts" in body:
                    del body["thread_ts"], body["reply_broadcast"]
                elif fault in _BAD_LAYOUT and "blocks" in body:
                    del body["blocks"]
                    body["text"] = escape(alert.text)
                else:
                    raise _fault(doing, error.response) from None

    def _find(self, doing: str, alert: Alert, channel: str, thread: ThreadRef | None) -> ThreadRef | None:
        """Look for the alert by its key among the messages since it was decided."""
        place = self._id(doing, channel)
        if place is None:
            return None
        oldest = f"{(alert.at - _CLOCK_SKEW).timestamp():.6f}"
        wanted: dict[str, Any] = {"channel": place, "oldest": oldest, "limit": 200, "include_all_metadata": True}
        method: Callable[..., SlackResponse] = self._client.conversations_history
        if thread:
            wanted, method = {**wanted, "ts": thread.ts}, self._client.conversations_replies
        for message in self._pages(doing, method, wanted, "messages"):
            metadata = message.get("metadata") or {}
            if metadata.get("event_type") == EVENT and metadata.get("event_payload", {}).get("key") == alert.key:
                return thread or ThreadRef(place, message["ts"])
        return None

    def _id(self, doing: str, channel: str) -> str | None:
        """Return a channel's id: Slack posts to a name, but reads by id only."""
        if _CHANNEL_ID.fullmatch(channel):
            return channel
        if channel not in self._ids:
            wanted = {"types": "public_channel,private_channel", "exclude_archived": True, "limit": 1000}
            for listed in self._pages(doing, self._client.conversations_list, wanted, "channels"):
                self._ids[f"#{listed['name']}"] = self._ids[listed["name"]] = listed["id"]
        return self._ids.get(channel)

    def _pages(
        self, doing: str, method: Callable[..., SlackResponse], wanted: dict[str, Any], items: str
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            try:
                page = _reach(doing, lambda: method(**wanted, **({"cursor": cursor} if cursor else {})))  # noqa: B023
            except SlackApiError as error:
                raise _fault(doing, error.response) from None
            found += page.get(items) or []
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return found


def _reach(doing: str, call: Callable[[], T]) -> T:
    """Make one call; raise `SlackUnavailable` when no answer came, and let an answer that is a fault pass."""
    try:
        return call()
    except SlackApiError:
        raise
    except TimeoutError:
        raise SlackUnavailable(f"{doing}: no answer in time") from None
    except (OSError, HTTPException, UnicodeError, JSONDecodeError) as error:
        raise SlackUnavailable(f"{doing}: no answer ({type(error).__name__})") from None
    except (SlackClientError, ValueError):
        raise SlackRefused(
            f"{doing}: its URL is no URL; MESHBOT_SLACK_WEBHOOK_URL and MESHBOT_SLACK_API_URL begin with https://"
        ) from None


def _fault(doing: str, response: SlackResponse) -> SlackUnavailable | SlackRefused:
    """Judge an answer that is not ok."""
    fault = str(response.get("error"))
    if _passes(response.status_code, fault) or not re.fullmatch(r"[a-z_]+", fault):
        return SlackUnavailable(f"{doing}: Slack answered {response.status_code}", _delay(response.headers))
    remedy = _REMEDIES.get(fault, "docs/reference/alerts.md says what Slack must allow")
    return SlackRefused(f"{doing}: Slack refuses ({fault}); {remedy}")


def _passes(status: int, fault: str) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or fault in _PASSES


def _delay(headers: Any) -> timedelta | None:  # noqa: ANN401 (a dict or an email.message.Message)
    seconds = str(headers.get("Retry-After") or "")
    return timedelta(seconds=min(int(seconds), 3_600)) if seconds.isdigit() else None
