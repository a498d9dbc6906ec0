"""Jobs as values: what a job file means once it is read.

Everything is frozen, and `model_dump(mode="json")` is what the store keeps: it reads back to an equal value. A value that
cannot be is refused here with a problem and a remedy; where it stands in a file is known to `scheduler.jobfile` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from scheduler import cron, durations, grants, zones

LABEL = r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$"
ENVIRONMENT = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$"
CHANNEL = r"^(#[a-z0-9][a-z0-9._-]{0,79}|[CGD][A-Z0-9]{8,20})$"
NO_JANITOR = (
    "a failed janitor must not keep models from being run: write two jobs with schedules of their own, one of "
    "`type: run`, one of `type: janitor`"
)


def wrong(problem: str, remedy: str) -> PydanticCustomError:
    """Make the error of a value that cannot be; the reader of files gives it its place."""
    return PydanticCustomError("wrong", "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = durations.read(value) if isinstance(value, str) else None
    if found is not None:
        return found
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise wrong(f"the duration {value} has no unit", f"write {value}s, {value}m or {value}h")
    raise wrong(f"{_show(value)} is no duration", "write a number with a unit: 30s, 15m, 2h, 1d or 1h30m")


def between(low: timedelta, high: timedelta) -> AfterValidator:
    """Bound a duration."""

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high or value.microseconds:
            bounds = f"from {durations.say(low)} to {durations.say(high)}"
            raise wrong(f"{durations.say(value)} is out of bounds", f"write a duration {bounds}")
        return value

    return AfterValidator(check)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(durations.say, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": durations.PATTERN, "examples": ["30s", "15m", "2h", "1d"]}),
]
Label = Annotated[str, StringConstraints(pattern=LABEL)]
EnvironmentName = Annotated[str, StringConstraints(pattern=ENVIRONMENT)]
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


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
        between(SECOND, DAY),
        Field(description="The wait before the first retry; each further wait is twice as long."),
    ] = timedelta(seconds=30)
    max_backoff: Annotated[
        Duration, between(SECOND, DAY), Field(description="The longest wait.", validate_default=True)
    ] = timedelta(minutes=10)

    @field_validator("max_backoff")
    @classmethod
    def _not_shorter(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        backoff = info.data.get("backoff", SECOND)
        if value < backoff:
            least = durations.say(backoff)
            raise wrong(f"max_backoff {durations.say(value)} is shorter than backoff {least}", f"write at least {least}")
        return value

    def delay(self, attempt: int) -> timedelta:
        """Return the wait after the failure of `attempt` (the first is 1)."""
        # 2 to the power of 40 seconds is beyond every max_backoff, and within a timedelta.
        return min(self.max_backoff, self.backoff * 2 ** min(max(attempt, 1) - 1, 24))


class CatchUp(Value):
    """What becomes of ticks that were missed while nothing could run."""

    policy: Annotated[
        CatchUpPolicy, Field(description="`latest`: one run for all of them; `none`: no run; `all`: one run each.")
    ] = CatchUpPolicy.LATEST
    limit: Annotated[
        StrictInt, Field(ge=1, le=1000, description="With `all`: at most so many runs, the latest ones.")
    ] = 24
    deadline: Annotated[
        Annotated[Duration, between(MINUTE, 30 * DAY)] | None,
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
        PlainSerializer(lambda on: sorted(on), return_type=list[str], when_used="json"),
        Field(description="What is told: `failure`, `recovery`, `success`, `missed` (ticks).", examples=[["failure"]]),
    ] = frozenset({AlertOn.FAILURE})
    longer_than: Annotated[
        Annotated[Duration, between(MINUTE, 7 * DAY)] | None,
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
        Field(description="When it goes on by itself: a date or a time, in the job's time zone.", examples=["2027-01-04"]),
    ] = None

    @field_validator("until")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise wrong("the time has no zone", "write a date (2027-01-04), or a time with its offset")
        return value.astimezone(UTC) if value else None


Resources = dict[str, str]


class Job(Value):
    """One job, complete: nothing is left to be looked up in the file."""

    name: Annotated[Label, Field(description="The key under `jobs`: small letters, digits and `-`, at most 40.")]
    type: Annotated[JobType, Field(description="`run` evaluates models, `janitor` cleans up. Never both.")] = JobType.RUN
    schedule: Annotated[
        str,
        Field(
            description="Five cron fields, or @hourly, @daily, @weekly, @monthly, @yearly; never closer than 5 minutes.",
            examples=["*/15 * * * *"],
        ),
    ]
    timezone: Annotated[
        str, Field(description="The place whose clock the schedule follows.", examples=["Europe/Berlin"])
    ] = "UTC"
    environment: Annotated[EnvironmentName, Field(description="The SQLMesh environment.", examples=["prod"])] = "prod"
    select: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=500)], ...],
        Field(description="SQLMesh selectors; all models when left out.", examples=[["tag:finance+"]]),
    ] = ()
    max_concurrent_models: Annotated[
        StrictInt, Field(ge=1, le=256, description="How many models one process evaluates at once.")
    ] = 5
    parallelism: Annotated[StrictInt, Field(ge=1, le=64, description="How many processes or pods share one run.")] = 1
    timeout: Annotated[
        Duration, between(MINUTE, 7 * DAY), Field(description="A run that takes longer is ended.")
    ] = timedelta(hours=6)
    retries: Annotated[Retries, Field(description="A number, or `limit`, `backoff` and `max_backoff`.")] = Retries()
    concurrency: Annotated[
        Concurrency,
        Field(description="While an earlier run is alive: `allow` another, `forbid` it, or `replace` the earlier one."),
    ] = Concurrency.ALLOW
    catch_up: Annotated[CatchUp, Field(description="A policy, or `policy`, `limit` and `deadline`.")] = CatchUp()
    env: Annotated[
        dict[str, str], Field(description="Environment variables of the run; nothing secret.", examples=[{"REGION": "eu"}])
    ] = {}
    secrets: Annotated[
        tuple[str, ...],
        Field(description="Names of secrets that the operator granted to the project.", examples=[["WAREHOUSE_PASSWORD"]]),
    ] = ()
    image: Annotated[
        str | None, Field(description="The container image of the run.", examples=["ghcr.io/example/sqlmesh:1.2.3"])
    ] = None
    resources: Annotated[
        Resources, Field(description="What a pod gets: `cpu`, `memory`, ...", examples=[{"cpu": "500m", "memory": "2Gi"}])
    ] = {}
    alerts: Annotated[Alerts, Field(description="Whom to tell in Slack, and of what.")] = Alerts()
    paused: Annotated[Paused | None, Field(description="Keeps the job from being due: `reason`, and `until`.")] = None
    description: Annotated[
        Annotated[str, StringConstraints(max_length=2000)] | None,
        Field(description="What the job is for.", examples=["Revenue for the morning report"]),
    ] = None
    owner: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=200)] | None,
        Field(description="Who is asked about it.", examples=["team-finance"]),
    ] = None

    @field_validator("type", mode="before")
    @classmethod
    def _one_type(cls, value: object) -> object:
        both = value if isinstance(value, list) else value.replace("+", ",").split(",") if isinstance(value, str) else []
        if len(both) > 1 and all(isinstance(one, str) for one in both):
            raise wrong("a run and a janitor in one job", NO_JANITOR)
        return value

    @field_validator("schedule")
    @classmethod
    def _never_too_close(cls, value: str) -> str:
        try:
            ticks = cron.parse(value, "UTC")
        except cron.CronError as error:
            raise wrong(error.problem, error.remedy) from None
        if ticks.nominal_gap() < cron.MINIMUM_GAP:
            minutes = ticks.nominal_gap() // MINUTE
            gap = f"{minutes} minute{'s' * (minutes != 1)}"
            problem = f"{value!r} fires {gap} apart ({ticks.closest()}); runs are at least 5 minutes apart"
            raise wrong(problem, 'write for example "*/5 * * * *"')
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return check_zone(value)

    @field_validator("select", "parallelism")
    @classmethod
    def _not_for_a_janitor(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - of two fields
        if info.data.get("type") is JobType.JANITOR and value not in {(), 1}:
            raise wrong(f"a janitor job has no {info.field_name}", f"remove it; {NO_JANITOR}")
        return value

    @field_validator("select")
    @classmethod
    def _no_option(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _each(value, lambda text: ("a selector cannot begin with -", "remove it") if text.startswith("-") else None)
        return value

    @field_validator("env")
    @classmethod
    def _env_is_open(cls, value: dict[str, str]) -> dict[str, str]:
        _each(value, lambda name: _why_no_variable(name, value[name]))
        return value

    @field_validator("secrets", mode="before")
    @classmethod
    def _names_only(cls, value: object) -> object:
        if isinstance(value, dict):
            raise wrong("secrets have values here", SECRET_REMEDY)
        if isinstance(value, (list, tuple)):
            _each(value, _why_no_secret)
        return value

    @field_validator("secrets")
    @classmethod
    def _not_in_env(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        env = info.data.get("env", {})
        _each(value, lambda name: (f"{name} is in env too", "keep it in one of the two") if name in env else None)
        return value

    @field_validator("image")
    @classmethod
    def _image_reference(cls, value: str | None) -> str | None:
        why = grants.why_no_image(value) if value is not None else None
        if why:
            raise wrong(*why)
        return value

    @field_validator("resources", mode="before")
    @classmethod
    def _numbers_are_quantities(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: str(one) if type(one) in {int, float} else one for key, one in value.items()}

    @field_validator("resources")
    @classmethod
    def _quantities(cls, value: Resources) -> Resources:
        _each(value, lambda name: grants.why_no_quantity(name, value[name]))
        return value

    @property
    def cron(self) -> cron.Cron:
        """The schedule in its time zone, ready to be asked."""
        return cron.parse(self.schedule, self.timezone)


SECRET_REMEDY = "write names only (`secrets: [WAREHOUSE_PASSWORD]`); the operator grants the values"


def check_zone(name: str) -> str:
    """Return the name of a time zone that exists."""
    try:
        zones.zone(name)
    except zones.UnknownZone as error:
        raise wrong(str(error), error.remedy) from None
    return name


def _why_no_variable(name: str, value: str) -> tuple[str, str] | None:
    if not re.fullmatch(grants.NAME, name):
        return f"{name[:40]!r} is no name of a variable", "write letters, digits and _, and begin with no digit"
    taken = grants.why_taken(name)
    if taken:
        return f"{name} cannot be set: {taken}", "remove it, or bake it into the image"
    credential = grants.why_credential(name, value)
    if credential:
        return f"the value of {name} {credential}", f"move it out of Git: ask the operator to grant it, `secrets: [{name}]`"
    return None


def _why_no_secret(name: object) -> tuple[str, str] | None:
    """Never repeats `name`: where a name is expected, somebody may have written the secret itself."""
    if isinstance(name, dict) or (isinstance(name, str) and re.match(r"[A-Za-z_][A-Za-z0-9_]*\s*[=:]", name)):
        return "a secret has a value here", SECRET_REMEDY
    if not isinstance(name, str) or not re.fullmatch(grants.NAME, name) or grants.why_credential("", name):
        return "this is no name of a secret", SECRET_REMEDY
    taken = grants.why_taken(name)
    return (f"{name} cannot be set: {taken}", "give the secret another name") if taken else None


def _each(values: Iterable[Any], why: Callable[[Any], tuple[str, str] | None]) -> None:
    """Raise one error for each value (or key of a mapping) that `why` finds fault with, at its own place."""
    keys = list(values) if isinstance(values, dict) else range(len(values))
    found = [(key, why(item)) for key, item in zip(keys, values, strict=True)]
    errors = [InitErrorDetails(type=wrong(*fault), loc=(key,), input=None) for key, fault in found if fault]
    if errors:
        raise ValidationError.from_exception_data("Job", errors, hide_input=True)


def _show(value: object) -> str:
    text = repr(value)
    return "this value" if grants.why_credential("", text) else text[:60]


class JobFile(Value):
    """A whole `meshbot.yaml`."""

    version: int
    project: Label
    environment: EnvironmentName
    timezone: str
    jobs: tuple[Job, ...]
