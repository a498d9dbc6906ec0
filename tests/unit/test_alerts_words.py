"""Every sentence that an alert says, held in golden files: as plain text, and as Slack's blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from endings import NOON, Told, a_job, a_run
from fakes import wrong_layout

from scheduler.alerts import Alert, decide, missed, overdue
from scheduler.alerts import wording as said
from scheduler.alerts.blockkit import blocks, code, escape
from scheduler.alerts.message import Message, Part, Quote, Words, first_lines, span
from scheduler.incidents import Missed, NewAlert
from scheduler.jobfile import Job
from scheduler.runs import ModelResult, ModelStatus, RunState, Trigger

Golden = Callable[[str, str], None]

RESULTS = (
    ModelResult("shop.orders", ModelStatus.FAILED, error=(
        "Execution failed for node ('shop.orders', (1767225600000, 1767229200000))\n\n"
        "  DivisionByZero: division by zero in `total` / <items>\nLINE 3: total / items\n               ^\n(and more)"
    )),
    ModelResult("shop.customers", ModelStatus.FAILED, audits_failed=1, error="AuditError: not_null failed: 4 rows"),
    ModelResult("shop.revenue", ModelStatus.BLOCKED, blocked_by=("shop.orders",)),
    ModelResult("shop.forecast", ModelStatus.BLOCKED, blocked_by=("shop.customers", "shop.orders")),
    ModelResult("shop.products", ModelStatus.EVALUATED, seconds=2.5, rows=1200),
)  # fmt: skip
GOOD = tuple(ModelResult(r.model, ModelStatus.EVALUATED) for r in RESULTS)
GAPS = [
    Missed(3, "analytics", "hourly", NOON, NOON, 1, NOON),
    Missed(4, "analytics", "hourly", NOON + timedelta(hours=1), NOON + timedelta(hours=3), 9, NOON),
]


def first(job: Job | None, state: RunState, message: str | None = None, results: tuple[ModelResult, ...] = ()) -> Alert:
    run = replace(a_run(state, job=job), message=message)
    return of(decide(run, results, None, will_retry=False, now=NOON).alerts[0])


def of(alert: NewAlert | None) -> Alert:
    assert alert
    return Alert.from_json(alert.payload)


def last(*runs: str | tuple[str, timedelta], job: Job | None = None) -> Alert:
    story = Told(job or a_job())
    for one in runs:
        story.ends(*([one] if isinstance(one, str) else one))
    return story.alerts[-1]


def by_hand() -> Alert:
    run = replace(
        a_run(RunState.FAILED), trigger=Trigger.MANUAL, requested_by="ada", attempt=3, message="no such model"
    )
    return of(decide(run, (), None, will_retry=False, now=NOON).alerts[0])


ALERTS: dict[str, Callable[[], Alert]] = {
    "opened-models": lambda: first(None, RunState.PARTIAL, None, RESULTS),
    "opened-many-models": lambda: last("fail " + " ".join(f"m{n:02}" for n in range(30)) + " ~late"),
    "opened-error": lambda: first(None, RunState.FAILED, "ConfigError: no gateway 'prod'\nin config.yaml"),
    "opened-by-hand": by_hand,
    "opened-timed-out": lambda: first(None, RunState.TIMED_OUT, "not done within 6:00:00"),
    "opened-lost": lambda: first(None, RunState.LOST, "killed by signal 9"),
    "opened-interrupted": lambda: last("interrupted", "interrupted"),
    "opened-janitor": lambda: first(a_job(janitor=True), RunState.FAILED, "could not drop schema shop__dev"),
    "opened-janitor-timed-out": lambda: first(a_job(janitor=True), RunState.TIMED_OUT, "not done within 6:00:00"),
    "opened-janitor-lost": lambda: first(a_job(janitor=True), RunState.LOST),
    "changed": lambda: last("fail a b ~x", "fail b c ~x ~y"),
    "changed-not-tried": lambda: last("fail a b", "partial c ~a"),
    "changed-to-lost": lambda: last("fail a b", "lost +a"),
    "reminder": lambda: last("fail a", "fail a", ("fail a", timedelta(hours=26))),
    "reopened": lambda: last("fail a", "ok", "fail a"),
    "recovered": lambda: last("fail a b", "fail a", "ok +a"),
    "recovered-after-flapping": lambda: last("fail a", "ok", "fail a", "ok", "ok", "ok"),
    "recovered-janitor": lambda: last("fail", "ok", job=a_job(janitor=True)),
    "succeeded": lambda: of(
        decide(a_run(RunState.SUCCEEDED, job=a_job(["success"])), GOOD, None, will_retry=False, now=NOON).alerts[0]
    ),
    "succeeded-janitor": lambda: last("ok", job=a_job(["success"], janitor=True)),
    "longer-than": lambda: of(
        overdue(
            replace(a_run(RunState.RUNNING, job=a_job(longer_than="90m")), ended_at=None),
            NOON + timedelta(hours=1, minutes=31),
        )
    ),
    "took-longer-than": lambda: of(
        overdue(
            replace(a_run(RunState.SUCCEEDED, job=a_job(longer_than="90m")), ended_at=NOON + timedelta(hours=2)), NOON
        )
    ),
    "missed-one": lambda: of(missed(a_job(["missed"]), GAPS[:1], NOON)),
    "missed-many": lambda: of(missed(a_job(["missed"]), GAPS, NOON)),
}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_reads_as_agreed(name: str, golden: Golden) -> None:
    alert = ALERTS[name]()
    golden(f"alerts/{name}.txt", alert.text)
    golden(f"alerts/{name}.json", json.dumps([alert.title, *alert.blocks], indent=1, ensure_ascii=False) + "\n")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_keeps_slacks_limits(name: str) -> None:
    alert = ALERTS[name]()
    assert wrong_layout({"text": alert.title, "blocks": alert.blocks}) is None


@pytest.mark.parametrize("name", [n for n in ALERTS if n.startswith(("opened", "changed", "reminder", "reopened"))])
def test_a_failure_says_all_that_is_needed(name: str) -> None:
    """Project, job, environment, run, since when, and the command: in both forms."""
    alert = ALERTS[name]()
    for form in (alert.text, json.dumps(alert.blocks)):
        for word in ("analytics", alert.job, "prod", alert.key.split(":")[0], "2026-01-01 1", "meshbot retry "):
            assert word in form


def test_every_sentence_has_a_golden_file() -> None:
    sentences = {name for name, value in vars(said).items() if getattr(value, "__module__", "") == said.__name__}
    public = {name for name in sentences if not name.startswith("_") and name[0].islower()}
    assert public
    assert {name for name in public if not any(name.replace("_", "-") in golden for golden in ALERTS)} == set()


def test_a_failing_janitor_is_no_failing_data() -> None:
    for name in ("opened-janitor", "opened-janitor-timed-out", "opened-janitor-lost"):
        assert "no data is affected" in ALERTS[name]().title
    assert "no data is affected" not in ALERTS["opened-models"]().title


def test_what_came_from_outside_is_inert_in_slack() -> None:
    assert escape("<!channel> & <@U1> @Here") == "&lt;!channel&gt; &amp; &lt;@U1&gt; @\u2060Here"
    assert code("a`b```c") == "`a'b'''c`"
    quote = Quote("`@everyone`", ("```", "<!here> `*_~", "& so on"))
    (block,) = blocks(Message("x", "x", (("a", "b"),), (quote,)))[2:]
    assert block["text"]["verbatim"] is True
    assert block["text"]["text"].count("```") == 2
    assert "@everyone" not in block["text"]["text"]
    assert wrong_layout({"text": "x", "blocks": [block]}) is None


@pytest.mark.parametrize("text", ["&" * 5000, "<" * 5000, "`" * 5000, "x" * 5000, "@channel" * 900, ""])
def test_text_of_any_length_keeps_the_limits(text: str) -> None:
    parts: tuple[Part, ...] = (Words(text or "x"), Quote(text, (text,) * 3), *[Words("more")] * 80)
    laid_out = blocks(Message("x", text, (("a", text),) * 12, parts))
    assert wrong_layout({"text": "x", "blocks": laid_out}) is None


def test_an_error_is_cut_to_its_first_lines() -> None:
    assert first_lines(None) == ()
    assert first_lines("\n\n  one\r\n\ttwo\x1b[31m\n") == ("  one", " two [31m")
    assert first_lines("a\nb\nc\nd") == ("a", "b", "c", "…")
    (line,) = first_lines("x" * 1000)
    assert len(line) == 300


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (5400, "1 h 30 min"),
        (183600, "2 d 3 h"),
    ],
)
def test_a_duration_in_words(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words
