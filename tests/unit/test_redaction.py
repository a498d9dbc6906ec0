from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.launchers.redaction import CUT, LONGEST_LINE, Lines, Redactor

SECRET = 'p/w "1"+é%ü'  # noqa: S105 - of this test


def redacted(text: str | bytes, *secrets: str, size: int = 7) -> bytes:
    """Send a text through in pieces of `size` bytes."""
    raw = text if isinstance(text, bytes) else text.encode()
    lines = Lines(Redactor(secrets))
    out = [line for at in range(0, len(raw), size) for line in lines.feed(raw[at : at + size])]
    return b"".join([*out, *lines.close()])


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
    ],
)
def test_a_secret_is_hidden_in_every_form_in_which_it_is_printed(form: str) -> None:
    out = redacted(f"before {form} after\n", SECRET).decode()
    assert "***" in out
    assert form.strip("\"'") not in out
    assert out.startswith("before ")
    assert out.endswith(" after\n")


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_hidden_inside_base64(before: str, encode: object) -> None:
    form = encode(f"{before}{SECRET}xyz".encode())  # type: ignore[operator]
    assert b"***" in redacted(b"Authorization: Basic " + form + b"\n", SECRET)


def test_each_line_of_a_secret_of_several_lines_is_hidden() -> None:
    key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----\n"
    out = redacted(f"one\n{key}two\nx ijklmnop y\n", key)
    assert out == b"one\n***\n***\n***\n***\ntwo\nx *** y\n"


def test_a_secret_that_contains_another_is_hidden_whole() -> None:
    assert redacted("abcd abcdefgh\n", "abcd", "abcdefgh") == b"*** ***\n"


def test_a_short_secret_does_not_hide_every_word() -> None:
    assert redacted("a nation\n", "na", "") == b"a nation\n"


def test_nothing_changes_without_secrets() -> None:
    assert redacted(b'{"meshrun":1,"a":[1,  2]}\n\0\xff\n') == b'{"meshrun":1,"a":[1,  2]}\n\0\xff\n'


@pytest.mark.parametrize("secret", ["null", "1.25", "model", "failed", "a", '"error": "', "}"])
def test_no_secret_breaks_a_line_of_the_report(secret: str) -> None:
    line = {"meshrun": 1, "event": "model", "status": "failed", "rows": None, "seconds": 1.25, "error": f"bad {secret}"}
    out = json.loads(redacted(json.dumps(line) + "\n", secret))
    assert out["error"].startswith("b")
    assert secret not in out["error"].replace("bad", "")
    assert {**out, "error": ""} == {**line, "error": ""}


def test_a_secret_is_hidden_in_a_report_whatever_it_looks_like_there() -> None:
    line = json.dumps({"meshrun": 1, "event": "end", "error": f"login {SECRET} failed", "list": [{"x": SECRET}]})
    out = json.loads(redacted(line, SECRET))
    assert out["error"] == "login *** failed"
    assert out["list"] == [{"x": "***"}]


def test_a_long_line_is_cut_without_half_a_secret_at_its_end() -> None:
    secret = "0123456789abcdef"  # noqa: S105 - of this test
    for shift in range(len(secret) + 1):
        out = redacted("x" * (LONGEST_LINE - shift) + secret * 3 + "\nnext\n", secret, size=1 << 16)
        assert out.endswith((CUT + b"next\n", b"***\nnext\n"))
        assert b"0123" not in out


def test_a_line_that_never_ends_takes_bounded_memory() -> None:
    lines = Lines(Redactor(["secret"]))
    out = [line for _ in range(64) for line in lines.feed(b"y" * (1 << 17))]
    assert len(out) == 1
    assert len(lines._rest) <= LONGEST_LINE + 100
    assert [*lines.feed(b"\nnext\n")] == [b"next\n"]


@given(
    secret=st.text("ab/+ü\n", min_size=4, max_size=12).filter(lambda s: len(s.strip()) >= 4),
    before=st.binary(max_size=20),
    size=st.integers(1, 9),
)
def test_no_line_of_a_secret_comes_through(secret: str, before: bytes, size: int) -> None:
    out = redacted(before + b"\n[" + secret.encode() + b"]\n", secret, size=size)
    body = out.split(b"\n[", 1)[1] if b"\n[" in out else out
    for line in secret.splitlines():
        if len(line.strip().encode()) >= 4:
            assert line.strip().encode() not in body
