from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from bot_samples import FILE, NOW, RESULTS, row, run
from modelshapes import coffee_shop
from rich.console import Console

from bot import answers, layouts, proposals, reportlines
from bot.pages import COLOURS, Cell, Clock, Line, Page, Tone, duration
from bot.sync import Faulty, Merged, Synced
from bot.terminal import PALETTE, Terminal, text
from bot.up import news
from bot.up.follower import NoBranch
from bot.up.household import Crash
from scheduler import jobfile
from scheduler.draw import outline
from scheduler.incidents import Incident
from scheduler.runs import RunState
from scheduler.store import Pause, ScheduleChange
from scheduler.topology import propose

CLOCK = Clock(NOW, ZoneInfo("Europe/Berlin"))
FAULT = jobfile.Fault(7, 15, "jobs.hourly.schedule", "'*/4 * * * *' fires 4 minutes apart", 'write "*/5 * * * *"')
PAUSE = Pause("an upgrade", NOW + timedelta(hours=2), "operator")


def shown(page: Page) -> str:
    terminal = Terminal(width=120)
    terminal.out = Console(file=io.StringIO(), width=120, highlight=False, markup=False)
    terminal.show(page)
    assert isinstance(terminal.out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in terminal.out.file.getvalue().splitlines()) + "\n"


def chapters() -> Iterator[tuple[str, Page]]:
    jobs = [answers.job(row("daily"), NOW), answers.job(row("hourly", PAUSE), NOW), answers.job(row("janitor"), NOW)]
    failed = run(RunState.FAILED, message="2 models failed\nand more", attempt=2)
    running = answers.run(run(RunState.RUNNING))
    ended = [answers.run(failed), answers.run(run())]
    models = [answers.model(result) for result in RESULTS]
    incident = Incident(failed.id, "analytics", "hourly", "prod", NOW - timedelta(hours=3))
    yield "jobs", layouts.page("jobs", {"jobs": jobs}, CLOCK)
    yield "jobs, none", layouts.page("jobs", {"jobs": []}, CLOCK)
    yield "runs", layouts.page("runs", {"runs": [running, *ended]}, CLOCK)
    yield "run --wait", layouts.page("run", {"run": ended[0], "models": models}, CLOCK)
    yield "run", layouts.page("run", {"run": running, "models": []}, CLOCK)
    status: dict[str, object] = {"jobs": 3, "paused": jobs[1:2], "next": [jobs[0]], "active": [running], "ended": ended}
    yield "status", layouts.page("status", {**status, "incidents": [answers.incident(incident)]}, CLOCK)  # type: ignore[typeddict-item]
    yield "claims, none", layouts.page("claims", {"claims": []}, CLOCK)
    checks = [
        {"name": "git", "state": "ok", "found": "git version 2.39.5", "remedy": None},
        {"name": "queue", "state": "broken", "found": "no answer", "remedy": "start `meshbot up` here"},
        {"name": "slack", "state": "warning", "found": "not set up", "remedy": "set MESHBOT_SLACK_WEBHOOK_URL"},
    ]
    yield "doctor", layouts.page("doctor", {"ok": False, "checks": checks}, CLOCK)  # type: ignore[typeddict-item]
    yield "validate", layouts.page("validate", {"ok": False, "files": [_well(), _faulty()]}, CLOCK)  # type: ignore[list-item]


def _well() -> object:
    return answers.file("analytics/meshbot.yaml", jobfile.parse(FILE), ())


def _faulty() -> object:
    return answers.file("web/meshbot.yaml", None, (FAULT,))


def test_every_page(golden: Callable[[str, str], None]) -> None:
    golden("cli/pages.txt", "\n".join(f"== {title}\n{shown(page)}" for title, page in chapters()))


def test_everything_that_up_tells(golden: Callable[[str, str], None]) -> None:
    change = ScheduleChange(added=("daily",), retimed=("hourly",), removed=("old",))
    faulty = Faulty("web/meshbot.yaml", (FAULT,))
    jobs = [row("daily"), row("hourly"), row("janitor")]
    merged = Merged("analytics", "meshbot.yaml", change)
    quiet = Merged("analytics", "meshbot.yaml", ScheduleChange(unchanged=("daily",)))
    lines = [
        *news.pushed(Synced("main", "1a2b3c4d5e6f", (merged,), ("web",), ()), jobs, CLOCK),
        *news.pushed(Synced("main", "1a2b3c4d5e6f", (quiet,), (), ()), jobs, CLOCK),
        *news.pushed(Synced("main", "1a2b3c4d5e6f", (quiet,), (), (faulty,)), jobs, CLOCK),
        *news.pushed(Synced("main", "1a2b3c4d5e6f"), [], CLOCK),
        *news.pushed(NoBranch("main"), [], CLOCK),
        news.started(run(RunState.RUNNING), CLOCK),
        news.ended(run(), RESULTS[:1], CLOCK),
        *(news.ended(run(state, message="why"), RESULTS, CLOCK) for state in RunState if state.is_final),
        news.alerted("analytics/hourly failed\nmore", CLOCK),
    ]
    golden("cli/news.txt", shown(tuple(lines)))


