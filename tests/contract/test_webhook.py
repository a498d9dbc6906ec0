"""The door for webhooks, on real databases and a real Valkey: what is answered with 202 is kept, and once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from hooksamples import SECRET, body, kind_of, names, signed
from pydantic import SecretStr
from waiting import until
from werkzeug.test import TestResponse

from bot.events import WEBHOOK_PATH as PATH
from bot.intake.app import create_app
from bot.intake.webhook import LARGEST, Verdict
from scheduler.errors import UserError
from scheduler.queues import Queues
from scheduler.settings import Settings
from scheduler.store import Delivery, Store

OLD = "the-secret-before"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
COMMENT = body("issue_comment created", comment__body="/meshbot status")
HEADERS = {"Content-Type": "application/json"}


class GitHub:
    """What GitHub does at our door."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def deliver(
        self, content: bytes = COMMENT, kind: str = "issue_comment", guid: str = GUID, **headers: str
    ) -> TestResponse:
        given = {"X-GitHub-Event": kind, "X-GitHub-Delivery": guid, "X-Hub-Signature-256": signed(content)}
        return self.client.post(PATH, data=content, headers={**HEADERS, **given, **_dashed(headers)})

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.client.get("/healthz").json["deliveries"]  # type: ignore[index]
        return counts


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def settings(store_url: str, redis_url: str) -> Settings:
    return Settings(
        database_url=SecretStr(store_url),
        redis_url=SecretStr(redis_url),
        github_webhook_secrets=SecretStr(f"{SECRET}, {OLD}"),
    )


@contextmanager
def served(chosen: Settings) -> Iterator[GitHub]:
    app = create_app(chosen)
    yield GitHub(app.test_client())
    app.extensions["meshbot"]()


@pytest.fixture
def github(store: Store, store_url: str, valkey_url: str) -> Iterator[GitHub]:
    assert store.pending_count() == 0
    with served(settings(store_url, valkey_url)) as made:
        yield made


@pytest.fixture
def queues(valkey_url: str) -> Iterator[Queues]:
    made = Queues(valkey_url)
    yield made
    made.close()


def verdict(response: TestResponse) -> Verdict:
    """Say how a delivery was answered; the status code is the one of that answer."""
    assert response.json
    found = Verdict[response.json["status"].upper()]
    assert response.status_code == found.status
    assert response.json["message"]
    return found


def test_a_delivery_is_kept_as_it_came_and_its_inbox_queued(github: GitHub, store: Store, queues: Queues) -> None:
    assert verdict(github.deliver()) is Verdict.ACCEPTED
    kept = store.delivery(GUID)
    assert kept
    assert kept.payload.encode() == COMMENT
    assert (kept.kind, kept.handled_at, kept.attempts) == ("issue_comment", None, 0)
    until(lambda: queues.missing_inboxes([kept.inbox]) == [])
    assert store.inboxes(datetime.now(UTC), 10) == [kept.inbox]


def test_a_delivery_is_kept_once_also_when_it_comes_many_times_at_once(github: GitHub, store: Store) -> None:
    gate = threading.Barrier(8)

    def deliver(_: int) -> Verdict:
        gate.wait()
        return verdict(github.client.application.test_client().post(PATH, data=COMMENT, headers=_signed_headers()))

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(deliver, range(8)))
    assert sorted(said, key=lambda one: one.name) == [Verdict.ACCEPTED] + [Verdict.REPEATED] * 7
    assert store.pending_count() == 1


def _signed_headers() -> dict[str, str]:
    given = {"X-GitHub-Event": "issue_comment", "X-GitHub-Delivery": GUID, "X-Hub-Signature-256": signed(COMMENT)}
    return HEADERS | given


