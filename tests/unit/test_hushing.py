"""No secret gets into a log, whether we know its value or only its form."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from bot.intake.hushing import STRUCK, hushed, told
from scheduler.settings import Settings

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
SETTINGS = Settings(
    github_private_key=SecretStr(KEY),
    github_webhook_secrets=SecretStr("first-secret, second-secret"),
    slack_bot_token=SecretStr("xoxb-1-very"),
)


@pytest.mark.parametrize("secret", ["first-secret", "second-secret", "xoxb-1-very", KEY])
def test_what_we_hold_is_struck_out(secret: str) -> None:
    assert hushed(f"it said {secret!s}: no", SETTINGS) == f"it said {STRUCK}: no"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("token ghs_16C7e42F292c6912E7710c838347Ae178B4a gone", f"token {STRUCK} gone"),
        ("github_pat_11ABCDEFG0abcdefghij", STRUCK),
        ("https://x-access-token:abc@github.com/a/b.git", f"https://{STRUCK}@github.com/a/b.git"),
        ("redis://:abc@valkey:6379/0", f"redis://{STRUCK}@valkey:6379/0"),
        ("Authorization: Bearer abc.def", f"Authorization: {STRUCK}"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln", STRUCK),
        (KEY, STRUCK),
        ("-----BEGIN PRIVATE KEY-----\nMIIEpAIB and no end", STRUCK),
    ],
)
def test_what_looks_like_one_is_struck_out(text: str, left: str) -> None:
    assert hushed(text) == left


@pytest.mark.parametrize("text", ["x://" + ":" * 60_000, "eyJ" * 20_000, "-----BEGIN " * 6_000])
def test_no_text_keeps_us_busy(text: str) -> None:
    began = time.process_time()
    hushed(text)
    assert time.process_time() - began < 2


def test_words_stay() -> None:
    text = "reading acme/analytics at 1a2b3c4d5e: 404 Not Found (https://api.github.com/repos/acme/analytics)"
    assert hushed(text, SETTINGS) == text


def test_a_traceback_keeps_none() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("first-secret")
    words = told(raised.value, SETTINGS)
    assert "Traceback" in words
    assert "'[secret]'" in words
