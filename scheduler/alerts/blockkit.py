"""A message as Slack's Block Kit: within Slack's limits, and with everything that came from outside made inert.

Sentences of ours are `plain_text`, which Slack never parses. Names and errors stand in code, where only `&`, `<`, `>`
and the backtick mean something. So a model called `@channel` or an error that holds `<!here>` calls nobody.
"""

from __future__ import annotations

import re
from typing import Any, assert_never

from scheduler.alerts.message import Command, Message, Part, Quote, Words

# https://docs.slack.dev/reference/block-kit/blocks
HEADER_LIMIT = 150
SECTION_LIMIT = 3_000
FIELD_LIMIT = 2_000
FIELDS_LIMIT = 10
BLOCKS_LIMIT = 50

_CALLS = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$")
_WORD_JOINER = "\u2060"


def blocks(message: Message) -> tuple[dict[str, Any], ...]:
    """Lay a message out as blocks."""
    header: dict[str, Any] = {
        "type": "header",
        "text": {"type": "plain_text", "text": _cut(f"{message.mark} {message.title}", HEADER_LIMIT), "emoji": True},
    }
    fields = [_mrkdwn(f"*{escape(n)}*\n{code(v, FIELD_LIMIT - 200)}") for n, v in message.facts[:FIELDS_LIMIT]]
    facts: dict[str, Any] = {"type": "section", "fields": fields}
    return (header, facts, *(_section(part) for part in message.parts))[:BLOCKS_LIMIT]


def escape(text: str, limit: int = SECTION_LIMIT) -> str:
    """Make text inert in mrkdwn: no entity, no mention, no call to a channel; at most `limit` characters after that."""
    inert = _CALLS.sub(f"@{_WORD_JOINER}", text)
    return _cut(inert.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), limit)


def code(text: str, limit: int = SECTION_LIMIT, fence: str = "`") -> str:
    """Put text into a code span or block that it cannot break out of."""
    return f"{fence}{escape(text.replace('`', chr(39)), limit - 2 * len(fence)) or ' '}{fence}"


def _section(part: Part) -> dict[str, Any]:
    match part:
        case Words(text):
            return {
                "type": "section",
                "text": {"type": "plain_text", "text": _cut(text, SECTION_LIMIT), "emoji": False},
            }
        case Quote(heading, lines):
            title = f"*{code(heading, 300)}*\n"
            quoted = code("\n".join(lines), SECTION_LIMIT - len(title), fence="```")
            return {"type": "section", "text": _mrkdwn(title + quoted)}
        case Command(purpose, line):
            return {"type": "section", "text": _mrkdwn(f"{escape(purpose, 200)}: {code(line, 2_000)}")}
        case _:
            assert_never(part)


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: Slack makes no links, mentions or channel names of its own
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return _CUT_ENTITY.sub("", text[: limit - 1]) + "…"
