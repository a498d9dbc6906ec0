"""Carries webhooks to the App: signed, in order, one at a time, and remembers how each was received.

The rule: as GitHub, it never tries again by itself. What goes wrong on the way is chosen by a test: deliveries may be
held and released in another order, doubled, or lost without a trace.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fakegithub.conformance import wrong_hook
from fakegithub.world import App, new_id

PATIENCE = 10.0
"""Seconds after which GitHub gives a receiver up."""


@dataclass
class Delivery:
    """One carrying of one webhook. A redelivery has another id and the same guid."""

    event: str
    payload: dict[str, Any]
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    id: int = field(default_factory=new_id)
    redelivery: bool = False
    delivered_at: datetime | None = None
    duration: float = 0.0
    status: str = ""
    status_code: int = 0
    answer: str = ""
    number: int = 0

    @property
    def action(self) -> str | None:
        return self.payload.get("action")

    @property
    def installation(self) -> int | None:
        return (self.payload.get("installation") or {}).get("id")

    @property
    def repository(self) -> int | None:
        return (self.payload.get("repository") or {}).get("id")

    def is_for(self, event: str, action: str | None = None) -> bool:
        return self.event == event and action in {None, self.action}


class Courier:
    """Sends deliveries from a thread of its own. `loses` and `doubles` say of each what becomes of it."""

    def __init__(self, app: App, now: Callable[[], datetime]) -> None:
        self.app = app
        self.now = now
        self.sent: list[Delivery] = []
        self.lost: list[Delivery] = []
        self.faults: list[str] = []
        self.loses: Callable[[Delivery], bool] = lambda _: False
        self.doubles: Callable[[Delivery], bool] = lambda _: False
        self._waiting: list[Delivery] = []
        self._busy = False
        self._held = False
        self._ended = False
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._run, daemon=True, name="github-webhooks")
        self._thread.start()

    def carry(self, event: str, payload: dict[str, Any]) -> None:
        self.faults += wrong_hook(event, payload)
        delivery = Delivery(event, json.loads(json.dumps(payload)), number=next(self._numbers))
        with self._changed:
            if self.loses(delivery):
                self.lost.append(delivery)
                return
            self._waiting.append(delivery)
            if self.doubles(delivery):
                self._waiting.append(replace(delivery, id=new_id(), redelivery=True))
            self._changed.notify_all()

    def again(self, delivery: Delivery) -> None:
        """Deliver once more, with the same guid."""
        with self._changed:
            self._waiting.append(replace(delivery, id=new_id(), redelivery=True))
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep what comes until `release`."""
        with self._changed:
            self._held = True

    def release(self, order: Callable[[list[Delivery]], list[Delivery]] = list) -> None:
        """Let go of what was held, in an order that the caller chooses."""
        with self._changed:
            self._waiting = order(self._waiting)
            self._held = False
            self._changed.notify_all()

    def settled(self) -> bool:
        """Whether everything that could be carried is carried."""
        with self._changed:
            return not self._busy and (self._held or not self._waiting or self.app.hook_url is None)

    def refused(self) -> list[Delivery]:
        """What the App could not take, and did not ask for again since."""
        latest = {one.guid: one for one in self.sent}
        return [one for one in latest.values() if one.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR]

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(PATIENCE + 5)

    def point(self, url: str | None) -> None:
        """Say where the App listens; until that is known, deliveries wait."""
        with self._changed:
            self.app.hook_url = url
            self._changed.notify_all()

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            self._send(delivery)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> Delivery | None:
        with self._changed:
            while not self._ended and (self._held or not self._waiting or self.app.hook_url is None):
                self._changed.wait()
            if self._ended:
                return None
            self._busy = True
            return self._waiting.pop(0)

    def _send(self, delivery: Delivery) -> None:
        delivery.delivered_at = began = self.now()
        body = json.dumps(delivery.payload).encode()
        try:
            delivery.status_code, delivery.answer = self._post(body, self.headers(delivery, body))
            delivery.status = http.client.responses.get(delivery.status_code, "")
        except TimeoutError:
            delivery.status_code, delivery.status = 504, "timed out"
        except (OSError, http.client.HTTPException):
            delivery.status_code, delivery.status = 502, "failed to connect to host"
        delivery.duration = round((self.now() - began).total_seconds(), 2)
        self.sent.append(delivery)

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        parts = urlsplit(self.app.hook_url or "")
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        try:
            connection.request("POST", parts.path or "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        """What GitHub sends beside the payload."""
        key = self.app.secret.encode()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": "292430182",
            "X-GitHub-Hook-Installation-Target-ID": str(self.app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
        }
