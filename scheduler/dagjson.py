"""The graph's JSON: one document with a version, written by `meshrun describe` and checked strictly here.

```
{"meshbot_graph": 1, "project": "shop", "sqlmesh": "0.236.4", "default_catalog": null, "state_engine": "postgres",
 "models": [{"name": "shop.orders", "kind": "VIEW", "cron": "@hourly", "cron_tz": "UTC", "depends_on": ["raw.orders"]}],
 "audits": [{"name": "no_holes", "cron": "@daily", "depends_on": ["shop.orders"]}],
 "faults": [{"where": "config.yaml", "problem": "...", "remedy": "..."}]}
```

Left out means the default of `scheduler.dag`. An unknown key, a wrong type or another version is refused, with its
place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from scheduler.dag import Flag, Graph, GraphError, LoadFault, Model, StandaloneAudit, graph

VERSION = 1
VERSION_KEY = "meshbot_graph"
Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_null(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is str for item in value)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_list(value: object) -> bool:
    return isinstance(value, list)


EXPECTED: Mapping[Check, str] = {
    _is_text: "a string",
    _is_text_or_null: "a string or null",
    _is_texts: "a list of strings",
    _is_count: "a number, 0 or more",
    _is_list: "a list",
}
AUDIT: Mapping[str, Check] = {
    "name": _is_text,
    "cron": _is_text_or_null,
    "depends_on": _is_texts,
    "path": _is_text_or_null,
    "line": _is_count,
}
MODEL: Mapping[str, Check] = {
    **AUDIT,
    "kind": _is_text,
    "cron_tz": _is_text,
    "interval_unit": _is_text_or_null,
    "hidden_reads": _is_texts,
    "tags": _is_texts,
    "audits": _is_texts,
    "flags": _is_texts,
    "owner": _is_text_or_null,
    "gateway": _is_text_or_null,
    "engine": _is_text_or_null,
    "dialect": _is_text_or_null,
    "project": _is_text_or_null,
    "fingerprint": _is_text_or_null,
}
FAULT: Mapping[str, Check] = dict.fromkeys(("where", "problem", "remedy"), _is_text)
DOCUMENT: Mapping[str, Check] = {
    VERSION_KEY: _is_count,
    "project": _is_text_or_null,
    "sqlmesh": _is_text_or_null,
    "default_catalog": _is_text_or_null,
    "state_engine": _is_text_or_null,
    "models": _is_list,
    "audits": _is_list,
    "faults": _is_list,
}
FLAGS = {flag.value: flag for flag in Flag}


def parse(text: str | bytes) -> Graph:
    """Read a graph. Raises `GraphError` that says where, for text that is no graph of this version."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"reading the graph: no JSON ({error}); it is what `meshrun describe` prints") from error
    if not isinstance(found, dict) or VERSION_KEY not in found:
        raise GraphError(f"reading the graph: no {VERSION_KEY!r} in it; it is what `meshrun describe` prints")
    if found[VERSION_KEY] != VERSION or not _is_count(found[VERSION_KEY]):
        raise GraphError(
            f"reading the graph: version {found[VERSION_KEY]!r}, and this Meshbot reads version {VERSION}; "
            "use a meshrun of the same release"
        )
    _check(found, DOCUMENT, ())
    return graph(
        [_model(item, place) for place, item in enumerate(found.get("models", []))],
        audits=[_audit(item, place) for place, item in enumerate(found.get("audits", []))],
        faults=[_fault(item, place) for place, item in enumerate(found.get("faults", []))],
        project=found.get("project"),
        sqlmesh=found.get("sqlmesh"),
        default_catalog=found.get("default_catalog"),
        state_engine=found.get("state_engine"),
    )


def dump(built: Graph) -> str:
    """Write a graph, one line a model; `parse` reads it back to an equal value. Defaults are left out."""
    head = {
        VERSION_KEY: VERSION,
        "project": built.project,
        "sqlmesh": built.sqlmesh,
        "default_catalog": built.default_catalog,
        "state_engine": built.state_engine,
    }
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    lists = (("models", built.models), ("audits", built.audits), ("faults", built.faults))
    parts += [f'"{key}": [{_lines(values)}]' for key, values in lists]
    return "{" + ",\n".join(parts) + "}\n"


def _lines(values: tuple[Model, ...] | tuple[StandaloneAudit, ...] | tuple[LoadFault, ...]) -> str:
    return ",\n".join(json.dumps(_plain(value)) for value in values)


def _plain(value: Model | StandaloneAudit | LoadFault) -> dict[str, object]:
    """Return the fields that differ from their defaults."""
    plain: dict[str, object] = {}
    for one in fields(value):
        found = getattr(value, one.name)
        if found != one.default:
            plain[one.name] = sorted(found) if isinstance(found, frozenset) else found
    return plain


def _model(item: object, place: int) -> Model:
    values = _check(item, MODEL, ("models", place))
    name = values["name"]
    if not name:
        raise GraphError(f"reading the graph: models[{place}] has an empty name; a name selects a model")
    unknown = [flag for flag in values.get("flags", ()) if flag not in FLAGS]
    if unknown:
        raise GraphError(f"reading the graph: {name!r} has the flag {unknown[0]!r}; known are {', '.join(FLAGS)}")
    sets: dict[str, Any] = {
        key: tuple(sorted(set(values[key])))
        for key in ("depends_on", "hidden_reads", "tags", "audits")
        if key in values
    }
    if "flags" in values:
        sets["flags"] = frozenset(map(FLAGS.__getitem__, values["flags"]))
    return Model(**(values | sets))


def _audit(item: object, place: int) -> StandaloneAudit:
    values = _check(item, AUDIT, ("audits", place))
    return StandaloneAudit(**(values | {"depends_on": tuple(sorted(set(values.get("depends_on", ()))))}))


def _fault(item: object, place: int) -> LoadFault:
    return LoadFault(**_check(item, FAULT, ("faults", place)))


def _check(item: object, shape: Mapping[str, Check], place: tuple[object, ...]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise GraphError(f"reading the graph: {_at(place)} is no object")
    for key, value in item.items():
        if key not in shape:
            raise GraphError(
                f"reading the graph: {_at(place)} has an unknown key {key!r}; known are {', '.join(shape)}"
            )
        if not shape[key](value):
            raise GraphError(f"reading the graph: {_at((*place, key))} is not {EXPECTED[shape[key]]}")
    required = next(iter(shape))
    if required not in item:
        raise GraphError(f"reading the graph: {_at(place)} has no {required!r}")
    return item


def _at(place: tuple[object, ...]) -> str:
    match place:
        case ():
            return "the document"
        case (key,):
            return str(key)
        case (group, index, *rest):
            return ".".join([f"{group}[{index}]", *map(str, rest)])
        case _:
            return "?"


__all__ = ["VERSION", "dump", "parse"]
