"""`cancel`: ask a run to end."""

from __future__ import annotations

from datetime import datetime

from bot import shapes
from bot.chatops.actions import CancelRun
from bot.chatops.grammar import Argument, Command, Decision, Facts, Kind, Permission, Reply, Request, Step
from bot.chatops.names import find_run
from bot.errors import Refused

CANCELLED = "cancelled"


def decide(request: Request, facts: Facts, _now: datetime) -> Decision:
    """Cancel a run that has not ended; asking twice is harmless, also when it has ended because of the first time."""
    run = find_run(request.text("run") or "", facts)
    if run.state.value == CANCELLED:
        return Decision(
            CancelRun(run.id), Reply(f"{run.id} was cancelled.", (Step(f"retry {run.id}", "run it again"),))
        )
    if run.state.is_final:
        raise Refused(
            f"cancelling {run.id}: it has ended already ({run.state.value}); `meshbot retry {run.id}` runs it again"
        )
    reply = Reply(
        f"{run.id} is asked to end: it takes no more models, ends what it evaluates, and releases its claims.",
        (Step(f"logs {run.id} --follow", "see it end"), Step(f"retry {run.id}", "run it again, when it has ended")),
    )
    return Decision(CancelRun(run.id), reply)


COMMAND = Command(
    name="cancel",
    summary="Ask a run to end.",
    permission=Permission.WRITE,
    decide=decide,
    answer=shapes.RunAnswer,
    arguments=(Argument("run", Kind.RUN, "The run's id, as `runs` lists it.", required=True),),
    detail="A queued run never begins. A running one ends gracefully, then by force.",
    examples=("cancel analytics-hourly-20260131t0600",),
)
