"""The published pages say what the models say: schema, reference page, examples."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from scheduler import jobfile
from scheduler.cron.fields import ALIASES
from scheduler.jobfile import (
    Alerts,
    CatchUp,
    Job,
    JobFileError,
    Paused,
    Retries,
    grants,
    parse,
    published,
    wording,
    yamltree,
)
from scheduler.jobfile.jobs import Head

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))
PAGE = ROOT / "docs" / "reference" / "jobfile.md"
MODELS: list[type[BaseModel]] = [Head, Job, Retries, CatchUp, Alerts, Paused]
CHECK = Draft202012Validator(jobfile.schema())


def test_the_published_schema_is_current() -> None:
    on_disk = (ROOT / "config" / "meshbot.schema.json").read_text()
    assert on_disk == published.text(), "run: meshbot schema > config/meshbot.schema.json"
    Draft202012Validator.check_schema(json.loads(on_disk))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_good_for_the_schema_and_for_the_reader(path: Path) -> None:
    tree, _ = yamltree.read(path.read_text())
    assert tree is not None
    CHECK.validate(yamltree.plain(tree))
    read = parse(path.read_text(), path.name)
    assert {job.type for job in read.jobs} == {"run", "janitor"}, "an example shows both, apart"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_has_a_row_for_each_key_with_its_default_and_its_meaning(model: type[BaseModel]) -> None:
    page = PAGE.read_text()
    missing = [row for row in rows(model) if row not in page]
    assert missing == [], "write these rows:\n" + "\n".join(missing)


def rows(model: type[BaseModel]) -> list[str]:
    """Return the rows of the reference page for the keys of a model."""
    found = []
    for key, field in model.model_fields.items():
        if (model, key) == (Job, "name"):
            continue
        default = "required" if field.is_required() else f"`{wording.as_yaml(field.default)}`"
        if (model, key) in {(Job, "timezone"), (Job, "environment")}:
            default = "the file's"
        default = {"`None`": "none", "`[]`": "none", "`{}`": "none"}.get(default, default)
        found.append(f"| `{key}` | {default} | {field.description} |")
    return found


def test_the_page_states_the_limits_and_the_refused_names() -> None:
    page = PAGE.read_text()
    stated = [f"{yamltree.LARGEST:,} characters", f"{yamltree.MOST_VALUES:,} values", f"{yamltree.DEEPEST} levels"]
    stated += [f"`{name}`" for name in (*grants.TAKEN_NAMES, *grants.TAKEN_PREFIXES, *ALIASES)]
    assert [words for words in stated if words not in page] == []


def test_the_yaml_on_the_page_is_good() -> None:
    text = PAGE.read_text().partition("```yaml\n")[2].partition("```")[0]
    assert [job.name for job in parse(text).jobs] == ["hourly", "janitor"]


@pytest.mark.parametrize("model", MODELS[1:], ids=lambda model: model.__name__)
def test_what_a_remedy_shows_can_be_written(model: type[BaseModel]) -> None:
    for key, field in model.model_fields.items():
        shown = f"{key}: {wording.example(field)}"
        if key == "name" or shown.endswith((": None", ": []")):
            continue
        part = next((name for name, one in wording.PARTS.items() if one is model), None)
        line = f"{part}: {{{'reason: x, ' if key == 'until' else ''}{shown}}}" if part else shown
        line = line.replace("{limit: 24}", "{policy: all, limit: 24}")
        rest = "" if key == "schedule" else "schedule: '@daily'"
        parse(f"version: 1\nproject: x\nenvironment: prod\njobs:\n  x:\n    {line}\n    {rest}\n")


# What JSON can say.
Data = Any

FULL: dict[str, Any] = {
    "version": 1,
    "project": "shop",
    "environment": "prod",
    "timezone": "Europe/Berlin",
    "defaults": {"timeout": "1h", "retries": 2, "env": {"A": "1"}, "alerts": {"slack_channel": "#data"}},
    "jobs": {
        "all-of-it": {
            "type": "run",
            "schedule": "*/15 * * * *",
            "timezone": "UTC",
            "environment": "dev",
            "select": ["tag:x+"],
            "max_concurrent_models": 3,
            "parallelism": 2,
            "timeout": "90m",
            "retries": {"limit": 1, "backoff": "10s", "max_backoff": "1m"},
            "concurrency": "forbid",
            "catch_up": {"policy": "all", "limit": 3, "deadline": "1d"},
            "env": {"REGION": "eu"},
            "secrets": ["WAREHOUSE"],
            "image": "registry.example.com/example/x:1",
            "resources": {"cpu": 1, "memory": "2Gi"},
            "alerts": {"on": ["failure", "missed"], "longer_than": "10m"},
            "paused": {"reason": "moving", "until": "2027-01-04"},
            "description": "d",
            "owner": "o",
        },
        "janitor": {"type": "janitor", "schedule": "@daily"},
    },
}


def places(value: Data, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, one in inner for place in places(one, (*at, key)))]


def changed(at: tuple[Any, ...], value: Data, *, add: str | None) -> Data:
    """Return the full file with another value at a place, or with a further key in the mapping there."""
    file = copy.deepcopy(FULL)
    whole = {"file": file}
    *way, last = ("file", *at)
    inner: Data = whole
    for key in way:
        inner = inner[key]
    if add is not None:
        assume(isinstance(inner[last], dict))
        inner[last][add] = value
    else:
        inner[last] = value
    return whole["file"]


words = st.sampled_from(
    [
        "",
        "x",
        "run",
        "janitor",
        "all",
        "5m",
        "1",
        "#data",
        "-x",
        "A b",
        "A=b",
        "@daily",
        "UTC",
        "2Gi",
        "2027-01-04",
        "é",
    ]
)
scalars = st.one_of(
    words, st.integers(-1, 400), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=4,
)
keys = st.one_of(
    st.none(), st.sampled_from(["x", "limit", "on", "select", "name", "policy", "jobs", "type", "1A", "Z"])
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(at=st.sampled_from(places(FULL)), value=values, add=keys)
@example(at=("jobs", "janitor"), value=["x"], add="select")
@example(at=("jobs", "all-of-it", "alerts", "on"), value=["failure", "failure"], add=None)
@example(at=("jobs", "all-of-it", "secrets"), value=["A", "A"], add=None)
def test_what_the_schema_refuses_the_reader_refuses(at: tuple[Any, ...], value: Data, add: str | None) -> None:
    file = changed(at, value, add=add)
    if CHECK.is_valid(file):
        return
    with pytest.raises(JobFileError) as caught:
        parse(json.dumps(file))
    assert all(fault.problem and fault.remedy for fault in caught.value.faults)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(at=st.sampled_from(places(FULL)), value=values, add=keys)
@example(at=("version",), value=1, add=None)
def test_whatever_is_read_is_kept_and_read_back(at: tuple[Any, ...], value: Data, add: str | None) -> None:
    try:
        read = parse(json.dumps(changed(at, value, add=add)))
    except JobFileError:
        return
    for job in read.jobs:
        kept = json.loads(json.dumps(job.model_dump(mode="json")))
        assert Job.model_validate(kept) == job
        assert Job.model_validate(kept).model_dump(mode="json") == kept


def test_the_full_file_is_good_for_both_and_means_what_it_says() -> None:
    CHECK.validate(FULL)
    job, janitor = parse(json.dumps(FULL)).jobs
    assert (job.timezone, job.environment, janitor.timezone, janitor.environment) == (
        "UTC",
        "dev",
        "Europe/Berlin",
        "prod",
    )
    assert job.paused is not None
    assert job.paused.until == datetime(2027, 1, 4, tzinfo=UTC)
    assert job.env == {"A": "1", "REGION": "eu"}
    for read in (job, janitor):
        assert Job.model_validate(json.loads(read.model_dump_json())) == read
    assert job.model_dump(mode="json")["alerts"]["on"] == ["failure", "missed"], "in one order, whatever the set's"


@pytest.mark.parametrize("key", sorted(set(Job.model_fields) - {"name"}))
def test_the_schema_explains_each_key(key: str) -> None:
    assert CHECK.schema["$defs"]["Job"]["properties"][key]["description"]
