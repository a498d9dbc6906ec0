"""The check of a push, in every state: what it did to the schedule, bounded, and harmless whatever the names are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from bot_samples import NOW, SHA, row

from bot.sync import Faulty, Merged, Synced
from bot.words import checks, pushchecks
from scheduler.jobfile import Fault
from scheduler.store import Pause, ScheduleChange

FAULT = Fault(7, 15, "jobs.hourly.schedule", "'*/4 * * * *' fires 4 minutes apart", 'write "*/5 * * * *"')
TAKEN = Fault(1, 1, "", "merging project web: another repository keeps it", "give this one another `project:` name")
HOSTILE = "</summary>`@acme/data | #1 <!-- meshbot:x -->"
JOBS = [row("hourly", Pause("an upgrade", None, "operator")), row("daily"), row("janitor")]
FIRST = Merged("analytics", "meshbot.yaml", ScheduleChange(added=("hourly", "daily", "janitor")))
LATER = Merged(
    "analytics",
    "meshbot.yaml",
    ScheduleChange(removed=("weekly",), retimed=("daily",), changed=("janitor",), unchanged=("hourly",)),
)
SAME = Merged("analytics", "a/meshbot.yaml", ScheduleChange(unchanged=("hourly", "daily", "janitor")))
STATES = {
    "added": Synced("main", SHA, (FIRST,)),
    "changed": Synced("main", SHA, (LATER,)),
    "unchanged": Synced("main", SHA, (SAME,)),
    "project-removed": Synced("main", SHA, (SAME,), ("web",)),
    "faulty": Synced("main", SHA, (), (), (Faulty("a/meshbot.yaml", (FAULT,)),)),
    "faulty-beside": Synced(
        "main", SHA, (LATER,), (), (Faulty("w/meshbot.yaml", (TAKEN,)), Faulty("v/meshbot.yaml", (FAULT, FAULT)))
    ),
    "hostile": Synced(
        HOSTILE,
        SHA,
        (Merged(HOSTILE, HOSTILE, ScheduleChange(removed=(HOSTILE,))),),
        (HOSTILE,),
        (Faulty(HOSTILE, (Fault(1, 1, HOSTILE, HOSTILE, HOSTILE),)),),
    ),
    "overtaken": Synced("main", SHA, (Merged("analytics", "meshbot.yaml", ScheduleChange(added=("gone",))),)),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_check(state: str, golden: Callable[[str, str], None]) -> None:
    check = pushchecks.pushed(STATES[state], JOBS, NOW)
    assert check is not None
    notes = [f"{one.path}:{one.start_line} {one.level}: {one.title}: {one.message}" for one in check.annotations]
    golden(f"pushes/{state}.md", "\n".join([f"# {check.title} ({check.conclusion})", "", check.summary, *notes, ""]))


def test_a_commit_that_is_nothing_to_meshbot_has_no_check() -> None:
    assert pushchecks.pushed(Synced("main", SHA), JOBS, NOW) is None


def test_a_fault_fails_the_check_and_stands_on_its_line() -> None:
    check = pushchecks.pushed(STATES["faulty-beside"], JOBS, NOW)
    assert check is not None
    assert check.conclusion == "failure"
    assert [(one.path, one.start_line) for one in check.annotations] == [
        ("w/meshbot.yaml", 1),
        ("v/meshbot.yaml", 7),
        ("v/meshbot.yaml", 7),
    ]


def test_it_is_bounded() -> None:
    names = tuple(f"job-{number:05}" for number in range(3000))
    merged = tuple(
        Merged(f"project-{number}", f"p{number}/meshbot.yaml", ScheduleChange(names, names, names, names, names))
        for number in range(60)
    )
    faults = tuple(replace(FAULT, line=line) for line in range(1, 2000))
    check = pushchecks.pushed(Synced("main", SHA, merged, names, (Faulty("meshbot.yaml", faults),)), JOBS, NOW)
    assert check is not None
    assert len(check.summary.encode()) < 65_535
    assert len(check.title) <= 200
    assert len(check.annotations) == checks.MOST_NOTES
