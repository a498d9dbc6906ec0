"""Gateways without their engines: what a connection would have told about catalogs, read from its configuration.

The rule: no driver is imported and nothing is connected to. A gateway's catalog is what SQLMesh would have asked the
engine for, so that models have the same full names and the same edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

# Engines that have no catalogs as SQLMesh sees them.
FLAT = frozenset({"mysql", "clickhouse", "starrocks", "doris"})
# What an engine says when its configuration names no catalog.
USUAL = {"spark": "spark_catalog", "databricks": "hive_metastore", "athena": "awsdatacatalog", "duckdb": "memory"}
KEYS = ("catalog", "database", "db", "catalog_name", "dbname")


@dataclass(frozen=True)
class Engine:
    """What there is to know of a gateway: its engine's type, its default catalog, and that of its state."""

    type: str | None = None
    catalog: str | None = None
    state: str | None = None


def engine(connection: Mapping[str, Any] | None, state: Mapping[str, Any] | None = None) -> Engine:
    """Read a gateway's connection and state connection, as their configuration is written."""
    if not connection:
        return Engine(state=_type(state))
    return Engine(_type(connection), catalog(connection), _type(state))


def catalog(connection: Mapping[str, Any]) -> str | None:
    """Return the default catalog of a connection; None for an engine that has none."""
    kind = _type(connection) or ""
    if kind in FLAT:
        return None
    if kind in {"duckdb", "motherduck"}:
        return _duckdb(connection, kind)
    if kind == "bigquery":
        return _text(connection.get("project") or connection.get("execution_project")) or None
    found = next((text for key in KEYS if (text := _text(connection.get(key)))), None)
    found = found or USUAL.get(kind)
    return found.upper() if found and kind == "db2" else found


def _duckdb(connection: Mapping[str, Any], kind: str) -> str | None:
    catalogs = connection.get("catalogs")
    if isinstance(catalogs, Mapping) and catalogs:
        return str(next(iter(catalogs)))
    database = _text(connection.get("database") or connection.get("path"))
    if kind == "motherduck" or (database or "").startswith("md:"):
        return (database or "").removeprefix("md:").partition("?")[0] or "my_db"
    if not database or database == ":memory:":
        return "memory"
    return PurePosixPath(database).name.partition(".")[0]


def _type(connection: Mapping[str, Any] | None) -> str | None:
    return (_text((connection or {}).get("type")) or "").lower() or None


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int)) and str(value) else None
