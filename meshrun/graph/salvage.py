"""What a model's file says about it when SQLMesh cannot load it: name, kind, cron, and the tables written in it.

The rule: a model that does not load still is in the graph as far as its text tells, and its fault says so. Nothing is
executed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlmesh.core.dialect import Model, normalize_model_name, parse

Row = dict[str, Any]
NAME = re.compile(r"\bMODEL\s*\(.*?\bname\s+([\w.\"`@{}]+)", re.IGNORECASE | re.DOTALL)
KIND = re.compile(r"\bMODEL\s*\(.*?\bkind\s+(\w+)", re.IGNORECASE | re.DOTALL)
CRON = re.compile(r"\bMODEL\s*\(.*?\bcron\s+(?:'([^']*)'|(@\w+))", re.IGNORECASE | re.DOTALL)
TABLE = re.compile(r"\b(?:FROM|JOIN)\s+([A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*){1,2})", re.IGNORECASE)
TEMPLATE = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


def of_file(path: Path, dialect: str | None, catalog: str | None) -> list[Row]:
    """Read what the file of a model that does not load tells; empty when it is nothing of a name."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    rows = list(_python(text)) if path.suffix == ".py" else _sql(text, dialect, catalog)
    for row in rows:
        row["fqn"] = normalize_model_name(row["name"], catalog, dialect)
        row["reads"] = sorted({normalize_model_name(one, catalog, dialect) for one in row["reads"]})
    return rows


def _sql(text: str, dialect: str | None, catalog: str | None) -> list[Row]:
    try:
        expressions = parse(text, default_dialect=dialect)
    except Exception:  # noqa: BLE001 - a broken file is why we are here
        return _by_pattern(text, dialect, catalog)
    head = expressions[0] if expressions and isinstance(expressions[0], Model) else None
    found = {one.name.lower(): one.args.get("value") for one in head.expressions} if head else {}
    name = _plain(found.get("name"), dialect)
    if not name or "@" in name:
        return _by_pattern(text, dialect, catalog)
    row: Row = {"name": name, "reads": sorted(_tables(expressions[1:], dialect, catalog))}
    kind = found.get("kind")
    if kind is not None:
        row["kind"] = str(getattr(kind, "this", kind)).split("(")[0].strip().upper()
    if (cron := _plain(found.get("cron"), dialect)) is not None:
        row["cron"] = cron
    return [row]


def _by_pattern(text: str, dialect: str | None, catalog: str | None) -> list[Row]:
    """Read a file that is no SQL, such as one with unbalanced parentheses."""
    name = NAME.search(text)
    if not name or "@" in name[1] or "{" in name[1]:
        return []
    row: Row = {"name": name[1].strip('"`')}
    if kind := KIND.search(text):
        row["kind"] = kind[1].upper()
    if cron := CRON.search(text):
        row["cron"] = cron[1] or cron[2]
    body = TEMPLATE.sub(" ", text.partition(";")[2])
    row["reads"] = sorted({normalize_model_name(one, catalog, dialect) for one in TABLE.findall(body)})
    return [row]


def _plain(value: Any, dialect: str | None) -> str | None:  # noqa: ANN401 - an expression
    if value is None:
        return None
    return str(value.this) if isinstance(value, exp.Literal) else str(value.sql(dialect=dialect))


def _tables(expressions: Sequence[Any], dialect: str | None, catalog: str | None) -> Iterator[str]:
    """Yield the tables that are written in statements, without the names that a WITH gives."""
    for expression in expressions:
        named = {cte.alias for cte in expression.find_all(exp.CTE)}
        for table in expression.find_all(exp.Table):
            if table.name and (table.db or table.name not in named) and isinstance(table.this, exp.Identifier):
                yield normalize_model_name(table, catalog, dialect)


def _python(text: str) -> Iterator[Row]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.ClassDef)):
            continue
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) == "model":
                yield from _decorated(decorator, decorator.lineno)


def _decorated(call: ast.Call, line: int) -> Iterator[Row]:
    known = {word.arg: _literal(word.value) for word in call.keywords if word.arg}
    name = known.get("name") or (_literal(call.args[0]) if call.args else None)
    if not isinstance(name, str) or "@" in name:
        return
    row: Row = {"name": name, "line": line, "reads": []}
    kind = known.get("kind")
    if isinstance(kind, dict):
        kind = kind.get("name")
    if kind:
        row["kind"] = str(kind).rpartition(".")[2].upper()
    if isinstance(known.get("cron"), str):
        row["cron"] = known["cron"]
    if isinstance(known.get("depends_on"), (list, set, tuple)):
        row["reads"] = sorted(str(one) for one in known["depends_on"])
    yield row


def _literal(node: ast.expr) -> Any:  # noqa: ANN401 - a literal
    """Return the value of what is written as one; of `ModelKindName.FULL`, its words."""
    if isinstance(node, ast.Dict):
        return {
            _literal(key): _literal(one) for key, one in zip(node.keys, node.values, strict=True) if key is not None
        }
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return ast.unparse(node) if isinstance(node, ast.Attribute) else None