def test_the_same_comment_under_another_id_is_kept_once(github: GitHub, store: Store) -> None:
    assert verdict(github.deliver(guid="a")) is Verdict.ACCEPTED
    assert verdict(github.deliver(guid="b")) is Verdict.REPEATED
    assert store.delivery("b") is None


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=" + "0" * 64, signed(COMMENT).replace("sha256", "sha1"), signed(COMMENT, "guessed"),
     signed(COMMENT + b" "), signed(COMMENT).upper(), "x" * 10_000],
)  # fmt: skip
def test_what_is_not_signed_with_the_secret_is_refused(signature: str, github: GitHub, store: Store) -> None:
    assert verdict(github.deliver(X_Hub_Signature_256=signature)) is Verdict.UNSIGNED
    assert store.pending_count() == 0


def test_each_secret_is_good_while_it_is_changed(github: GitHub) -> None:
    assert verdict(github.deliver(X_Hub_Signature_256=signed(COMMENT, OLD))) is Verdict.ACCEPTED
    assert verdict(github.deliver()) is Verdict.REPEATED


def test_the_signature_is_over_the_bytes_and_not_over_what_they_mean(github: GitHub) -> None:
    spaced = json.dumps(json.loads(COMMENT), indent=4).encode()
    assert verdict(github.deliver(spaced, X_Hub_Signature_256=signed(COMMENT))) is Verdict.UNSIGNED
    assert verdict(github.deliver(spaced)) is Verdict.ACCEPTED


@pytest.mark.parametrize("secrets", [None, "", " , "])
def test_without_a_secret_it_does_not_start(secrets: str | None) -> None:
    with pytest.raises(UserError, match="MESHBOT_GITHUB_WEBHOOK_SECRETS"):
        create_app(Settings(github_webhook_secrets=SecretStr(secrets) if secrets is not None else None))


def test_what_is_not_acted_upon_is_well_received_and_counted(github: GitHub, store: Store) -> None:
    assert verdict(github.deliver(b"{}", kind="star")) is Verdict.UNKNOWN
    assert verdict(github.deliver(b"{}", kind="meshbot")) is Verdict.UNKNOWN  # nobody wishes in our name
    assert verdict(github.deliver(body("ping"), kind="ping")) is Verdict.IGNORED
    assert verdict(github.deliver(body("push", ref="refs/tags/v1"), kind="push")) is Verdict.IGNORED
    assert verdict(github.deliver(body("push", ref="refs/heads/feature"), kind="push")) is Verdict.IGNORED
    assert verdict(github.deliver(body("issue_comment created"))) is Verdict.IGNORED  # people among themselves
    assert github.counts() == {"unknown": 2, "ignored": 4}
    assert store.pending_count() == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"action": "created"}', b"\xff", b"[" * 100_000])
def test_what_is_malformed_is_told_so_and_burns_no_id(content: bytes, github: GitHub) -> None:
    assert verdict(github.deliver(content)) is Verdict.MALFORMED
    assert verdict(github.deliver()) is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "headers", [{"X_GitHub_Event": ""}, {"X_GitHub_Delivery": ""}, {"X_GitHub_Delivery": "heal:1"}]
)
def test_what_has_no_name_or_one_of_ours_is_malformed(headers: dict[str, str], github: GitHub) -> None:
    assert verdict(github.deliver(**headers)) is Verdict.MALFORMED


def test_a_form_is_told_what_to_change(github: GitHub) -> None:
    content = b"payload=%7B%7D"
    response = github.deliver(content, Content_Type="application/x-www-form-urlencoded")
    assert verdict(response) is Verdict.FORM
    assert "application/json" in response.json["message"]  # type: ignore[index]


def test_what_is_too_large_is_refused(github: GitHub) -> None:
    assert verdict(github.deliver(b" " * (LARGEST + 1))) is Verdict.TOO_LARGE
    assert verdict(github.deliver(COMMENT + b" " * (LARGEST - len(COMMENT)))) is Verdict.ACCEPTED


def test_nothing_that_github_sends_is_refused(github: GitHub) -> None:
    said = {name: github.deliver(body(name), kind=kind_of(name), guid=f"example-{n}") for n, name in enumerate(names())}
    answers = {name: verdict(response) for name, response in said.items()}
    assert set(answers.values()) == {Verdict.ACCEPTED, Verdict.IGNORED}
    assert answers["push"] is Verdict.IGNORED  # the example is a tag


