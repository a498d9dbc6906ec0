"""A project's configuration, made loadable: every connection becomes an in-memory DuckDB, and is remembered.

The rule: what decides the graph (names, dialects, catalogs, variables, patterns) is kept as it is written; what only
decides where data lie is replaced. Each replacement that changes a meaning is a fault.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlglot import Dialect
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig
from sqlmesh.core.config import loader as config_loader
from sqlmesh.core.config.scheduler import BuiltInSchedulerConfig
from sqlmesh.utils import yaml as sqlmesh_yaml
from sqlmesh.utils.errors import ConfigError

from .engines import Engine, engine
from .remedies import Remedies
from .stubs import PLACEHOLDER

PARTS = frozenset({"connection", "state_connection", "test_connection", "scheduler", "state_schema", "variables"})
ELSEWHERE = ("notification_targets", "users", "cicd_bot", "ui", "username")
DIALECTS = {"gcp_postgres": "postgres", "motherduck": "duckdb", "azuresql": "tsql", "mssql": "tsql", "fabric": "fabric"}


@dataclass
class Gateways:
    """The engines of every gateway, by lower-case name, as they were before they were replaced."""

    engines: dict[str, Engine] = field(default_factory=dict)
    fallback: Engine = field(default_factory=Engine)

    def add(self, name: str, found: Engine) -> None:
        """Note a gateway. Where several projects have one of a name, the first one's counts, as it does for SQLMesh."""
        self.engines.setdefault(name.lower(), found)

    def of(self, name: str | None) -> Engine:
        """Return the engine of a gateway."""
        return self.engines.get((name or "").lower(), self.fallback)

    def catalogs(self) -> dict[str, str]:
        """Return the default catalog of every gateway that has one."""
        return {name: one.catalog for name, one in self.engines.items() if one.catalog}


