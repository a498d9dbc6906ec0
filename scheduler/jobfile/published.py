"""The JSON schema of `meshbot.yaml`, made from the models that read it: editors complete and check with it.

A schema cannot say everything (the distance of ticks, the names of zones); what it refuses, `scheduler.jobfile.parse`
refuses too, and tests hold the two together.
"""

from __future__ import annotations

import json
from typing import Any

from scheduler.jobfile import grants
from scheduler.jobfile.jobs import Head, Job
from scheduler.jobfile.merging import NOT_FOR_JANITORS, NOT_IN_DEFAULTS
from scheduler.jobfile.parts import LABEL, Alerts, CatchUp, Retries

Schema = dict[str, Any]
TITLE = "Meshbot job file (meshbot.yaml)"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[-+][0-9]{2}:[0-9]{2})?)?$"


def schema() -> Schema:
    """Return the schema (draft 2020-12), the same on every call."""
    job = Job.model_json_schema()
    parts = job.pop("$defs")
    _say_defaults(job["properties"], parts)
    _as_written(job["properties"], parts)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        **_head(),
        "$defs": {"Job": _job(job), "Defaults": _defaults(job), **parts},
    }


def text() -> str:
    """Return the schema as it is published in `config/meshbot.schema.json`."""
    return json.dumps(schema(), indent=2) + "\n"


def _say_defaults(properties: Schema, parts: Schema) -> None:
    """Write defaults as a file writes them (`6h`); what a job takes from the top of its file has none of its own."""
    _replace_defaults(properties, Job(name="x", schedule="@daily").model_dump(mode="json"))
    for part in (Retries(), CatchUp(), Alerts()):
        _replace_defaults(parts[type(part).__name__]["properties"], part.model_dump(mode="json"))
    for key in ("environment", "timezone"):
        properties[key].pop("default")


def _replace_defaults(properties: Schema, values: Schema) -> None:
    for key, property_ in properties.items():
        property_.pop("title", None)
        if "default" in property_:
            property_["default"] = values[key]


def _head() -> Schema:
    head = Head.model_json_schema()
    for property_ in head["properties"].values():
        property_.pop("title")
    head["properties"]["defaults"] |= {"$ref": "#/$defs/Defaults"}
    head["properties"]["jobs"] |= {"propertyNames": {"pattern": LABEL}, "additionalProperties": {"$ref": "#/$defs/Job"}}
    for key in ("defaults", "jobs"):
        head["properties"][key].pop("examples")
    return {key: head[key] for key in ("type", "additionalProperties", "required", "properties")}


def _as_written(properties: Schema, parts: Schema) -> None:
    """Allow what a file may say beyond the models' own form: shorthands, numbers, names of variables."""
    properties["select"] |= {"minItems": 1}
    properties["env"] |= {"propertyNames": {"pattern": grants.NAME}}
    properties["secrets"] |= {"items": {"type": "string", "pattern": grants.NAME}, "uniqueItems": True}
    properties["resources"] |= {"additionalProperties": {"type": ["string", "number"]}}
    limit = parts["Retries"]["properties"]["limit"]
    _or(properties["retries"], {key: limit[key] for key in ("type", "minimum", "maximum")})
    _or(properties["catch_up"], {"$ref": "#/$defs/CatchUpPolicy"})
    until = parts["Paused"]["properties"]["until"]
    until["anyOf"] = [{"type": "string", "pattern": MOMENT}, {"type": "null"}]
    parts["Alerts"]["properties"]["on"].pop("uniqueItems")
    for part in parts.values():
        part.pop("title", None)


def _or(property_: Schema, shorthand: Schema) -> None:
    property_["anyOf"] = [{"$ref": property_.pop("$ref")}, shorthand]


def _job(job: Schema) -> Schema:
    properties = {key: value for key, value in job["properties"].items() if key != "name"}
    janitor = {"properties": {"type": {"const": "janitor"}}, "required": ["type"]}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["schedule"],
        "properties": properties,
        "if": janitor,
        "then": {"properties": dict.fromkeys(sorted(NOT_FOR_JANITORS), False)},
    }


def _defaults(job: Schema) -> Schema:
    properties = {key: value for key, value in job["properties"].items() if key not in NOT_IN_DEFAULTS}
    return {"type": "object", "additionalProperties": False, "properties": properties}
