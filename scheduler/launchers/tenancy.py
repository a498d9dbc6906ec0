"""The operator's file for a cluster: what each project gets there, and what it is granted.

The rule: it is strict data. Every fault is reported at once, with its line; an unknown key is a fault. A project's keys
replace those of `defaults` one by one. Secrets are granted to a project by name, never to all: what is not granted
cannot be named by any job file. No value of a secret stands here, only where the cluster keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from scheduler.jobfile import JobFileError, grants, rules, yamltree
from scheduler.jobfile.faults import Fault
from scheduler.jobfile.parts import LABEL, Duration
from scheduler.jobfile.yamltree import Node, Place

NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
SUBDOMAIN = r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$"
KEY = r"^[-._a-zA-Z0-9]{1,253}$"
LABEL_KEY = r"^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$"
Name = Annotated[str, Field(pattern=NAME)]
Subdomain = Annotated[str, Field(pattern=SUBDOMAIN)]
Variable = Annotated[str, Field(pattern=grants.NAME)]
Quantities = dict[str, str]
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Value(BaseModel):
    """A frozen value that knows no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Grant(Value):
    """Where the cluster keeps a granted secret, and how the run gets it: as a variable, or as a file it names."""

    secret: Annotated[Subdomain, Field(description="The Secret, in the project's namespace.")]
    key: Annotated[str, Field(pattern=KEY, description="The key in it.")]
    file: Annotated[StrictBool, Field(description="The variable holds the path of a file with the value.")] = False


class Mount(Value):
    """Something of the cluster that a run sees as a folder."""

    config_map: Subdomain | None = None
    secret: Subdomain | None = None
    claim: Subdomain | None = None
    host_path: Annotated[str, Field(pattern=r"^/[^:]*$")] | None = None
    read_only: StrictBool = True

    @model_validator(mode="after")
    def _one_kind(self) -> Mount:
        if len([one for one in (self.config_map, self.secret, self.claim, self.host_path) if one]) != 1:
            raise rules.wrong("it names no kind of volume, or several", "write one of config_map, secret, claim")
        return self


class Toleration(Value):
    """A taint that does not keep runs away."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class Lodging(Value):
    """What runs get whatever their project: every key may stand in `defaults` and in a project."""

    namespace: Name = "meshbot-runs"
    service_account: Subdomain = "default"
    image: str | None = None
    """The image of jobs that name none: Python 3.11 or newer, and SQLMesh."""
    images: tuple[str, ...] = ()
    """What images a job may name: patterns with `*`."""
    fetch_image: str | None = None
    """The image that fetches the commit: git, and Python 3.11 or newer. The run's own image when left out."""
    python: str = "python3"
    run_as: Annotated[StrictInt, Field(ge=1, le=2_000_000_000)] = 10001
    resources: Quantities = {"cpu": "500m", "memory": "1Gi"}
    """What a pod gets of what its job does not name."""
    most: Quantities = {}
    """What a job may ask for at most."""
    env: dict[Variable, str] = {}
    mounts: dict[Annotated[str, Field(pattern=r"^/[^:]*$")], Mount] = {}
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    priority_class: Subdomain | None = None
    image_pull_secrets: tuple[Subdomain, ...] = ()
    labels: dict[Annotated[str, Field(pattern=LABEL_KEY)], Annotated[str, Field(pattern=LABEL_VALUE)]] = {}
    annotations: dict[Annotated[str, Field(pattern=LABEL_KEY)], str] = {}
    grace: Annotated[Duration, rules.between(SECOND, DAY)] = timedelta(seconds=30)
    """Between the wish that a run ends and its end by force."""
    start_within: Annotated[Duration, rules.between(SECOND, DAY)] = timedelta(minutes=10)
    """How long an image, a volume or a quota may keep a pod from starting."""
    schedule_within: Annotated[Duration, rules.between(SECOND, DAY)] = timedelta(hours=1)
    """How long a pod may wait for a node."""
    ttl: Annotated[Duration, rules.between(SECOND, 30 * DAY)] = timedelta(hours=1)
    """How long the Job of an ended run stays, its log kept."""

    @field_validator("resources", "most", mode="before")
    @classmethod
    def _amounts(cls, value: object) -> object:
        """Let amounts be written as numbers, as a job file does."""
        if not isinstance(value, dict):
            return value
        amounts = {name: str(one) if type(one) in {int, float} else one for name, one in value.items()}
        rules.each(amounts, lambda name: rules.why_no_quantity(name, amounts[name]))
        return amounts

    def allows(self, image: str) -> bool:
        """Say whether a job of the project may name this image."""
        return image == self.image or any(fnmatchcase(image, pattern) for pattern in self.images)


