"""`run`: make a run of a job now, beside its schedule."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import StartRun
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Reply, Request, Step
from bot.chatops.names import find_job
from bot.errors import UsageFault

INTERVAL = (
    Argument("start", Kind.INSTANT, "Evaluate from this moment on (UTC unless it says otherwise).", option=True),
    Argument("end", Kind.INSTANT, "Evaluate up to this moment.", option=True),
)
WAIT = Argument(
    "wait",
    Kind.SWITCH,
    "Wait until the run has ended; the exit code says how.",
    option=True,
    short="-w",
    terminal=True,
)


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Start a run of the job. A paused job can be run by hand: a pause stops the schedule only."""
    job = find_job(request.text("job") or "", facts)
    start, end = request.instant("start"), request.instant("end")
    if start and end and start >= end:
        raise UsageFault(f"running {job.full_name}: --start {start:%Y-%m-%d %H:%M} is not before --end; swap them")
    if job.janitor and (start or end):
        raise UsageFault(f"running {job.full_name}: a janitor evaluates nothing; leave out --start and --end")
    reply = Reply(
        f"{job.full_name} is queued as {{run}}.",
        (Step("logs {run} --follow", "watch what it prints"), Step("cancel {run}", "end it")),
    )
    return Decision(StartRun(job.project, job.name, start, end, request.switch("wait")), reply)


COMMAND = Command(
    name="run",
    summary="Run a job now, beside its schedule.",
    permission=Permission.PROTECTED,
    decide=decide,
    answer=shapes.RunAnswer,
    arguments=(
        Argument("job", Kind.JOB, "The job: `name`, or `project/name`.", required=True),
        *INTERVAL,
        WAIT,
    ),
    detail="Models that another run holds or has just done are not evaluated again, so this is safe at any time.",
    examples=("run hourly --wait", "run analytics/daily --start 2026-01-01 --end 2026-02-01"),
)
