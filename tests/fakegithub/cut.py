"""Cut GitHub's descriptions down to what the fake speaks: `python tests/fakegithub/cut.py FOLDER`.

It writes tests/data/github. FOLDER has the npm packages @octokit/openapi, @octokit/openapi-webhooks and
@octokit/webhooks-examples, each unpacked (`npm pack NAME`, `tar xzf`) into a folder of the package's last name. Prose
and examples are left out, and OpenAPI 3.0's `nullable` is said in JSON Schema's way, for a plain validator.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakegithub.operations import EVENTS, OPERATIONS

DATA = Path(__file__).parents[1] / "data" / "github"
SPECIFICATION = "package/generated/api.github.com.json"
PROSE = {
    "description",
    "summary",
    "externalDocs",
    "example",
    "examples",
    "x-github",
    "tags",
    "title",
    "x-multi-segment",
}
METHODS = {"get", "post", "put", "patch", "delete"}


def main(folder: Path) -> None:
    rest = json.loads((folder / "openapi" / SPECIFICATION).read_text())
    hooks = json.loads((folder / "openapi-webhooks" / SPECIFICATION).read_text())
    examples = json.loads((folder / "webhooks-examples" / "package/api.github.com/index.json").read_text())
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        method, path = operation.split(" ")
        paths.setdefault(path, {})[method.lower()] = whole(rest["paths"][path][method.lower()], rest)
    write("openapi.json", cut({"paths": paths}, rest))
    bodies = {name: body_of(hooks, name) for name in hook_names()}
    write("webhooks.json", cut({"webhooks": bodies}, hooks))
    write("examples.json", chosen_examples(examples))


def hook_names() -> list[str]:
    return [f"{event} {action}".strip() for event, actions in EVENTS.items() for action in actions]


def body_of(hooks: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    hook = hooks["webhooks"][name.replace(" ", "-").replace("_", "-")]
    return hook["post"]["requestBody"]["content"]["application/json"]["schema"]


def chosen_examples(examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Take GitHub's first example of each event and action that we send."""
    found: dict[str, Any] = {}
    for group in examples:
        for example in group["examples"]:
            name = f"{group['name']} {example.get('action', '')}".strip()
            if name in hook_names():
                found.setdefault(name, example)
    return found


def whole(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return an operation with its parameters and responses in place: a reader follows references to schemas only."""
    shared = {**operation}
    shared["parameters"] = [resolved(one, document) for one in operation.get("parameters", [])]
    shared["responses"] = {code: resolved(one, document) for code, one in operation["responses"].items()}
    for response in shared["responses"].values():
        response.pop("headers", None)
    if operation["operationId"] == "apps/list-installations":
        # Here the description inlines the account, and asks it to be a user and an enterprise at once.
        content = shared["responses"]["200"]["content"]["application/json"]
        content["schema"] = {"type": "array", "items": {"$ref": "#/components/schemas/installation"}}
    return shared


def resolved(node: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return {**node}
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return {**found}


def cut(wanted: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Add the schemas that are reached from what is wanted."""
    schemas = document["components"]["schemas"]
    names, kept = references(wanted), {}
    while names:
        name = names.pop()
        kept[name] = schemas[name]
        names |= references(schemas[name]) - kept.keys()
    return {**plain(wanted), "components": {"schemas": {name: plain(kept[name]) for name in sorted(kept)}}}


def references(node: Any) -> set[str]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        if isinstance(name := node.get("$ref"), str):
            return {name.rpartition("/")[2]}
        return {found for key, value in node.items() if key != "examples" for found in references(value)}
    if isinstance(node, list):
        return {found for value in node for found in references(value)}
    return set()


def plain(node: Any, *, named: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Leave prose out and say `nullable` as JSON Schema does; `named` when the keys of this object are names."""
    if isinstance(node, list):
        return [plain(value) for value in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: plain(
            value, named=key in {"properties", "schemas", "paths", "webhooks", "patternProperties"} and not named
        )
        for key, value in node.items()
        if named or not (key in PROSE or key.startswith("x-"))
    }
    return kept if named or not kept.pop("nullable", False) else nullable(kept)


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def write(name: str, document: dict[str, Any]) -> None:
    text = "{\n" + ",\n".join(f"{json.dumps(key)}: {lines(value)}" for key, value in document.items()) + "\n}\n"
    (DATA / name).write_text(text)


def lines(value: Any) -> str:  # noqa: ANN401 - JSON
    """One line for each path, schema or example, so that a diff of two versions can be read."""
    if set(value) == {"schemas"}:
        return '{"schemas": ' + lines(value["schemas"]) + "}"
    parts = (f" {json.dumps(key)}: {json.dumps(value[key], separators=(',', ':'))}" for key in sorted(value))
    return "{\n" + ",\n".join(parts) + "\n}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