@pytest.mark.parametrize("words", ["\\u0000", "\\ud800", "\U0001f600", "\\u202e\\u0007"])
def test_any_character_in_a_comment_can_be_kept(words: str, github: GitHub) -> None:
    content = COMMENT.replace(b'"body": "', f'"body": "{words}'.encode())
    assert content != COMMENT
    assert verdict(github.deliver(content)) is Verdict.ACCEPTED


def test_a_delivery_that_cannot_be_stored_is_not_burnt(
    github: GitHub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler.errors import Retryable

    def fail(_self: Store, _arrived: Sequence[Delivery]) -> list[bool]:
        raise Retryable("writing to Meshbot's database: gone")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "receive_all", fail)
        assert verdict(github.deliver()) is Verdict.NOT_STORED
    assert verdict(github.deliver()) is Verdict.ACCEPTED
    assert store.pending_count() == 1


def test_what_the_database_cannot_take_takes_no_other_with_it(
    github: GitHub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries that arrive together are written together; one that fails in an unforeseen way fails alone."""
    real, gate = Store.receive_all, threading.Barrier(6)

    def picky(self: Store, arrived: Sequence[Delivery]) -> list[bool]:
        if any(one.id == "bad" for one in arrived):
            raise ValueError("the driver says something new")
        return real(self, arrived)

    monkeypatch.setattr(Store, "receive_all", picky)

    def deliver(guid: str) -> int:
        client = GitHub(github.client.application.test_client())
        client.client.application.config["PROPAGATE_EXCEPTIONS"] = False
        gate.wait()
        return client.deliver(body("push", ref="refs/heads/master"), kind="push", guid=guid).status_code

    with ThreadPoolExecutor(6) as pool:
        said = dict(
            zip(["a", "bad", "c", "d", "e", "f"], pool.map(deliver, ["a", "bad", "c", "d", "e", "f"]), strict=True)
        )
    assert said == {**dict.fromkeys("acdef", 202), "bad": 503}
    assert store.pending_count() == 5


def test_a_database_that_is_not_there_is_said_and_found_again(store_url: str, valkey_url: str) -> None:
    with served(settings(store_url, valkey_url)) as github:
        assert verdict(github.deliver()) is Verdict.NOT_STORED  # not migrated
        assert github.client.get("/readyz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert github.client.get("/healthz").status_code == HTTPStatus.OK
        fresh = Store(store_url)
        fresh.migrate()
        fresh.close()
        assert verdict(github.deliver()) is Verdict.ACCEPTED
        assert github.client.get("/readyz").json["status"] == "ready"  # type: ignore[index]


def test_a_queue_that_is_out_of_reach_loses_nothing(store: Store, store_url: str) -> None:
    with served(settings(store_url, "redis://127.0.0.1:9/0")) as github:
        assert verdict(github.deliver()) is Verdict.ACCEPTED
        assert store.pending_count() == 1
        ready = github.client.get("/readyz")
    assert ready.status_code == HTTPStatus.OK
    assert ready.json["queue"].startswith("out of reach")  # type: ignore[index]


@pytest.mark.parametrize(
    ("method", "path"), [("get", PATH), ("post", "/"), ("get", "/github/x?token=abc"), ("put", "/healthz")]
)
def test_there_is_nothing_else(method: str, path: str, github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="bot"):
        ask: Callable[..., TestResponse] = getattr(github.client, method)
        assert ask(path).status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    assert "token" not in caplog.text
    assert "elsewhere" in caplog.text


def test_neither_payload_nor_secret_is_logged(github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    content = body("issue_comment created", comment__body="/meshbot run daily ghs_0123456789abcdef")
    with caplog.at_level("DEBUG", logger="bot"):
        github.deliver(content)
        github.deliver(content, X_Hub_Signature_256=signed(content, "guessed"))
    assert "ghs_" not in caplog.text
    assert SECRET not in caplog.text
    assert signed(content)[7:] not in caplog.text
