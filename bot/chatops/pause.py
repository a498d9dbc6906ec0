"""`pause`: stop scheduling a job for a while."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import PauseJob
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Reply, Request, Step
from bot.chatops.names import find_job

NO_REASON = "no reason was given"


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Pause the job. Pausing one that is paused changes its reason and its end."""
    job = find_job(request.text("job") or "", facts)
    until = request.instant("until")
    reason = request.text("reason") or NO_REASON
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
    arguments=(
        Argument("job", Kind.JOB, "The job: `name`, or `project/name`.", required=True),
        Argument("until", Kind.DEADLINE, "When it ends by itself: `2h`, `3d` or a moment.", option=True),
        Argument("reason", Kind.TEXT, "Why; everybody who asks for the status is told.", option=True),
    ),
    detail="The next commits do not end it. Ticks that fall into the pause are not caught up.",
    examples=('pause hourly --until 2h --reason "the warehouse is being upgraded"', "pause analytics/daily"),
)
