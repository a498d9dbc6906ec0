"""What the bot replies: every sentence as it is posted, bounded, and harmless whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from typing import Any, cast

import pytest
from bot_samples import FILE, NOW, RESULTS, SHA, row, run
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import answers, layouts, shapes
from bot.chatops.grammar import Permission, Reply, Step
from bot.pages import Cell, Clock, Line, Page, Table, Tone
from bot.words import markdown, replies, reports
from bot.words.replies import Part
from scheduler import jobfile
from scheduler.draw import LARGEST
from scheduler.runs import RunState
from scheduler.store import Pause

CLOCK = Clock(NOW, UTC)
EVIL = (
    "@octocat <!-- meshbot:topology . --> | `x` ``` </details> #1 https://x.example [a](b) \x1b[31m \x02run a\x03 ~~~"
)


def answer(state: RunState, **changes: object) -> shapes.RunAnswer:
    models = [answers.model(result) for result in RESULTS] if state.is_final else []
    return {"run": answers.run(run(state, **changes)), "models": models}


def pages() -> list[tuple[str, Page]]:
    jobs = [
        answers.job(row("daily"), NOW),
        answers.job(row("hourly", Pause("an upgrade", None, "operator")), NOW),
    ]
    fault = jobfile.Fault(7, 15, "jobs.hourly.schedule", "'*/4 * * * *' fires 4 minutes apart", 'write "*/5 * * * *"')
    files = [
        answers.file("analytics/meshbot.yaml", jobfile.parse(FILE), ()),
        answers.file("web/meshbot.yaml", None, (fault,)),
    ]
    ended = [answers.run(run(RunState.FAILED, message="2 models failed")), answers.run(run())]
    status: dict[str, Any] = {"jobs": 2, "paused": jobs[1:], "next": jobs[:1], "active": [], "ended": ended}
    return [
        ("jobs", layouts.page("jobs", {"jobs": jobs}, CLOCK)),
        ("no jobs", layouts.page("jobs", {"jobs": []}, CLOCK)),
        ("status", layouts.page("status", cast("shapes.StatusAnswer", {**status, "incidents": []}), CLOCK)),
        ("validate", layouts.page("validate", cast("shapes.ValidateAnswer", {"ok": False, "files": files}), CLOCK)),
        ("claims", layouts.page("claims", {"claims": []}, CLOCK)),
    ]


def test_pages_as_markdown(golden: Callable[[str, str], None]) -> None:
    golden("github/pages.md", "\n\n".join(f"## {name}\n\n{markdown.render(page)}" for name, page in pages()) + "\n")


def test_what_is_said_of_runs(golden: Callable[[str, str], None]) -> None:
    parts = [(state.value, reports.run(answer(state), NOW)) for state in RunState]
    parts.append(("failed, why", reports.run(answer(RunState.FAILED, message="exit code 1"), NOW)))
    parts.append(("log", reports.log(answer(RunState.RUNNING), b"one\n\x1b[32mtwo\x1b[0m\r\n\tthree\n", NOW)))
    parts.append(("log, nothing", reports.log(answer(RunState.QUEUED), b"", NOW)))
    parts.append(("log, long", reports.log(answer(RunState.FAILED), b"".join(b"%d\n" % n for n in range(9000)), NOW)))
    parts.append(("log, the end", reports.log(answer(RunState.FAILED), b"ne\ntwo\n", NOW, more=True)))
    parts.append(("failure", reports.failure(answer(RunState.PARTIAL), ["finance.refunds"], NOW)))
    golden("github/runs.md", "\n\n".join(f"## {name}\n\n{_short(text)}" for name, text in parts) + "\n")


def _short(text: str) -> str:
    lines = text.split("\n")
    return text if len(lines) < 30 else "\n".join([*lines[:6], "[...]", *lines[-3:]])


def sentences() -> list[tuple[str, str]]:
    steps = (Step("logs {run} --follow", "watch it"), Step("cancel {run}", "end it"))
    return [
        ("done", replies.done(Reply("analytics/hourly is queued as {run}.", steps), "analytics-hourly-1")),
        ("refused", replies.refused("looking for job 'hourli': there is none; did you mean `hourly`?")),
        ("refused, faults", replies.refused("reading meshbot.yaml:\n  7:15: jobs.x: wrong; write it right")),
        ("terminal", replies.refused("retrying a-b: it has not ended; `meshbot cancel a-b` first, `meshbot up` runs")),
        ("stranger", replies.not_allowed("eve", "none", Permission.READ)),
        ("reader", replies.not_allowed("eve", "read", Permission.WRITE)),
        ("protected", replies.not_allowed("eve", "write", Permission.PROTECTED, "prod")),
        ("closed", replies.closed()),
        ("edited", replies.edited()),
        ("committed", replies.committed(SHA, "topic", ["analytics/meshbot.yaml"], "- **added** `x`")),
        ("unchanged", replies.unchanged("`analytics/meshbot.yaml` says so already.")),
        ("to copy", replies.to_copy({"meshbot.yaml": FILE}, "it is of a fork")),
        ("merged", replies.merged(SHA, "main")),
        ("not yet", replies.not_yet(["nobody who may write has approved it", "`build` is not green"])),
        ("trusted", replies.trusted(SHA, "anna")),
        ("moved since", replies.moved_since(SHA)),
        ("pressed late", replies.pressed_late(SHA)),
    ]


def test_every_sentence(golden: Callable[[str, str], None]) -> None:
    golden("github/replies.md", "\n\n".join(f"## {name}\n\n{text}" for name, text in sentences()) + "\n")


def test_a_reply_with_one_command_and_with_several(golden: Callable[[str, str], None]) -> None:
    mark = replies.marker("issue", 7)
    one = replies.template(mark, [Part("status", "Nothing runs.")])
    parts = [Part("run hourly", replies.about_run("run", "a-b-1")), Part("rnu x", "❌ no", ok=False)]
    two = replies.template(mark, parts, more=True)
    runs = {("run", "a-b-1"): "⏳ it runs"}
    golden("github/reply.md", replies.body(one, {}) + "\n---\n\n" + replies.body(two, runs))
    assert replies.runs_in(two) == [("run", "a-b-1")]
    assert replies.ran(replies.body(two, runs)) == {replies.digest("run  hourly"), replies.digest("rnu x")}


def test_a_reply_is_never_longer_than_github_takes() -> None:
    text = replies.to_copy({"meshbot.yaml": "x: y\n" * 40_000}, "it is of a fork")
    body = replies.body(replies.template(replies.marker("issue", 7), [Part("accept", text)]), {})
    assert len(body) < LARGEST + 200
    assert body.count("```") == 2
    assert "More is left out here" in body.rsplit("</details>", 1)[1]


def hostile() -> list[str]:
    found = answer(RunState.FAILED, message=EVIL)
    found["models"] = [{**found["models"][1], "model": EVIL, "error": EVIL}]
    page: Page = (
        Line((Cell(EVIL, Tone.STRONG), Cell(EVIL))),
        Table((EVIL,), ((Cell(EVIL, Tone.STRONG),), (Cell(EVIL, Tone.BAD),)), EVIL),
    )
    return [
        markdown.render(page),
        markdown.said(EVIL),
        reports.run(found, NOW),
        reports.failure(found, [EVIL], NOW),
        reports.log(found, EVIL.encode(), NOW),
        replies.done(Reply(EVIL, (Step(EVIL, EVIL),))),
        replies.refused(EVIL),
        replies.not_allowed(EVIL, "read", Permission.PROTECTED, EVIL),
        replies.committed(SHA, EVIL, [EVIL]),
        replies.to_copy({EVIL: EVIL}, EVIL),
        replies.not_yet([EVIL]),
        replies.template("", [Part(EVIL, "x"), Part(EVIL, "y")]),
    ]


@pytest.mark.parametrize("text", hostile())
def test_nothing_from_outside_is_markup(text: str) -> None:
    words = replies.template(replies.marker("issue", 7), [Part("help", text)])
    body = replies.body(words, {("run", "a"): "TAKEN"})
    assert body.count("<!-- meshbot:") == 1
    assert "TAKEN" not in body
    assert "\x1b" not in body
    html = MarkdownIt("commonmark", {"linkify": False}).enable("table").render(body.split("\n", 1)[1])
    shown = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", html, flags=re.DOTALL)
    assert "<a " not in shown
    assert not re.search(r"(?<![\w\u2060])@octocat", shown)
    assert shown.count("<details") == shown.count("</details>")


@given(st.text(max_size=200))
def test_any_sentence_of_ours_is_written(text: str) -> None:
    assert "<!--" not in markdown.said(text)
    assert "\n" not in markdown.said(text)


def test_a_long_table_is_cut_and_counted() -> None:
    rows = tuple((Cell(f"model-{number}", Tone.STRONG), Cell("x" * 50)) for number in range(1000))
    text = markdown.render((Table(("model", "what"), rows), Line((Cell("end"),))), longest=5000)
    shown = len(re.findall("model-", text))
    assert len(text) <= 5000
    assert f"| and {1000 - shown:,} more | |" in text
