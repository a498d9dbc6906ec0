"""Which lines of a comment are commands, and how they are read."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from bot_samples import FACTS, NOW
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops import actions as do
from bot.chatops.lines import MOST, commands
from bot.chatops.parser import parse
from bot.chatops.registry import IN_COMMENTS, find_command
from bot.errors import UsageFault


def decide(line: str) -> do.Action | do.PullAction:
    request = parse(line, NOW, IN_COMMENTS)
    return find_command(request.command, IN_COMMENTS).decide(request, FACTS, NOW).action


def found(body: str) -> list[tuple[int, str]]:
    return [(one.line, one.text) for one in commands(body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/meshbot run a", [(0, "run a")]),
        ("   /meshbot run a  ", [(0, "run a")]),
        ("Please:\n/meshbot run a\nand then\n/meshbot status", [(1, "run a"), (3, "status")]),
        ("/meshbot run a\r\n/meshbot run b\r/meshbot run c", [(0, "run a"), (1, "run b"), (2, "run c")]),
        ("/MeshBot Run a", [(0, "Run a")]),
        ("/meshbot", [(0, "")]),
        ("/meshbot\u00a0run a", [(0, "run a")]),
        ("/meshbot run a\n---", [(0, "run a")]),
        ("- done\n/meshbot run a", [(1, "run a")]),
        ("> a quote\n\n/meshbot run a", [(2, "run a")]),
        ("```\ncode\n```\n/meshbot run a", [(3, "run a")]),
        ("<details>\n\nold\n\n</details>\n\n/meshbot run a", [(6, "run a")]),
        ("<!-- write below -->\n\n/meshbot run a", [(2, "run a")]),
        ("<!-- no <details> please -->\n\n/meshbot run a", [(2, "run a")]),
        ("see `code\n/meshbot run x` here\n/meshbot run a", [(2, "run a")]),
        ("a\n    /meshbot run a", []),
        ('/meshbot set a schedule="*/15 * * * *"', [(0, 'set a schedule="*/15 * * * *"')]),
        ("\\<!--\n/meshbot run a\n-->", [(1, "run a")]),
        ("\ue000\n/meshbot run a", [(1, "run a")]),
    ],
)
def test_commands_stand_at_the_start_of_a_line(body: str, expected: list[tuple[int, str]]) -> None:
    assert found(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "please /meshbot run a",
        "- /meshbot run a",
        "> /meshbot run a",
        "> a quote\n/meshbot run a",  # as GitHub shows it, the quote goes on
        "> > deeper\n/meshbot run a",
        "    /meshbot run a",
        "\t/meshbot run a",
        "```\n/meshbot run a\n```",
        "```\n/meshbot run a",
        "~~~ text\n/meshbot run a\n~~~",
        "````\n```\n/meshbot run a\n````",
        "- ```\n  /meshbot run a\n  ```",
        "1. one\n\n   ```\n   /meshbot run a\n   ```",
        "`a\n/meshbot run a`",
        "<!--\n/meshbot run a\n-->",
        "<!--\n/meshbot run a",
        "a <!--\n/meshbot run a\n-->",
        "<details>\n<summary>log</summary>\n\n/meshbot run a\n\n</details>",
        "<blockquote>\n\n/meshbot run a\n\n</blockquote>",
        "<pre>\n/meshbot run a\n</pre>",
        "a <code>\n/meshbot run a\n</code>",
        "<div>\n/meshbot run a\n</div>",
        "/meshbotrun a",
        "/meshbot-run a",
        "/meshbоt run a",  # noqa: RUF001 - a Cyrillic letter
        "\uff0fmeshbot run a",
        "/mesh\u200bbot run a",
        "/meſhbot run a",  # noqa: RUF001 - a long s
        "\u200b/meshbot run a",
        "[x]:\n/meshbot",  # where a link leads
        "",
    ],
)
def test_what_is_quoted_or_code_or_in_other_letters_is_no_command(body: str) -> None:
    assert found(body) == []


def test_a_comment_has_so_many_commands_at_most() -> None:
    assert len(commands("/meshbot status\n" * 50)) == MOST + 1


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("pause hourly 2h the warehouse isn't there", ("the warehouse isn't there", NOW + timedelta(hours=2))),
        ("pause hourly 2026-02-01 an upgrade", ("an upgrade", NOW.replace(month=2, day=1, hour=0, minute=0))),
        ("pause hourly an upgrade", ("an upgrade", None)),
        ("pause hourly \u201can upgrade\u201d", ("an upgrade", None)),
        ("pause hourly \u2014until 2h it\u2019s late", ("it's late", NOW + timedelta(hours=2))),
        ("pause hourly --reason=\u2018an upgrade\u2019", ("an upgrade", None)),
        ("pause hourly", ("no reason was given", None)),
    ],
)
def test_a_pause_is_written_as_it_is_spoken(line: str, action: tuple[str, object]) -> None:
    decided = decide(line)
    assert isinstance(decided, do.PauseJob)
    assert (decided.reason, decided.until) == action


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("accept", do.AcceptProposal()),
        ("accept hourly daily hourly", do.AcceptProposal(("hourly", "daily"))),
        (
            'set hourly schedule="*/30 * * * *" owner=',
            do.SetKeys("hourly", (("schedule", "*/30 * * * *"), ("owner", None))),
        ),
        ("set a/b 'description=what it is'", do.SetKeys("a/b", (("description", "what it is"),))),
        ("set hourly schedule=\u201c0 * * * *\u201d", do.SetKeys("hourly", (("schedule", "0 * * * *"),))),
        ("merge", do.MergePull()),
        ("ok-to-test", do.TrustHead()),
        ("OK-to-test 1A2B3C4D5E6F", do.TrustHead("1a2b3c4d5e6f")),
        ("generate", do.ProposeHere()),
        ("diff analytics", do.CompareHere("analytics")),
        ("validate", do.CheckHere()),
        ("graph", do.DrawHere()),
    ],
)
def test_commands_about_a_pull_request(line: str, action: do.PullAction) -> None:
    assert decide(line) == action


@pytest.mark.parametrize(
    ("line", "full"),
    [
        ("run", "run analytics/hourly"),
        ("run --start 2026-01-01", "run analytics/hourly --start 2026-01-01"),
        ("run marketing/daily", "run marketing/daily"),
        ("pause 2h an upgrade", "pause analytics/hourly 2h an upgrade"),
        ("set timeout=2h", "set analytics/hourly timeout=2h"),
        ("accept", "accept analytics/hourly"),
        ("status", "status analytics/hourly"),
        ("jobs", "jobs"),
        ("logs a-b-20260131t0600", "logs a-b-20260131t0600"),
    ],
)
def test_on_the_lines_of_a_job_it_need_not_be_named(line: str, full: str) -> None:
    assert parse(line, NOW, IN_COMMENTS, "analytics/hourly") == parse(full, NOW, IN_COMMENTS)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run hourly --wait", "'--wait' is no option of it"),
        ("logs a-b-c --follow", "it has no options"),
        ("generate . --write", "'--write' is no option"),
        ("generate a b", "'b' is one too many"),
        ("acept", "did you mean accept?"),
        ("runn hourly", "did you mean run"),
        ("r\u200bun hourly", "there is none"),
        ("run \uff48ourly", "is no name"),
        ("run --flag=../../x", "'--flag' is no option"),
        ("run hourly;rm", "is no name"),
        ("run $(id)", "is no name"),
        ("set hourly schedule", "sets nothing; write key=value"),
        ("set hourly scheduel=1", "did you mean schedule?"),
        ("set hourly secrets=A", "'secrets' cannot be set here"),
        ("set hourly owner=a owner=b", "owner is given twice"),
        ("set hourly", "KEY=VALUE ... is missing"),
        ("ok-to-test please", "is no commit id"),
        ("ok-to-test 1a2b3c4", "its first 12 digits"),
        ("merge now", "'now' is one too many"),
        ("pause hourly 2h why --reason why", "the reason is given twice"),
        ('pause hourly "an upgrade', "close the quote"),
        ('pause hourly "an"upgrade', "put a space behind it"),
        ("run hourly --start 0001-01-01T00:00+23:00", "is no moment"),
    ],
)
def test_what_is_not_plainly_right_is_refused_with_what_to_write(line: str, words: str) -> None:
    with pytest.raises(UsageFault) as caught:
        decide(line)
    assert words in str(caught.value)


WORDS = [
    *(command.name for command in IN_COMMENTS),
    "--start",
    "hourly",
    '"',
    "'",
    "=",
    "2h",
    "\u2014",
    "*",
    "schedule=",
]
LINES = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=6).map(" ".join)


@given(LINES)
def test_any_line_is_a_request_or_refused(line: str) -> None:
    with suppress(UsageFault):
        assert parse(line, NOW, IN_COMMENTS, "analytics/hourly").command


COMMAND = "/meshbot run a"
SAFE = st.text("abc *_[]()!#-.1\\&~|", max_size=20)
HIDDEN = st.sampled_from(
    [
        f"> {COMMAND}",
        f"> words\n{COMMAND}",
        f"```\n{COMMAND}\n```",
        f"~~~~\n~~~\n{COMMAND}\n~~~~",
        f"    {COMMAND}",
        f"<!--\n{COMMAND}\n-->",
        f"<pre>\n{COMMAND}\n</pre>",
        f"<details>\n\n{COMMAND}\n\n</details>",
        f"<blockquote>\n\n{COMMAND}\n\n</blockquote>",
        f"words {COMMAND}",
    ]
)


@given(st.lists(HIDDEN | SAFE | st.just("/meshbot status"), max_size=8))
def test_no_command_is_ever_taken_from_quotes_or_code(blocks: list[str]) -> None:
    assert {one.text for one in commands("\n\n".join(blocks))} <= {"status"}


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["<", "!--", "`", "\n", "/meshbot x", "> ", "-->", "&"])).map("".join)
)
def test_any_text_is_read(body: str) -> None:
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in commands(body):
        assert lines[one.line].lstrip(" ")[:8].lower() == "/meshbot"