class Tenant(Lodging):
    """One project: what it gets, and what it is granted."""

    secrets: dict[Variable, Grant] = {}
    """The secrets that its job files may name."""
    env_from: tuple[Subdomain, ...] = ()
    """Secrets whose every key becomes a variable of every run: the state connection, for example."""


class _Head(Value):
    version: Literal[1]
    cluster: Name = "kubernetes"
    defaults: dict[str, Any] = {}
    projects: dict[Annotated[str, Field(pattern=LABEL)], dict[str, Any]] = {}


@dataclass(frozen=True)
class Tenancy:
    """The whole file. `cluster` names the place, `where` the file, for messages."""

    cluster: str
    defaults: Lodging
    projects: Mapping[str, Tenant]
    where: str = "kubernetes.yaml"

    def of(self, project: str) -> Tenant:
        """Return what a project gets; one that is not named gets the defaults, and no secret."""
        return self.projects.get(project) or Tenant(**_given(self.defaults))

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace in which runs run, once."""
        return tuple(sorted({self.defaults.namespace, *(one.namespace for one in self.projects.values())}))


def parse(text: str, where: str = "kubernetes.yaml") -> Tenancy:
    """Read the file. Raises `JobFileError` (a `UserError`) with every fault, each with its place."""
    tree, faults = yamltree.read(text)
    if tree is not None and not isinstance(tree, yamltree.Mapping):
        faults.append(
            Fault(tree.place.line, tree.place.column, "", "the file is no mapping", "begin with `version: 1`")
        )
    reading = _Reading(faults)
    found = reading.tenancy(tree, where) if isinstance(tree, yamltree.Mapping) else None
    if faults or found is None:
        raise JobFileError(where, tuple(faults))
    return found


M = TypeVar("M", bound=Value)


class _Reading:
    """One reading; every fault goes into one list."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults

    def tenancy(self, root: yamltree.Mapping, where: str) -> Tenancy | None:
        head = self._valid(_Head, root, root.place)
        defaults = self._valid(Lodging, root.entries.get("defaults"), root.place)
        projects = root.entries.get("projects")
        tenants: dict[str, Tenant] = {}
        if isinstance(projects, yamltree.Mapping):
            for name, node in projects.entries.items():
                own = self._valid(Tenant, node, projects.keys[name])
                if own is not None and defaults is not None:
                    tenants[name] = Tenant(**(_given(defaults) | _given(own)))
        return Tenancy(head.cluster, defaults, tenants, where) if head and defaults else None

    def _valid(self, model: type[M], node: Node | None, start: Place) -> M | None:
        data = node if isinstance(node, yamltree.Mapping) else yamltree.Mapping(start, "", {})
        try:
            return model.model_validate(yamltree.plain(data))
        except ValidationError as error:
            for one in error.errors(include_url=False):
                place, path, _ = yamltree.locate(data, one["loc"], start)
                self._faults.append(Fault(place.line, place.column, path, *_words(one, model)))
            return None


def _given(part: Lodging) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.model_fields_set}


def _words(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """Return problem and remedy; what was written is not repeated, it may be in the wrong place."""
    key = next((str(part) for part in reversed(error["loc"]) if isinstance(part, str) and part != "[key]"), "")
    match error["type"]:
        case "wrong":
            return error["ctx"]["problem"], error["ctx"]["remedy"]
        case "missing":
            return f"`{key}` is missing", "write it"
        case "extra_forbidden":
            known = list(model.model_fields)
            near = get_close_matches(key, known, n=1)
            rest = f"known are {', '.join(known)}" if len(error["loc"]) == 1 else "see docs/reference/kubernetes.md"
            return f"unknown key {rules.show(key)}", f"did you mean {near[0]}?" if near else f"remove it; {rest}"
        case _:
            message = error["msg"]
            return f"{key} does not fit", message[0].lower() + message[1:]
