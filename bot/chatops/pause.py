"""`pause`: stop scheduling a job for a while."""

from __future__ import annotations

import re
from datetime import datetime

from bot import shapes
from bot.chatops.actions import PauseJob
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, OnPull, Permission, Reply, Request, Step
from bot.chatops.names import find_job
from bot.chatops.values import DURATION, deadline
from bot.errors import UsageFault

NO_REASON = "no reason was given"
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}")
JOB = Argument("job", Kind.JOB, "The job: `name`, or `project/name`.", required=True)
UNTIL = Argument("until", Kind.DEADLINE, "When it ends by itself: `2h`, `3d` or a moment.", option=True)
REASON = Argument("reason", Kind.TEXT, "Why; everybody who asks for the status is told.", option=True)


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Pause the job. Pausing one that is paused changes its reason and its end."""
    return _decided(request, facts, request.instant("until"), request.text("reason"))


def decide_on_pull(request: Request, facts: Facts, now: datetime) -> Decision:
    """Pause the job, as `decide` does; how long and why may follow as they are spoken: `2h an upgrade`."""
    until, words = request.instant("until"), list(request.texts("why"))
    if words and until is None and (DURATION.fullmatch(words[0]) or MOMENT.match(words[0])):
        until = deadline(UNTIL, words.pop(0), now)
    reason = request.text("reason")
    if words and reason:
        raise UsageFault(f"pausing {request.text('job')}: the reason is given twice; keep one")
    return _decided(request, facts, until, reason or " ".join(words))


def _decided(request: Request, facts: Facts, until: datetime | None, reason: str | None) -> Decision:
    job = find_job(request.text("job") or "", facts)
    reason = reason or NO_REASON
    how_long = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until somebody resumes it"
    reply = Reply(
        f"{job.full_name} is paused {how_long}. What runs already goes on.",
        (
            Step(f"resume {job.full_name}", "schedule it again"),
            Step(f"run {job.full_name}", "run it by hand meanwhile"),
        ),
    )
    return Decision(PauseJob(job.project, job.name, reason, until), reply)


COMMAND = Command(
    name="pause",
    summary="Stop scheduling a job, for a while or until it is resumed.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.JobAnswer,
    arguments=(JOB, UNTIL, REASON),
    detail="The next commits do not end it. Ticks that fall into the pause are not caught up.",
    examples=('pause hourly --until 2h --reason "the warehouse is being upgraded"', "pause analytics/daily"),
    on_pull=OnPull(
        decide=decide_on_pull,
        arguments=(
            JOB,
            Argument("why", Kind.TEXT, "How long, and why, in plain words.", many=True, word="2h why"),
            UNTIL,
            REASON,
        ),
        detail="The next commits do not end it. Ticks that fall into the pause are not caught up.",
        examples=("pause hourly 2h the warehouse is being upgraded", "pause analytics/daily"),
    ),
)
