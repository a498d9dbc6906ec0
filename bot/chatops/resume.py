"""`resume`: schedule a paused job again."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import ResumeJob
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Reply, Request, Step
from bot.chatops.names import find_job
from bot.errors import Refused


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Resume the job. One that is not paused stays as it is; one that the file pauses is refused."""
    job = find_job(request.text("job") or "", facts)
    if job.paused_in_file:
        raise Refused(
            f"resuming {job.full_name}: its meshbot.yaml pauses it ({job.pause_reason}); "
            "take `paused` out of the file and commit that"
        )
    text = f"{job.full_name} is scheduled again." if job.paused else f"{job.full_name} is not paused; nothing changed."
    return Decision(
        ResumeJob(job.project, job.name), Reply(text, (Step(f"status {job.full_name}", "see when it is due"),))
    )


COMMAND = Command(
    name="resume",
    summary="Schedule a paused job again.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.JobAnswer,
    arguments=(Argument("job", Kind.JOB, "The job: `name`, or `project/name`.", required=True),),
    examples=("resume hourly",),
)