class ConfigReader:
    """Reads YAML configurations and tames Python ones."""

    def __init__(self, remedies: Remedies, gateways: Gateways, cache: Path) -> None:
        self._remedies, self.gateways, self._cache = remedies, gateways, cache
        self._faults = remedies.faults
        self._from_environment = config_loader.load_config_from_env

    def yaml(self, path: Path, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read a configuration; what this SQLMesh does not know is left out. Raises `ConfigError`."""
        try:
            content = self.read(path, variables)
        except Exception as error:  # noqa: BLE001 - of YAML, of Jinja, of whatever it calls
            raise ConfigError(f"{path.name} cannot be read: {error}") from None
        if not isinstance(content, dict):
            raise ConfigError(f"{path.name} is no mapping; write keys and values")
        self._replace(content, path)
        return self._valid(content, path)

    def environment(self) -> dict[str, Any]:
        """Read what SQLMESH__ variables of an .env file set, without connections."""
        found = self._from_environment()
        for gateway in (found.get("gateways") or {}).values():
            if isinstance(gateway, dict):
                for part in PARTS - {"variables", "state_schema"}:
                    gateway.pop(part, None)
        return found

    def plain(self, path: Path) -> Any:  # noqa: ANN401 - YAML
        """Read YAML whose Jinja is somebody else's."""
        return sqlmesh_yaml.load(path, render_jinja=False, raise_if_empty=False, allow_duplicate_keys=True)

    def read(self, path: Path, variables: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - YAML
        """Read YAML with Jinja in it, where missing variables are placeholders."""
        before = dict(sqlmesh_yaml.JINJA_METHODS)
        sqlmesh_yaml.JINJA_METHODS.update(env_var=self._env_var(path), user=_user)
        try:
            return sqlmesh_yaml.load(path, variables=variables, raise_if_empty=False, allow_duplicate_keys=True)
        finally:
            sqlmesh_yaml.JINJA_METHODS.update(before)

    def _env_var(self, path: Path) -> Callable[..., str]:
        def env_var(key: str, default: str | None = None) -> str:
            found = os.environ.get(key, default)
            if found is None:
                self._remedies.variable(key, path)
                return PLACEHOLDER
            return found

        return env_var

    def _replace(self, content: dict[str, Any], path: Path) -> None:
        """Replace connections and schedulers; leave out what talks to the world."""
        named = self._named(content)
        default = content.pop("default_connection", None)
        content.pop("default_test_connection", None)
        self._scheduler(content.pop("default_scheduler", None), path)
        if default:
            self.gateways.fallback = engine(default)
        for name, gateway in (named or {}).items():
            self._scheduler(gateway.pop("scheduler", None), path)
            state = gateway.pop("state_connection", None)
            gateway.pop("test_connection", None)
            self.gateways.add(str(name), engine(gateway.get("connection") or default, state))
            gateway["connection"] = {"type": "duckdb"}
        if named:
            content["gateways"] = named
        elif default:
            self.gateways.add("", engine(default))
            content["gateways"] = {"": {"connection": {"type": "duckdb"}}}
        chosen = str(content.get("default_gateway") or "")
        if chosen and named is not None and chosen.lower() not in {str(name).lower() for name in named}:
            content.pop("default_gateway")
            self._faults.add(path, f"default_gateway {chosen!r} is none of the gateways; the first stands for it")
        for key in ELSEWHERE:
            content.pop(key, None)
        content["cache_dir"] = str(self._cache)
        self._dialect(content, path)

    def _named(self, content: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
        """Return the gateways by name, whichever way they are written."""
        written = content.pop("gateways", None) or content.pop("gateway", None)
        content.pop("gateway", None)
        if not isinstance(written, dict):
            return None
        if written.keys() & PARTS and not all(isinstance(one, dict) and one.keys() & PARTS for one in written.values()):
            written = {"": written}
        return {str(name): dict(one or {}) for name, one in written.items() if isinstance(one, dict) or one is None}

    def _scheduler(self, scheduler: object, path: Path) -> None:
        kind = scheduler.get("type") if isinstance(scheduler, dict) else None
        if kind and kind != "builtin":
            self._faults.add(path, f"the scheduler type {kind!r} is not of this SQLMesh; builtin stands for it")

    def _dialect(self, content: dict[str, Any], path: Path) -> None:
        """See that there is a dialect that SQLMesh knows: the gateway's, when none is written."""
        defaults = content.get("model_defaults")
        written = defaults.get("dialect") if isinstance(defaults, dict) else None
        if written is None and not isinstance(defaults, dict) and "gateways" not in content:
            return  # a part of a configuration, or dbt
        kind = self.gateways.of(content.get("default_gateway") or next(iter(content.get("gateways") or [""]))).type
        if written == "" or known(written) or (written is None and (path.parent / "dbt_project.yml").exists()):
            return
        guess = DIALECTS.get(kind or "", kind or "")
        chosen = guess if known(guess) else "duckdb"
        self._faults.add(path, f"model_defaults.dialect is {written!r}; {chosen!r} stands for it", "write a dialect")
        content["model_defaults"] = {**(defaults if isinstance(defaults, dict) else {}), "dialect": chosen}

    def _valid(self, content: dict[str, Any], path: Path) -> dict[str, Any]:
        """Leave out, one after the other, the keys that this SQLMesh refuses."""
        for _attempt in range(20):
            try:
                Config.parse_obj(_copied(content))
            except ValidationError as error:
                bad = {str(one["loc"][0]) for one in error.errors() if one["loc"]} & content.keys()
                if not bad:
                    return content
                self._leave_out(content, bad, path, error)
            except (ConfigError, ValueError, TypeError) as error:
                bad = {key for key in content if key in str(error)} - {"gateways", "model_defaults"}
                if not bad:
                    raise ConfigError(f"{path}: {error}") from error
                self._leave_out(content, bad, path, error)
            else:
                break
        return content

    def _leave_out(self, content: dict[str, Any], keys: set[str], path: Path, error: Exception) -> None:
        said = " ".join(str(error).split("For further")[0].split())
        for key in sorted(keys):
            self._faults.add(path, f"this SQLMesh refuses {key}; it was left out ({said})", "mend or remove it")
            content.pop(key)

    def tame(self, config: Config) -> Config:
        """Replace the connections of a configuration object. Its own values are not changed."""
        update: dict[str, Any] = {}
        default = config.default_connection
        written: Any = config.gateways
        gateways = written if isinstance(written, dict) else {"": written}
        for name, gateway in gateways.items():
            connection = gateway.connection or default
            self.gateways.add(name, engine(_plain(connection), _plain(gateway.state_connection)))
            update[name] = gateway.copy(
                update={
                    "connection": DuckDBConnectionConfig(),
                    "state_connection": None,
                    "test_connection": None,
                    "scheduler": None,
                }
            )
        chosen = config.default_gateway if config.default_gateway.lower() in {name.lower() for name in update} else ""
        return config.copy(
            update={
                "gateways": update or {"": GatewayConfig(connection=DuckDBConnectionConfig())},
                "default_gateway": chosen,
                "default_connection": None,
                "default_scheduler": BuiltInSchedulerConfig(),
                "notification_targets": [],
                "users": [],
                "cicd_bot": None,
                "cache_dir": str(self._cache),
            }
        )


def known(dialect: object) -> bool:
    """Say whether SQLGlot knows a dialect."""
    if not isinstance(dialect, str) or not dialect:
        return False
    try:
        Dialect.get_or_raise(dialect)
    except ValueError:
        return False
    return True


def _plain(connection: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a connection configuration, or None
    if connection is None:
        return None
    plain = {**vars(connection), "type": getattr(connection, "type_", None)}
    try:
        plain.setdefault("catalog", connection.get_catalog())
    except Exception:  # noqa: BLE001 - a stand-in, or one that asks the world
        return plain
    return plain


def _copied(value: Any) -> Any:  # noqa: ANN401 - YAML
    """Copy a tree: validators take things out of what they are given."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return PLACEHOLDER
