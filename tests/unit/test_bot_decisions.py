from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from bot_samples import FACTS, NOW, run

from bot.chatops import actions as do
from bot.chatops.grammar import Decision, Facts
from bot.chatops.parser import parse
from bot.chatops.registry import find_command
from bot.errors import Refused, UsageFault
from scheduler.errors import UserError
from scheduler.runs import RunState


def decide(line: str, facts: Facts = FACTS) -> Decision:
    request = parse(line, NOW)
    return find_command(request.command).decide(request, facts, NOW)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("validate", do.CheckFiles(".")),
        ("validate a/meshbot.yaml", do.CheckFiles("a/meshbot.yaml")),
        ("jobs", do.ListJobs(None)),
        ("jobs marketing", do.ListJobs("marketing")),
        ("status", do.ShowStatus()),
        ("status hourly", do.ShowStatus("analytics", "hourly")),
        ("run hourly", do.StartRun("analytics", "hourly")),
        ("run hourly --wait", do.StartRun("analytics", "hourly", wait=True)),
        ("run marketing/daily", do.StartRun("marketing", "daily")),
        ("runs", do.ListRuns(None, None, 20)),
        ("runs hourly -n 5", do.ListRuns("analytics", "hourly", 5)),
        ("pause hourly", do.PauseJob("analytics", "hourly", "no reason was given")),
        (
            "pause hourly --until 2h",
            do.PauseJob("analytics", "hourly", "no reason was given", NOW + timedelta(hours=2)),
        ),
        ("resume hourly", do.ResumeJob("analytics", "hourly")),
        ("claims", do.ListClaims(("analytics", "marketing"))),
        ("claims marketing", do.ListClaims(("marketing",))),
        ("claims marketing --release web.sessions", do.ReleaseClaim("marketing", "web.sessions")),
        ("help run", do.ShowHelp("run")),
    ],
)
def test_each_command_decides_on_one_action(line: str, action: do.Action) -> None:
    assert decide(line).action == action


@pytest.mark.parametrize(
    ("line", "state", "action"),
    [
        ("logs {} -f", RunState.RUNNING, do.ShowLogs("{}", follow=True)),
        ("logs {}", RunState.FAILED, do.ShowLogs("{}")),
        ("cancel {}", RunState.QUEUED, do.CancelRun("{}")),
        ("cancel {}", RunState.RUNNING, do.CancelRun("{}")),
        ("retry {}", RunState.FAILED, do.RetryRun("{}")),
        ("retry {} --wait", RunState.SUCCEEDED, do.RetryRun("{}", wait=True)),
    ],
)
def test_a_command_about_a_run_names_it_completely(line: str, state: RunState, action: do.ShowLogs) -> None:
    named = run(state)
    decision = decide(line.format(named.id), Facts(run=named))
    assert decision.action == replace(action, run_id=named.id)


@pytest.mark.parametrize(
    ("line", "state", "words"),
    [
        ("cancel {}", RunState.FAILED, "it has ended already (failed); `meshbot retry"),
        ("retry {}", RunState.RUNNING, "it has not ended (it is running)"),
    ],
)
def test_what_cannot_be_done_as_things_stand_is_refused(line: str, state: RunState, words: str) -> None:
    named = run(state)
    with pytest.raises(Refused) as caught:
        decide(line.format(named.id), Facts(run=named))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run daily", "2 projects have one; write analytics/daily or marketing/daily"),
        ("run hourli", "did you mean analytics/hourly?"),
        ("run zzz", "there is analytics/daily, analytics/hourly"),
        ("jobs analytic", "did you mean analytics?"),
        ("logs analytics-hourly-20260131t0601", "did you mean analytics-hourly-20260131t0600"),
        ("run hourly --start 2026-01-02 --end 2026-01-01", "is not before --end; swap them"),
        ("run janitor --start 2026-01-02", "a janitor evaluates nothing"),
        ("claims --release web.sessions", "which project is it of (analytics, marketing)?"),
    ],
)
def test_names_are_never_guessed(line: str, words: str) -> None:
    with pytest.raises(UsageFault) as caught:
        decide(line)
    assert words in str(caught.value)


def test_a_pause_that_stands_in_the_file_is_not_resumed_by_hand() -> None:
    with pytest.raises(Refused, match=r"its meshbot\.yaml pauses it \(the vendor is late\)"):
        decide("resume held")


def test_with_many_names_none_is_listed() -> None:
    many = Facts(jobs=tuple(replace(FACTS.jobs[0], name=f"job{number}") for number in range(50)))
    with pytest.raises(UserError, match="`meshbot jobs` lists them"):
        decide("run zzz", many)


def test_every_reply(golden: Callable[[str, str], None]) -> None:
    lines = [
        ("run hourly", FACTS),
        ("run daily", Facts(jobs=FACTS.jobs[:1])),
        ("retry x", Facts(run=run(RunState.FAILED))),
        ("cancel x", Facts(run=run(RunState.RUNNING))),
        ("pause hourly", FACTS),
        ("pause hourly --until 2h --reason because", FACTS),
        ("resume hourly", FACTS),
        ("resume marketing/daily", FACTS),
        ("claims marketing --release web.sessions", FACTS),
    ]
    parts = []
    for line, facts in lines:
        reply = decide(line, facts).reply
        assert reply is not None
        reply = reply.about("analytics-hourly-20260131t0600")
        parts += [f"> {line}", reply.text, *(f"  {step.command}  ({step.purpose})" for step in reply.next), ""]
    golden("cli/replies.txt", "\n".join(parts))
