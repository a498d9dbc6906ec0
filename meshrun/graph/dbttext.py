"""A dbt project read as text, where dbt, its adapter or its profile is not there: models, refs, sources, and settings.

The rule: what is written is believed, nothing is executed. A reference that only a macro computes is not seen, and the
graph says so. Names are those that SQLMesh gives to dbt models: schema and alias.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .faults import Faults
from .settings import ConfigReader
from .stubs import PLACEHOLDER

Row = dict[str, Any]
Settings = dict[str, Any]
PROJECT, PROFILES = "dbt_project.yml", "profiles.yml"
KINDS = {
    "view": "VIEW",
    "table": "FULL",
    "ephemeral": "EMBEDDED",
    "materialized_view": "VIEW",
    "snapshot": "SCD_TYPE_2_BY_TIME",
    "seed": "SEED",
}
REF = re.compile(
    r"\bref\(\s*['\"]([^'\"]+)['\"](?:\s*,\s*['\"]([^'\"]+)['\"])?(?:\s*,\s*(?:v|version)\s*=\s*['\"]?(\w+))?"
)
SOURCE = re.compile(r"\bsource\(\s*['\"]([^'\"]+)['\"]\s*,\s*['\"]([^'\"]+)['\"]")
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)  # Jinja within comments of SQL counts for dbt too
CONFIG = re.compile(r"\bconfig\s*\(")
SNAPSHOT = re.compile(r"\{%-?\s*snapshot\s+(\w+)")
SCHEMA_MACRO = re.compile(r"macro\s+generate_schema_name\s*\(")


@dataclass
class Node:
    """A model, seed or snapshot: its file, its text without comments, and its settings."""

    name: str
    path: Path
    text: str
    settings: Settings
    materialized: str = "view"


@dataclass
class DbtText:
    """One dbt project."""

    folder: Path
    reader: ConfigReader
    faults: Faults
    nodes: dict[str, Node] = field(default_factory=dict)
    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)
    schema: str = "main"
    engine: str | None = None
    plain_schema: bool = False

    def rows(self) -> list[Row]:
        """Read the project: one row for each of its nodes, ready for `graphing`."""
        project = self._yaml(self.folder / PROJECT)
        self._profile(project)
        macros = self._files(project, "macro-paths", ("macros",), (".sql",))
        self.plain_schema = any(SCHEMA_MACRO.search(path.read_text(errors="replace")) for path in macros)
        properties = self._properties(project)
        for kind, folders, suffixes in (
            ("model", ("models",), (".sql", ".py")),
            ("seed", ("seeds", "data"), (".csv",)),
            ("snapshot", ("snapshots",), (".sql",)),
        ):
            for path in self._files(project, f"{kind}-paths", folders, suffixes):
                self._add(kind, path, project, properties)
        known = {node.name: self._fqn(node) for node in self.nodes.values()}
        return [self._row(node, known) for node in self.nodes.values()]

    def _add(self, kind: str, path: Path, project: Settings, properties: Mapping[str, Settings]) -> None:
        text = "" if kind == "seed" else COMMENT.sub(" ", path.read_text(encoding="utf-8", errors="replace"))
        names = SNAPSHOT.findall(text) if kind == "snapshot" else [self.files.get(path.stem, path.stem)]
        for name in names:
            settings = {
                **self._from_project(project, f"{kind}s", path),
                **properties.get(name, {}),
                **dict(_configured(text)),
            }
            usual = {"model": "view", "seed": "seed", "snapshot": "snapshot"}[kind]
            materialized = usual if kind != "model" else str(settings.get("materialized", usual))
            if settings.get("enabled", True) is not False and (text.strip() or kind == "seed"):
                self.nodes[name] = Node(name, path, text, settings, materialized)

    def _row(self, node: Node, known: Mapping[str, str]) -> Row:
        wanted = {self._version(second or first, version) for first, second, version in REF.findall(node.text)}
        reads = {known[name] for name in wanted if name in known}
        lost = sorted(wanted - known.keys())
        if lost:
            self.faults.add(node.path, f"ref to {', '.join(lost)}, which is not here", "run `dbt deps` before")
        reads |= {self._source(*pair) for pair in SOURCE.findall(node.text)}
        tags = node.settings.get("tags", [])
        cron = node.settings.get("cron")
        return {
            "name": f"{self._schema(node)}.{self._alias(node)}",
            "fqn": self._fqn(node),
            "kind": self._kind(node),
            "cron": cron if isinstance(cron, str) else "@daily",
            "tags": [tags] if isinstance(tags, str) else [str(tag) for tag in tags],
            "reads": sorted(reads),
            "path": str(node.path),
            "line": 1,
        }

    def _kind(self, node: Node) -> str:
        if node.materialized != "incremental":
            return KINDS.get(node.materialized, "FULL")
        if node.settings.get("time_column"):
            return "INCREMENTAL_BY_TIME_RANGE"
        return "INCREMENTAL_BY_UNIQUE_KEY" if node.settings.get("unique_key") else "INCREMENTAL_UNMANAGED"

    def _schema(self, node: Node) -> str:
        own = node.settings.get("target_schema") or node.settings.get("schema")
        if not own:
            return self.schema
        return str(own) if self.plain_schema or node.materialized == "snapshot" else f"{self.schema}_{own}"

    def _alias(self, node: Node) -> str:
        return str(node.settings.get("alias") or node.name)

    def _fqn(self, node: Node) -> str:
        return f'"{self._schema(node)}"."{self._alias(node)}"'

    def _source(self, source: str, table: str) -> str:
        return self.sources.get((source, table), f'"{source}"."{table}"')

    def _profile(self, project: Settings) -> None:
        """Read which schema the models go to, from a profile in the repository if there is one."""
        file, name = self.folder / PROFILES, str(project.get("profile") or project.get("name") or "")
        profile = self._yaml(file).get(name) if file.is_file() else None
        outputs = profile.get("outputs") if isinstance(profile, dict) else None
        if not isinstance(outputs, dict) or not outputs:
            self.faults.add(self.folder / PROJECT, f"no profile {name!r}; the schema {self.schema!r} is assumed")
            return
        target = str(profile.get("target") if isinstance(profile, dict) else "")
        chosen = outputs.get(target) or next(iter(outputs.values()))
        self.schema = str(chosen.get("schema") or chosen.get("dataset") or self.schema)
        self.engine = str(chosen.get("type") or "") or None

    def _properties(self, project: Settings) -> dict[str, Settings]:
        """Read the YAML files beside the models: settings by name, and where sources are."""
        found: dict[str, Settings] = {}
        folders = ("models", "seeds", "snapshots", "data")
        for path in self._files(project, "", folders, (".yml", ".yaml")):
            content = self._yaml(path)
            for kind in ("models", "seeds", "snapshots"):
                for one in _dicts(content.get(kind)):
                    found.setdefault(str(one.get("name")), {}).update(_given(one))
                    self._versions(one, found)
            for source in _dicts(content.get("sources")):
                self._declare(source)
        return found

    def _versions(self, model: Settings, found: dict[str, Settings]) -> None:
        """Note the versions of a model: each has a file and a name of its own."""
        name = str(model.get("name"))
        versions = [str(one.get("v")) for one in _dicts(model.get("versions"))]
        if versions:
            self.latest[name] = str(model.get("latest_version") or max(versions, key=lambda v: (len(v), v)))
        for one in _dicts(model.get("versions")):
            versioned = f"{name}_v{one.get('v')}"
            self.files[str(one.get("defined_in") or versioned)] = versioned
            found[versioned] = {**found[name], **_given(one)}
        if versions:
            self.files.setdefault(name, f"{name}_v{self.latest[name]}")

    def _version(self, name: str, version: str) -> str:
        version = version or self.latest.get(name, "")
        return f"{name}_v{version}" if version else name

    def _declare(self, source: Settings) -> None:
        schema = str(source.get("schema") or source.get("name"))
        for table in _dicts(source.get("tables")):
            key = (str(source.get("name")), str(table.get("name")))
            self.sources[key] = f'"{schema}"."{table.get("identifier") or table.get("name")}"'

    def _from_project(self, project: Settings, kind: str, path: Path) -> Settings:
        """Collect the settings of dbt_project.yml along the folders that lead to a file."""
        found: Settings = {}
        level = project.get(kind)
        parts = [str(project.get("name")), *path.relative_to(self.folder).parts[1:-1], path.stem]
        while isinstance(level, dict):
            found.update({str(key).lstrip("+"): value for key, value in level.items() if str(key).startswith("+")})
            found.update({key: value for key, value in level.items() if key in {"materialized", "schema", "tags"}})
            if not parts:
                break
            level = level.get(parts.pop(0))
        return found

    def _files(self, project: Settings, key: str, usual: tuple[str, ...], suffixes: tuple[str, ...]) -> Iterator[Path]:
        folders = project.get(key) if key else None
        for name in folders if isinstance(folders, list) else usual:
            for path in sorted((self.folder / str(name)).rglob("*")):
                if path.suffix in suffixes and path.is_file():
                    yield path

    def _yaml(self, path: Path) -> Settings:
        try:
            content = self.reader.read(path) if path.name == PROFILES else self.reader.plain(path)
        except Exception as error:  # noqa: BLE001 - Jinja that only dbt knows, or no YAML
            self.faults.add(path, f"it cannot be read: {error}")
            return {}
        return content if isinstance(content, dict) else {}


def is_project(folder: Path) -> bool:
    """Say whether SQLMesh takes a folder for a dbt project: a config.py decides for itself."""
    config = folder / "config.py"
    return (folder / PROJECT).is_file() and (not config.is_file() or "dbt" in config.read_text(errors="replace"))


def _dicts(value: object) -> Iterator[Settings]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _given(properties: Settings) -> Settings:
    config = properties.get("config")
    own = {key: properties[key] for key in ("tags",) if key in properties}
    return {**own, **(config if isinstance(config, dict) else {})}


def _configured(text: str) -> Iterator[tuple[str, Any]]:
    """Yield what calls of `config(...)` in a model's text say literally."""
    for call in CONFIG.finditer(text):
        arguments = _arguments(text[call.end() - 1 :])
        try:
            parsed = ast.parse(f"config{arguments}", mode="eval").body
        except (SyntaxError, ValueError):
            continue
        for word in parsed.keywords if isinstance(parsed, ast.Call) else ():
            if word.arg:
                try:
                    yield word.arg, ast.literal_eval(word.value)
                except (ValueError, TypeError):
                    yield word.arg, PLACEHOLDER


def _arguments(text: str) -> str:
    """Return a text up to the parenthesis that closes its first one."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[: place + 1]
    return text