def test_a_crash_is_told_with_its_last_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    crash = Crash("clock", -9, 2.0, "out of memory", tmp_path_factory.getbasetemp() / "clock.log")
    words = "".join(cell.text for cell in news.crashed(crash, CLOCK).cells)
    assert "the clock was killed by signal 9, and is started again in 2.0 s: out of memory" in words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (600, "10 min"),
        (7260, "2 h 1 min"),
        (3e5, "3 days"),
    ],
)
def test_a_length_of_time_has_its_leading_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def reported(event: str, **fields: object) -> str:
    head = {"meshrun": 1, "event": event, "at": "2026-01-31T06:00:00Z"}
    return json.dumps({**head, **fields})


def modelled(name: str, status: str, **fields: object) -> str:
    plain = {"seconds": 0.0, "rows": None, "error": None, "intervals": [], "blocked_by": [], "held_by": None}
    audits = {"passed": 2, "failed": 0}
    return reported("model", model=name, status=status, audits=audits, **{**plain, **fields})


def test_a_report_line_becomes_a_sentence(golden: Callable[[str, str], None]) -> None:
    days = [["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], ["2026-01-03T06:00:00Z", "2026-01-03T07:00:00Z"]]
    printed = [
        reported("start", environment="prod", sqlmesh="0.236.4", models=3),
        reported("promoted", environment="prod", models={"finance.orders": "1"}, total=1),
        reported("promoted", environment="prod", models={"finance.orders": "1"}, total=1200),
        reported("evaluating", model="finance.orders"),
        modelled("finance.orders", "evaluated", seconds=1.5, rows=1234, intervals=days),
        modelled("finance.refunds", "failed", error="division by zero"),
        modelled("finance.revenue", "blocked", blocked_by=["finance.refunds"]),
        modelled("web.sessions", "claimed_elsewhere", held_by="analytics-daily-20260131t0530"),
        reported("end", outcome="partial", counts={"evaluated": 1}, next_due=None, seconds=4, error=None),
        reported("end", outcome="noop", counts={}, next_due="2026-01-31T07:00:00Z", seconds=0.2, error=None),
        reported("somethingnew"),
        reported("end"),
        "a line of the project itself",
        '{"meshrun": 1, broken',
    ]
    golden("cli/log.txt", shown(tuple(reportlines.line(one, CLOCK) for one in printed)))


def test_nothing_that_comes_from_a_file_steers_the_terminal() -> None:
    assert text([Cell("a\x1b[2Jb[red]c\x07")]).plain == "a�[2Jb[red]c�"


def drawn(*, color_system: Literal["256"] | None, no_color: bool = False) -> str:
    lines = outline(coffee_shop(), propose(coffee_shop()).jobs)
    terminal = Terminal()
    terminal.out = Console(
        file=io.StringIO(),
        width=120,
        color_system=color_system,
        force_terminal=True,
        no_color=no_color,
        highlight=False,
    )
    terminal.show(layouts.drawing(lines, {"models": [], "faults": [], "text": None}))
    assert isinstance(terminal.out.file, io.StringIO)
    return terminal.out.file.getvalue()


def test_the_graph_is_coloured_by_job(golden: Callable[[str, str], None]) -> None:
    shown_ = drawn(color_system="256")
    assert "[live]" not in shown_
    colours = {match[1]: match[0] for match in re.findall(r"\x1b\[1;(38;5;\d+)m(\w+): ", shown_)}
    assert len(set(colours.values())) == len(colours) == 3
    assert f"\x1b[{colours['live']}m  live.pulse  <- shop.orders\x1b[0m" in shown_
    golden("cli/graph.txt", drawn(color_system=None))
    assert "live.pulse  <- shop.orders  [live]\n" in drawn(color_system="256", no_color=True)


def test_a_job_keeps_its_colour_and_shares_none_while_there_are_enough() -> None:
    jobs = [f"job-{number}" for number in range(COLOURS)]
    assert sorted(proposals.colours_of(jobs).values()) == list(range(COLOURS))
    assert proposals.colours_of(jobs[:1]) == proposals.colours_of(["job-0"])
    assert set(proposals.colours_of([*jobs, "one", "more"]).values()) == set(range(COLOURS))
    assert len(PALETTE) == len(set(PALETTE)) == COLOURS


def test_a_pipe_gets_whole_lines_and_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().line(*Line((Cell("x" * 500, Tone.BAD),)).cells)
    assert capsys.readouterr().out == "x" * 500 + "\n"
