"""`retry`: run again what an ended run was to do."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import RetryRun
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Reply, Request, Step
from bot.chatops.names import find_run
from bot.chatops.run import WAIT
from bot.errors import Refused, UsageFault


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Retry a run that has ended; one that has not is refused, since it may still succeed."""
    run = find_run(request.text("run") or "", facts)
    if not run.state.is_final:
        raise Refused(
            f"retrying {run.id}: it has not ended (it is {run.state.value}); "
            f"wait for it, or `meshbot cancel {run.id}` first"
        )
    failed = request.switch("failed")
    if failed and run.spec.type.value == "janitor":
        raise UsageFault(f"retrying {run.id}: a janitor has no models; leave out --failed")
    reply = Reply(
        f"{run.project}/{run.job} is queued again as {{run}}.",
        (Step("logs {run} --follow", "watch what it prints"),),
    )
    return Decision(RetryRun(run.id, request.switch("wait"), failed), reply)


COMMAND = Command(
    name="retry",
    summary="Run again what an ended run was to do.",
    permission=Permission.PROTECTED,
    decide=decide,
    answer=shapes.RunAnswer,
    arguments=(
        Argument("run", Kind.RUN, "The run's id, as `runs` lists it.", required=True),
        Argument("failed", Kind.SWITCH, "Only the models that failed or were blocked.", option=True),
        WAIT,
    ),
    detail="What is done already is not done again: only the models that failed or were blocked have work left.",
    examples=("retry analytics-hourly-20260131t0600", "retry analytics-hourly-20260131t0600 --failed"),
)
