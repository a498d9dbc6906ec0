"""Holds what passes between the fake and its clients against GitHub's own descriptions in tests/data/github.

The rule: it finds fault and changes nothing. A client's request is held to more than GitHub holds it: a field or a
query parameter that the description does not know is a fault, because it is a mistake that GitHub would pass over in
silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import referencing
import referencing.jsonschema

DATA = Path(__file__).parents[1] / "data" / "github"
JSON = "application/json"
BEYOND = re.compile(r".*\.head\.repo: None is not .*|.*\.(position|line): None is not .*")
"""Where GitHub does not keep to its description: the fork of a pull request is null once it is deleted, and so is the
line of a comment once it is outdated."""
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    return (
        not isinstance(value, str)
        or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value) is not None
    )


@FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or re.match(r"[a-z][a-z0-9+.-]*:\S+$", value) is not None


@dataclass(frozen=True)
class Asked:
    """A request, as far as the description speaks of it."""

    operation: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


def wrong_request(asked: Asked) -> list[str]:
    """Say what in a request GitHub's description does not know or allow."""
    described = _operation(asked.operation)
    known = {one["name"]: one for one in described["parameters"]}
    faults = [f"{asked.operation}: no such query parameter: {name}" for name in asked.query if name not in known]
    for name, value in {**asked.parameters, **asked.query}.items():
        if name in known:
            faults += [
                f"{asked.operation}: {name}: {fault}" for fault in _wrong_parameter(known[name]["schema"], value)
            ]
    body = described.get("requestBody", {}).get("content", {}).get(JSON)
    if body is None:
        return faults + ([f"{asked.operation}: a body where none is described: {asked.body!r}"] if asked.body else [])
    if asked.body is None:
        return faults + (
            [f"{asked.operation}: the body is missing"] if described["requestBody"].get("required") else []
        )
    place = f"{_pointer('paths', *_parts(asked.operation))}/requestBody/content/application~1json/schema"
    faults += [f"{asked.operation}: {fault}" for fault in _wrong("openapi.json", place, asked.body)]
    unknown = set(asked.body) - _fields(body["schema"]) if isinstance(asked.body, dict) else set()
    return faults + [f"{asked.operation}: no such field: {name}" for name in sorted(unknown)]


def wrong_response(operation: str, status: int, body: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Say what in an answer GitHub's description does not know or allow."""
    responses = _operation(operation)["responses"]
    code = str(status)
    if code not in responses:
        code = "4XX" if "4XX" in responses and status >= 400 else code
    if code not in responses:
        # Of refusals, the description names only those that are particular to the operation.
        return _wrong_refusal(operation, status, body)
    content = responses[code].get("content", {}).get(JSON)
    if content is None and status >= 400:
        return _wrong_refusal(operation, status, body)
    if content is None:
        return [] if body is None else [f"{operation}: {status} has a body where none is described"]
    place = f"{_pointer('paths', *_parts(operation))}/responses/{code}/content/application~1json/schema"
    return [f"{operation}: {status}: {fault}" for fault in _wrong("openapi.json", place, body)]


def wrong_hook(event: str, payload: Mapping[str, Any]) -> list[str]:
    """Say what in a webhook's payload GitHub's description does not know or allow."""
    name = f"{event} {payload.get('action', '')}".strip()
    if name not in document("webhooks.json")["webhooks"]:
        return [f"{name}: GitHub sends no such webhook"]
    return [f"{name}: {fault}" for fault in _wrong("webhooks.json", _pointer("webhooks", name), payload)]


@cache
def document(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((DATA / name).read_text())


def _operation(operation: str) -> Any:  # noqa: ANN401 - JSON
    path, method = _parts(operation)
    return document("openapi.json")["paths"][path][method]


def _parts(operation: str) -> tuple[str, str]:
    method, path = operation.split(" ")
    return path, method.lower()


def _pointer(*parts: str) -> str:
    return "".join(
        "/" + part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D").replace(" ", "%20")
        for part in parts
    )


def _wrong_refusal(operation: str, status: int, body: Any) -> list[str]:  # noqa: ANN401 - JSON
    if status < 400 and status not in {301, 307}:
        return [f"{operation}: GitHub's description knows no answer {status}"]
    return [
        f"{operation}: {status}: {fault}"
        for fault in _wrong("openapi.json", _pointer("components", "schemas", "basic-error"), body)
    ]


def _wrong_parameter(schema: Mapping[str, Any], value: str) -> Iterator[str]:
    while "$ref" in schema:
        schema = document("openapi.json")["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "integer" and not re.fullmatch(r"-?\d+", value):
        yield f"{value!r} is no integer"
    if schema.get("type") == "string" and "enum" in schema and value not in schema["enum"]:
        yield f"{value!r} is none of {schema['enum']}"


def _fields(schema: Mapping[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _fields(document("openapi.json")["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    parts = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, [])]
    return set(schema.get("properties", {})).union(*(_fields(part) for part in parts))


def _wrong(name: str, pointer: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    for error in _validator(name, pointer).iter_errors(value):
        inner = jsonschema.exceptions.best_match([error]) or error
        fault = f"{inner.json_path}: {inner.message[:300]}"
        if not BEYOND.fullmatch(fault):
            yield fault


@cache
def _validator(name: str, pointer: str) -> jsonschema.Draft202012Validator:
    resource = referencing.Resource.from_contents(document(name), referencing.jsonschema.DRAFT202012)
    registry = referencing.Registry().with_resource(f"urn:{name}", resource)
    return jsonschema.Draft202012Validator({"$ref": f"urn:{name}#{pointer}"}, registry=registry, format_checker=FORMATS)
