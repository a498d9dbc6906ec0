"""The parts of a job: durations, policies, alerts, pauses.

All are frozen and know no keys but their own. Descriptions and examples here are what editors, the reference page and
the remedies of faults show.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from scheduler.jobfile import durations, rules

LABEL = r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$"
ENVIRONMENT = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$"
CHANNEL = r"^(#[a-z0-9][a-z0-9._-]{0,79}|[CGD][A-Z0-9]{8,20})$"
Duration = Annotated[
    timedelta,
    BeforeValidator(rules.duration),
    PlainSerializer(durations.say, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": durations.PATTERN, "examples": ["30s", "15m", "2h", "1d"]}),
]
Label = Annotated[str, StringConstraints(pattern=LABEL)]
EnvironmentName = Annotated[str, StringConstraints(pattern=ENVIRONMENT)]
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


class Value(BaseModel):
    """A frozen value that knows no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class JobType(StrEnum):
    """What a job does."""

    RUN = "run"
    JANITOR = "janitor"


class Concurrency(StrEnum):
    """What happens when a job is due while an earlier run of it is alive."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


class CatchUpPolicy(StrEnum):
    """Which of the ticks that were missed become runs."""

    LATEST = "latest"
    NONE = "none"
    ALL = "all"


class AlertOn(StrEnum):
    """What people are told of."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    SUCCESS = "success"
    MISSED = "missed"


class Retries(Value):
    """How often a failed run is tried again, and how long after."""

    limit: Annotated[StrictInt, Field(ge=0, le=10, description="How many more attempts a failed run gets.")] = 0
    backoff: Annotated[
        Duration,
        rules.between(SECOND, DAY),
        Field(description="The wait before the first retry; each further wait is twice as long."),
    ] = timedelta(seconds=30)
    max_backoff: Annotated[
        Duration, rules.between(SECOND, DAY), Field(description="The longest wait.", validate_default=True)
    ] = timedelta(minutes=10)

    @field_validator("max_backoff")
    @classmethod
    def _not_shorter(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        backoff: timedelta = info.data.get("backoff", SECOND)
        if value < backoff:
            least = durations.say(backoff)
            raise rules.wrong(
                f"max_backoff {durations.say(value)} is shorter than backoff {least}", f"write at least {least}"
            )
        return value

    def delay(self, attempt: int) -> timedelta:
        """Return the wait after the failure of `attempt` (the first is 1)."""
        # A second, doubled 24 times, is longer than any max_backoff; more would be longer than a timedelta.
        doublings: int = min(max(attempt, 1) - 1, 24)
        return min(self.max_backoff, self.backoff * (1 << doublings))


class CatchUp(Value):
    """What becomes of ticks that were missed while nothing could run."""

    policy: Annotated[
        CatchUpPolicy, Field(description="`latest`: one run for all of them; `none`: no run; `all`: one run each.")
    ] = CatchUpPolicy.LATEST
    limit: Annotated[
        StrictInt, Field(ge=1, le=1000, description="With `all`: at most so many runs, the latest ones.")
    ] = 24
    deadline: Annotated[
        Annotated[Duration, rules.between(MINUTE, 30 * DAY)] | None,
        Field(description="A tick that was missed for longer is not caught up."),
    ] = None


class Alerts(Value):
    """Whom to tell, and of what."""

    slack_channel: Annotated[
        Annotated[str, StringConstraints(pattern=CHANNEL)] | None,
        Field(description="A Slack channel, in quotes; the operator's channel when left out.", examples=["#data"]),
    ] = None
    on: Annotated[
        frozenset[AlertOn],
        PlainSerializer(sorted, return_type=list[str], when_used="json"),
        Field(description="What is told: `failure`, `recovery`, `success`, `missed` (ticks).", examples=[["failure"]]),
    ] = frozenset({AlertOn.FAILURE})
    longer_than: Annotated[
        Annotated[Duration, rules.between(MINUTE, 7 * DAY)] | None,
        Field(description="A run that is alive for longer is told of."),
    ] = None


class Paused(Value):
    """That a job waits, why, and until when."""

    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=300),
        Field(description="Why, for whoever looks next.", examples=["the warehouse moves"]),
    ]
    until: Annotated[
        datetime | None,
        Field(
            description="When it goes on by itself: a date or a time, in the job's time zone.",
            examples=["2027-01-04", "2027-01-04T06:00"],
        ),
    ] = None

    @field_validator("until", mode="before")
    @classmethod
    def _read_until(cls, value: object) -> object:
        found = rules.moment(value, None)
        if value is not None and (not isinstance(found, datetime) or found.tzinfo is None):
            problem = f"{rules.show(value)} is no date, and no time with an offset"
            raise rules.wrong(problem, "write 2027-01-04, 2027-01-04T06:00 or 2027-01-04T06:00:00+01:00")
        return found.astimezone(UTC) if isinstance(found, datetime) else None
