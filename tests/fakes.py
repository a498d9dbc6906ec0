"""Stateful fakes of services that no wheel brings: real servers, spoken to by the real clients over HTTP."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


class Fault(Enum):
    """What goes wrong with one call. The `AFTER` ones happen when the message is posted already."""

    LIMITED = auto()
    BROKEN = auto()
    PAGE = auto()
    SILENT = auto()
    SILENT_AFTER = auto()
    RESET = auto()
    RESET_AFTER = auto()


@dataclass
class FakeSlack:
    """A workspace with channels, a bot and a webhook. `faults` meet the next calls of `fault_of`, one each."""

    token: str = "xoxb-secret-token"  # noqa: S105 (the fake's own)
    hook: str = "/services/T00000000/B00000000/secrethook"
    url: str = ""
    channels: dict[str, str] = field(default_factory=lambda: {"C00000001": "data", "C00000002": "ops"})
    closed: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=lambda: {"chat:write", "channels:read", "channels:history"})
    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    faults: list[Fault | str] = field(default_factory=list)
    fault_of: str = "chat.postMessage"
    page: int = 100
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def webhook_url(self) -> str:
        return self.url + self.hook

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def threads(self) -> list[list[dict[str, Any]]]:
        """Return the conversations: each a first message and its replies."""
        roots = [m for m in self.messages if "thread_ts" not in m]
        return [[r, *(m for m in self.messages if m.get("thread_ts") == r["ts"])] for r in roots]

    def fault(self, method: str) -> Fault | str | None:
        return self.faults.pop(0) if self.faults and method == self.fault_of else None

    def answer(self, method: str, token: str | None, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of the Web API as Slack does: always with `ok`, and with `error` when it is not."""
        if token != f"Bearer {self.token}":
            return {"ok": False, "error": "invalid_auth"}
        needed = {"chat.postMessage": "chat:write", "conversations.list": "channels:read"}
        if (scope := needed.get(method, "channels:history")) not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": scope}
        match method:
            case "chat.postMessage":
                return self._post(body)
            case "conversations.list":
                return self._list(body)
            case "conversations.history" | "conversations.replies":
                return self._read(method, body)
            case _:
                return {"ok": False, "error": "unknown_method"}

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        names = {f"#{name}": channel for channel, name in self.channels.items()}
        channel = names.get(body["channel"], body["channel"])
        if channel not in self.channels:
            return {"ok": False, "error": "channel_not_found"}
        if channel in self.closed:
            return {"ok": False, "error": "is_archived"}
        if wrong := wrong_layout(body):
            return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": [wrong]}}
        if "thread_ts" in body and not any(m["ts"] == body["thread_ts"] for m in self.messages):
            return {"ok": False, "error": "thread_not_found"}
        message = {**body, "channel": channel, "ts": f"{next(_seconds)}.000100"}
        self.messages.append(message)
        return {"ok": True, "channel": channel, "ts": message["ts"], "message": {"text": body["text"]}}

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        listed = [{"id": channel, "name": name} for channel, name in self.channels.items()]
        return self._paged("channels", listed, body)

    def _read(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["channel"] not in self.channels:
            return {"ok": False, "error": "channel_not_found"}  # as Slack: a name is none
        found = [m for m in self.messages if m["channel"] == body["channel"]]
        if method == "conversations.replies":
            found = [m for m in found if body["ts"] in {m.get("thread_ts"), m["ts"]}]
        else:
            found = [m for m in found if "thread_ts" not in m][::-1]
        found = [m for m in found if float(m["ts"]) >= float(body.get("oldest", 0))]
        if body.get("include_all_metadata") not in {"1", True}:
            found = [{k: v for k, v in m.items() if k != "metadata"} for m in found]
        return self._paged("messages", found, body)

    def _paged(self, items: str, found: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        first = int(body.get("cursor") or 0)
        last = first + min(self.page, int(body.get("limit", 100)))
        cursor = str(last) if last < len(found) else ""
        return {"ok": True, items: found[first:last], "response_metadata": {"next_cursor": cursor}}


def wrong_layout(body: dict[str, Any]) -> str | None:
    """Say what in a message Slack would refuse: its Block Kit limits, as its reference states them."""
    if not body.get("text"):
        return "text is what notifications show"
    blocks = body.get("blocks", [])
    if len(blocks) > 50:
        return "more than 50 blocks"
    return next((wrong for block in blocks if (wrong := _wrong_block(block))), None)


def _wrong_block(block: dict[str, Any]) -> str | None:
    text: dict[str, Any]
    fields: list[dict[str, Any]]
    text, fields = block.get("text", {}), block.get("fields", [])
    match block["type"]:
        case "header" if text.get("type") == "plain_text":
            return None if 0 < len(text["text"]) <= 150 else "a header has 1 to 150 characters"
        case "section" if fields and not text:
            if len(fields) > 10:
                return "a section has 1 to 10 fields"
            return next((wrong for one in fields if (wrong := _wrong_text(one, 2000))), None)
        case "section" if text:
            return _wrong_text(text, 3000)
        case _:
            return f"no such block: {block}"


def _wrong_text(text: dict[str, Any], limit: int) -> str | None:
    if not 0 < len(text["text"]) <= limit:
        return f"a text has 1 to {limit} characters"
    if text["type"] == "mrkdwn" and re.search(r"[<>]|&(?!(?:amp|lt|gt);)", text["text"]):
        return f"unescaped: {text['text']}"
    return None


class _Handler(BaseHTTPRequestHandler):
    slack: FakeSlack

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        method = "webhook" if self.path == self.slack.hook else self.path.removeprefix("/api/")
        self.slack.calls.append(method)
        fault = self.slack.fault(method)
        if fault in {Fault.RESET, Fault.SILENT}:
            return self._vanish(fault)
        if fault in {Fault.LIMITED, Fault.BROKEN, Fault.PAGE}:
            return self._fail(fault)
        status, answer = self._webhook(raw, fault) if method == "webhook" else self._api(method, raw, fault)
        if fault in {Fault.RESET_AFTER, Fault.SILENT_AFTER}:
            return self._vanish(fault)
        return self._say(status, answer)

    def _api(self, method: str, raw: bytes, fault: Fault | str | None) -> tuple[int, str]:
        if isinstance(fault, str):
            return 200, json.dumps({"ok": False, "error": fault})
        is_json = "json" in self.headers["Content-Type"]
        body = json.loads(raw) if is_json else dict(parse_qsl(raw.decode()))
        return 200, json.dumps(self.slack.answer(method, self.headers["Authorization"], body))

    def _webhook(self, raw: bytes, fault: Fault | str | None) -> tuple[int, str]:
        if isinstance(fault, str):
            return {"no_service": 404, "invalid_token": 403, "channel_is_archived": 410}.get(fault, 400), fault
        body = json.loads(raw)
        if wrong_layout(body):
            return 400, "invalid_blocks"
        self.slack.messages.append({**body, "channel": "C00000001", "ts": f"{next(_seconds)}.000100"})
        return 200, "ok"

    def _fail(self, fault: Fault | str | None) -> None:
        match fault:
            case Fault.LIMITED:
                self._say(429, json.dumps({"ok": False, "error": "ratelimited"}), {"Retry-After": "7"})
            case Fault.BROKEN:
                self._say(500, "<html>upstream</html>")
            case _:
                self._say(200, "<html>please log in to the proxy</html>")

    def _vanish(self, fault: Fault | str | None) -> None:
        if fault in {Fault.SILENT, Fault.SILENT_AFTER}:
            self.slack.released.wait(20)
        self.close_connection = True

    def _say(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        data = text.encode()
        self.send_header("Content-Type", "text/html" if text.startswith("<") else "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal of the tests."""


@contextlib.contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """Run a fake workspace on a free port of this machine."""
    slack = FakeSlack()
    handler = type("Handler", (_Handler,), {"slack": slack})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        slack.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield slack
        finally:
            slack.released.set()
            server.shutdown()
            thread.join()


_seconds = itertools.count(2_000_000_000)  # later than anything that a test decides
