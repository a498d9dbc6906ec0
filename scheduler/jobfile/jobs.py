"""Jobs as values: what a job file means once it is read.

All is frozen, and `model_dump(mode="json")` is what the store keeps: it reads back to an equal value. What cannot be is
refused here with a problem and a remedy; where it stands in a file is known to `scheduler.jobfile` alone.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StringConstraints, ValidationInfo, field_validator, model_validator

from scheduler import cron
from scheduler.cron import zones
from scheduler.jobfile import grants, rules
from scheduler.jobfile.parts import (
    DAY,
    MINUTE,
    Alerts,
    CatchUp,
    Concurrency,
    Duration,
    EnvironmentName,
    JobType,
    Label,
    Paused,
    Retries,
    Value,
)

EMPTY: dict[str, Any] = {}


class Job(Value):
    """One job, complete: nothing is left to be looked up in the file."""

    name: Annotated[Label, Field(description="The key under `jobs`: small letters, digits and `-`, at most 40.")]
    type: Annotated[JobType, Field(description="`run` evaluates models, `janitor` cleans up. Never both.")] = (
        JobType.RUN
    )
    schedule: Annotated[
        str,
        Field(
            description="Five cron fields or @hourly, @daily, @weekly, @monthly, @yearly; never nearer than 5 minutes.",
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
        Duration, rules.between(MINUTE, 7 * DAY), Field(description="A run that takes longer is ended.")
    ] = timedelta(hours=6)
    retries: Annotated[Retries, Field(description="A number, or `limit`, `backoff` and `max_backoff`.")] = Retries()
    concurrency: Annotated[
        Concurrency,
        Field(description="While an earlier run is alive: `allow` another, `forbid` it, or `replace` the earlier one."),
    ] = Concurrency.ALLOW
    catch_up: Annotated[
        CatchUp,
        Field(
            description="A policy, or `policy`, `limit` and `deadline`.",
            examples=[{"policy": "latest", "deadline": "6h"}],
        ),
    ] = CatchUp()
    env: Annotated[
        dict[str, str],
        Field(description="Environment variables of the run; nothing secret.", examples=[{"REGION": "eu"}]),
    ] = EMPTY
    secrets: Annotated[
        tuple[str, ...],
        Field(
            description="Names of secrets that the operator granted to the project.", examples=[["WAREHOUSE_PASSWORD"]]
        ),
    ] = ()
    image: Annotated[
        str | None,
        Field(description="The container image of the run.", examples=["registry.example.com/example/sqlmesh:1.2.3"]),
    ] = None
    resources: Annotated[
        dict[str, str],
        Field(description="What a pod gets: `cpu`, `memory`, ...", examples=[{"cpu": "500m", "memory": "2Gi"}]),
    ] = EMPTY
    alerts: Annotated[
        Alerts,
        Field(
            description="Whom to tell in Slack, and of what.", examples=[{"slack_channel": "#data", "on": ["failure"]}]
        ),
    ] = Alerts()
    paused: Annotated[
        Paused | None,
        Field(
            description="Keeps the job from being due: `reason`, and `until`.",
            examples=[{"reason": "the warehouse moves", "until": "2027-01-04"}],
        ),
    ] = None
    description: Annotated[
        Annotated[str, StringConstraints(max_length=2000)] | None,
        Field(description="What the job is for.", examples=["Revenue for the morning report"]),
    ] = None
    owner: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=200)] | None,
        Field(description="Who is asked about it.", examples=["team-finance"]),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _until_is_local(cls, data: object) -> object:
        """Read a date in `paused.until` by the clock of the job's own time zone."""
        if not isinstance(data, dict) or not isinstance(paused := data.get("paused"), dict):
            return data
        name = data.get("timezone", "UTC")
        place = zones.zone(name) if isinstance(name, str) and name in zones.names() else None
        return {**data, "paused": {**paused, "until": rules.moment(paused.get("until"), place)}}

    @field_validator("type", mode="before")
    @classmethod
    def _one_type(cls, value: object) -> object:
        both = re.split(r"[,+&|;\s]+", value.strip()) if isinstance(value, str) else value
        if isinstance(both, list) and len(both) > 1:
            raise rules.wrong("a job has one type, and here are more", rules.NO_JANITOR)
        return value

    @field_validator("schedule")
    @classmethod
    def _never_too_close(cls, value: str) -> str:
        return rules.schedule(value)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return rules.timezone(value)

    @field_validator("select", "parallelism")
    @classmethod
    def _not_for_a_janitor(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - of two fields
        if info.data.get("type") is JobType.JANITOR and value not in {(), 1}:
            raise rules.wrong(f"a janitor has no {info.field_name}", f"remove it; {rules.NO_JANITOR}")
        return value

    # The next ones look at every item before pydantic does, which would leave the rest unsaid after one wrong type.
    @field_validator("select", mode="before")
    @classmethod
    def _selectors(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):
            rules.each(value, rules.why_no_selector)
        return value

    @field_validator("env", mode="before")
    @classmethod
    def _nothing_secret(cls, value: object) -> object:
        if isinstance(value, dict):
            rules.each(value, lambda name: rules.why_no_variable(name, value[name]))
        return value

    @field_validator("secrets", mode="before")
    @classmethod
    def _names_only(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):
            rules.each(value, rules.why_no_secret)
            return value
        problem = "the secrets have values" if isinstance(value, dict) else "the names of secrets are no list"
        raise rules.wrong(problem, rules.SECRET_REMEDY)

    @field_validator("secrets")
    @classmethod
    def _each_once(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        env = info.data.get("env", {})
        rules.each(value, lambda name: (f"{name} is in env too", "keep it in one of them") if name in env else None)
        if len(set(value)) < len(value):
            raise rules.wrong("a secret is named twice", "keep each name once")
        return value

    @field_validator("image")
    @classmethod
    def _image_reference(cls, value: str | None) -> str | None:
        why = grants.why_no_image(value) if value is not None else None
        if why:
            raise rules.wrong(*why)
        return value

    @field_validator("resources", mode="before")
    @classmethod
    def _quantities(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        numbers = {name: str(one) if type(one) in {int, float} else one for name, one in value.items()}
        rules.each(numbers, lambda name: rules.why_no_quantity(name, numbers[name]))
        return numbers

    @property
    def cron(self) -> cron.Cron:
        """The schedule in its time zone, ready to be asked."""
        return cron.parse(self.schedule, self.timezone)


class Head(Value):
    """What stands at the top of a job file. The jobs are read one by one, after the defaults were merged into each."""

    version: Annotated[Literal[1], Field(description="The version of this format: 1.", examples=[1])]
    project: Annotated[
        Label,
        Field(description="The project's name: small letters, digits and `-`, at most 40.", examples=["analytics"]),
    ]
    environment: Annotated[
        EnvironmentName, Field(description="The SQLMesh environment of jobs that name none.", examples=["prod"])
    ]
    timezone: Annotated[
        str,
        Field(
            description="The place whose clock schedules follow, for jobs that name none.", examples=["Europe/Berlin"]
        ),
    ] = "UTC"
    defaults: Annotated[
        dict[str, Any], Field(description="Values for every job that has no own.", examples=["{timeout: 1h}"])
    ] = EMPTY
    jobs: Annotated[
        dict[str, Any],
        Field(description="The jobs: a name, and under it the job.", examples=['{hourly: {schedule: "0 * * * *"}}']),
    ]

    @field_validator("version", mode="before")
    @classmethod
    def _a_number(cls, value: object) -> object:
        # To Python, true and 1.0 equal 1.
        if type(value) is not int:
            raise rules.wrong(f"version cannot be {rules.show(value)}", "write 1")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return rules.timezone(value)


class JobFile(Value):
    """A whole `meshbot.yaml`, with every job complete."""

    version: int
    project: Label
    environment: EnvironmentName
    timezone: str
    jobs: tuple[Job, ...]
