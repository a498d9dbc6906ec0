"""Where GitHub's webhooks arrive: verify, parse, have it stored and queued, answer. No work is done here.

The rule: what is answered with 202 is in the database. Nothing in a delivery is answered with a 5xx; that means only
that it could not be stored, and its id is not used up.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from bot import deliveries, events
from bot.events import Malformed
from bot.intake.hushing import hushed
from bot.intake.scribe import Scribe
from scheduler.errors import MeshbotError
from scheduler.store import Delivery

LARGEST = 25 * 1024 * 1024
"""GitHub sends no larger payload."""

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_log = logging.getLogger("bot.intake.webhook")


class Verdict(Enum):
    """What becomes of a delivery at the door: its status code, and what is said of it."""

    ACCEPTED = 202, "stored; it is handled in a moment"
    REPEATED = 200, "it was received before; nothing is done twice"
    IGNORED = 200, "nothing is to be done about it"
    UNKNOWN = 200, "Meshbot does not act upon events of this kind; the App need not subscribe to them"
    UNSIGNED = 401, "it is not signed with the webhook secret; set the same one on the App and in Meshbot"
    MALFORMED = 400, "it is not what GitHub sends"
    FORM = 415, "it is a form; set the content type of the App's webhook to application/json"
    TOO_LARGE = 413, "it is larger than 25 MiB"
    NOT_STORED = 503, "it could not be stored; deliver it again"

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return int(self.value[0])

    @property
    def words(self) -> str:
        """What is said."""
        return str(self.value[1])


@dataclass(frozen=True)
class Door:
    """Takes deliveries in. `secrets` are all that a signature may be made with; `counts` is of this process."""

    scribe: Scribe
    secrets: tuple[bytes, ...]
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    counts: Counter[str] = field(default_factory=Counter)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def blueprint(self) -> Blueprint:
        """Make the part of the web application that GitHub talks to."""
        made = Blueprint("webhook", __name__)
        made.post(events.WEBHOOK_PATH)(self._receive)
        return made

    def _receive(self) -> tuple[Response, int]:
        verdict, why = self._judge()
        with self.guard:
            self.counts[verdict.name.lower()] += 1
        if verdict.status >= 400:  # noqa: PLR2004 - where HTTP's faults begin
            _log.warning("a delivery was refused with %d: %s", verdict.status, hushed(why or verdict.words))
        return jsonify(status=verdict.name.lower(), message=why or verdict.words), verdict.status

    def _judge(self) -> tuple[Verdict, str]:
        given = _SIGNATURE.fullmatch(request.headers.get("X-Hub-Signature-256", ""))
        if given is None:  # not even read
            return Verdict.UNSIGNED, ""
        try:
            body = request.get_data(cache=False)
        except HTTPException as error:
            return (Verdict.TOO_LARGE if error.code == Verdict.TOO_LARGE.status else Verdict.MALFORMED), ""
        if not is_signed(body, given[1], self.secrets):
            return Verdict.UNSIGNED, ""
        if request.mimetype == "application/x-www-form-urlencoded":
            return Verdict.FORM, ""
        kind, name = request.headers.get("X-GitHub-Event", ""), request.headers.get("X-GitHub-Delivery", "")
        if not kind or not _ID.fullmatch(name):
            return Verdict.MALFORMED, "X-GitHub-Event or X-GitHub-Delivery is missing"
        return self._take_in(kind, name, body)

    def _take_in(self, kind: str, name: str, body: bytes) -> tuple[Verdict, str]:
        if kind not in events.KNOWN:
            return Verdict.UNKNOWN, ""
        try:
            event = events.parse(kind, body)
        except Malformed as error:
            return Verdict.MALFORMED, str(error)
        if event is None or not events.concerns_us(event):
            return Verdict.IGNORED, ""
        return self._store(deliveries.received(name, kind, event, body.decode(), self.now()))

    def _store(self, delivery: Delivery) -> tuple[Verdict, str]:
        try:
            is_new = self.scribe.keep(delivery)
        except MeshbotError as error:
            _log.error("storing %s %s: %s", delivery.kind, delivery.id, hushed(str(error)))
            return Verdict.NOT_STORED, ""
        return (Verdict.ACCEPTED if is_new else Verdict.REPEATED), ""


def is_signed(body: bytes, signature: str, secrets: tuple[bytes, ...]) -> bool:
    """Say whether `signature` (hex) was made of these bytes with one of the secrets; all take the same time."""
    made = [hmac.new(secret, body, hashlib.sha256).hexdigest() for secret in secrets]
    return any([hmac.compare_digest(one, signature) for one in made])  # noqa: C419 - every one is compared
