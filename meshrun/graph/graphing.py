"""From SQLMesh's models to the graph that `scheduler.dag` reads: one row for each model, audit and undeclared source.

The rule: a model is called what selectors call it; a table that is read and is no model becomes an undeclared source,
so that the graph is complete. What only audits and statements read is told apart: SQLMesh does not wait for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlmesh.core.dialect import Jinja, normalize_model_name

from .faults import Faults
from .remedies import words
from .settings import Gateways

Row = dict[str, Any]
UNDECLARED = ["external", "symbolic", "undeclared"]
SQL_HEAD = re.compile(r"^\s*(MODEL|AUDIT)\s*\(", re.IGNORECASE | re.MULTILINE)
PYTHON_HEAD = re.compile(r"^@model\b", re.MULTILINE)


@dataclass
class Drawing:
    """What rows are made with, and what was found so far."""

    root: Path
    faults: Faults
    gateways: Gateways
    gateway: str
    catalog: str | None
    foreign: frozenset[Path] = frozenset()
    names: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Row] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)

    def rows(self, models: Mapping[str, Any], salvaged: Iterable[Row]) -> list[Row]:
        """Make the rows of all models, and of the sources that they read."""
        kept = [row for row in salvaged if row["fqn"] not in models]
        self._name(models, kept)
        rows = [self._model(fqn, model) for fqn, model in models.items()]
        rows += [self._salvaged(row) for row in kept]
        return rows

    def _name(self, models: Mapping[str, Any], salvaged: Iterable[Row]) -> None:
        """Name every model; where two have one name (in two catalogs), by all of their parts."""
        called = {fqn: model.name for fqn, model in models.items()} | {row["fqn"]: row["name"] for row in salvaged}
        count = Counter(called.values())
        self.names = {fqn: name if count[name] == 1 else fqn.replace('"', "") for fqn, name in called.items()}

    def name(self, fqn: str) -> str:
        """Return the name of a model or source; a source is written down when it is met."""
        if fqn in self.names:
            return self.names[fqn]
        parts = [part.name for part in exp.to_table(fqn).parts]
        if len(parts) == 3 and parts[0] == self.catalog:  # noqa: PLR2004 - catalog, schema, table
            parts = parts[1:]
        name = ".".join(parts)
        if name in self.names.values():
            name = fqn.replace('"', "")
        self.sources.setdefault(name, {"name": name, "kind": "EXTERNAL", "cron": None, "flags": UNDECLARED})
        return name

    def _model(self, fqn: str, model: Any) -> Row:  # noqa: ANN401 - SQLMesh's
        reads = self._tried(model, "its query", partial(_reads, model), set())
        engine = self.gateways.of(model.gateway or self.gateway)
        row: Row = {
            "name": self.names[fqn],
            "kind": model.kind.name.value,
            "cron": model.cron,
            "cron_tz": getattr(model.cron_tz, "key", None) or "UTC",
            "interval_unit": self._tried(model, "its cron", lambda: model.interval_unit.value, None),
            "depends_on": sorted(self.name(one) for one in reads),
            "hidden_reads": sorted(self.name(one) for one in self._hidden(model) - reads - {fqn}),
            "tags": sorted(map(str, model.tags)),
            "audits": sorted({name for name, _ in model.audits}),
            "flags": self._flags(model),
            "owner": model.owner,
            "gateway": model.gateway or self.gateway or None,
            "engine": engine.type,
            "dialect": model.dialect or None,
            "project": model.project or None,
            "fingerprint": self._tried(model, "its hash", lambda: f"{model.data_hash}-{model.metadata_hash}", None),
        }
        return row | self.at(getattr(model, "_path", None), model.name)

    def _salvaged(self, row: Row) -> Row:
        kind = row.get("kind", "VIEW")
        flags = [flag for flag, kinds in _KINDS if kind in kinds]
        made: Row = {
            "name": self.names[row["fqn"]],
            "kind": kind,
            "cron": row.get("cron", "@daily"),
            "depends_on": sorted({self.name(one) for one in row.get("reads", ()) if one != row["fqn"]}),
            "tags": row.get("tags", []),
            "flags": flags,
            "gateway": self.gateway or None,
            "engine": self.gateways.of(self.gateway).type,
        }
        place = self.at(Path(row["path"]), row["name"])
        return made | place | {"line": row.get("line") or place.get("line", 0)}

    def audits(self, standalone: Mapping[str, Any]) -> list[Row]:
        """Make the rows of the standalone audits."""
        rows = []
        for name, audit in standalone.items():
            reads = self._tried(audit, "its query", partial(_reads, audit), set())
            row: Row = {"name": name, "cron": audit.cron, "depends_on": sorted(map(self.name, reads))}
            rows.append(row | self.at(getattr(audit, "_path", None), name))
        return rows

    def _flags(self, model: Any) -> list[str]:  # noqa: ANN401 - SQLMesh's
        kind = model.kind
        flags = [name for name, is_it in (("external", kind.is_external), ("seed", kind.is_seed)) if is_it]
        flags += [name for name, is_it in (("embedded", kind.is_embedded), ("symbolic", kind.is_symbolic)) if is_it]
        path = getattr(model, "_path", None)
        if path and any(Path(path).is_relative_to(other) for other in self.foreign):
            flags.append("foreign")
        return sorted(flags)

    def _hidden(self, model: Any) -> set[str]:  # noqa: ANN401 - SQLMesh's
        """Find what audits and statements read."""
        found: set[str] = set()
        for name, _ in model.audits:
            audit = model.audit_definitions.get(name)
            if audit is not None:
                found |= self._tried(model, f"the audit {name}", partial(self._read, model, audit), set())
        for kind in ("pre_statements", "post_statements", "on_virtual_update"):
            statements = self._tried(model, f"its {kind}", partial(_statements, model, kind), [])
            for statement in statements:
                found |= self._tables(model, statement, kind)
        return found

    def _read(self, model: Any, audit: Any) -> set[str]:  # noqa: ANN401 - SQLMesh's
        query = audit.query
        if isinstance(query, Jinja):
            query = model.render_audit_query(audit)
        return self._named(model, query)

    def _tables(self, model: Any, statement: Any, kind: str) -> set[str]:  # noqa: ANN401 - SQLMesh's
        if isinstance(statement, Jinja):
            rendered = self._tried(model, f"its {kind}", getattr(model, f"render_{kind}"), [])
            return {table for one in rendered for table in self._tables(model, one, kind)}
        return self._named(model, statement)

    def _named(self, model: Any, statement: Any) -> set[str]:  # noqa: ANN401 - SQLMesh's
        """Return the tables that stand in a statement under their own names: no macro, nothing that a WITH names."""
        named = {cte.alias for cte in statement.find_all(exp.CTE)}
        return {
            normalize_model_name(table, model.default_catalog, model.dialect)
            for table in _sources(statement)
            if isinstance(table.this, exp.Identifier) and (table.db or table.name not in named)
        }

    def at(self, path: Path | None, name: str) -> Row:
        """Say in which file and line a model stands."""
        if not path or not Path(path).is_file():
            return {}
        path = Path(path).absolute()
        if path not in self.texts:
            self.texts[path] = path.read_text(encoding="utf-8", errors="replace")
        text = self.texts[path]
        head = {".py": PYTHON_HEAD, ".sql": SQL_HEAD}.get(path.suffix)
        found = head.search(text) if head else re.search(rf"\bname:\s*[\"']?{re.escape(name)}\b", text)
        start = text.count("\n", 0, found.start() + len(found[0]) - len(found[0].lstrip())) + 1 if found else 1
        return {"path": self.faults.place(path), "line": start}

    def _tried(self, model: Any, what: str, read: Callable[[], Any], otherwise: Any) -> Any:  # noqa: ANN401 - any part
        try:
            return read()
        except Exception as error:
            if isinstance(error, MemoryError):
                raise
            path = getattr(model, "_path", None)
            where = Path(path) if path else str(model.name)
            self.faults.add(where, f"{model.name}: {what} cannot be read without its world: {words(error)}")
            return otherwise


_KINDS = (
    ("external", {"EXTERNAL"}),
    ("seed", {"SEED"}),
    ("embedded", {"EMBEDDED"}),
    ("symbolic", {"EXTERNAL", "EMBEDDED"}),
)


def _reads(node: Any) -> set[str]:  # noqa: ANN401 - SQLMesh's
    return set(node.depends_on)


def _statements(model: Any, kind: str) -> list[Any]:  # noqa: ANN401 - SQLMesh's
    return list(getattr(model, kind, ()))


def _sources(statement: exp.Expression) -> Iterator[exp.Table]:
    """Yield the tables that a statement reads: not the one that it makes, changes or grants on."""
    if isinstance(statement, exp.Query):
        yield from statement.find_all(exp.Table)
        return
    for query in statement.find_all(exp.Query):
        yield from query.find_all(exp.Table)
