"""A project's config.py, executed where its drivers, variables and services are missing.

The rule: it is executed as it is; only when that fails is more and more forgiven: missing modules, missing variables,
at last single statements, whose names then stand for anything. The surprise: a connection that does not validate is
kept, because it says what the gateway is.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlmesh.core.config import Config, ModelDefaultsConfig
from sqlmesh.core.config import loader as config_loader
from sqlmesh.core.config.base import BaseConfig
from sqlmesh.core.config.connection import ConnectionConfig
from sqlmesh.utils.errors import ConfigError

from .remedies import Remedies, words
from .settings import ConfigReader, known
from .stubs import PLACEHOLDER, is_stand_in, value

ATTEMPTS = 60
FORGIVE = "__meshrun_forgive__"
Load = Callable[..., Config]


class PythonConfig:
    """Loads config.py files in place of SQLMesh's own function."""

    def __init__(self, remedies: Remedies, reader: ConfigReader, original: Load) -> None:
        self._remedies, self._reader, self._original = remedies, reader, original

    def __call__(self, config_type: type[Config], module_path: Path, config_name: str = "config") -> Config:
        """Load the configuration of that name. Raises `ConfigError` when there is none."""
        with _lenient_connections(self._remedies, module_path):
            return self._reader.tame(self._load(config_type, module_path, config_name))

    def _load(self, config_type: type[Config], path: Path, name: str) -> Config:
        lenient = False
        for _attempt in range(ATTEMPTS):
            try:
                with _lenient_getenv(self._remedies, path) if lenient else _as_it_is():
                    return self._original(config_type, path, config_name=name)
            except Exception as error:  # noqa: BLE001 - whatever a project raises
                if self._remedies.apply(error, path):
                    continue
                if not lenient:
                    lenient = True
                    continue
                break
        return self._piecemeal(path, name)

    def _piecemeal(self, path: Path, name: str) -> Config:
        """Execute it statement by statement; what a failing one would have set is a stand-in."""
        module = types.ModuleType("config")
        module.__file__ = str(path)
        vars(module)[FORGIVE] = _forgive
        sys.modules["config"] = module
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        except (SyntaxError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
        sys.path.insert(0, str(path.parent))
        with _lenient_getenv(self._remedies, path):
            for statement in tree.body:
                self._execute(statement, module, path)
        found = vars(module).get(name)
        if isinstance(found, Config):
            return found
        self._remedies.faults.add(path, f"no {name} came of it; a plain one stands for it", f"see that {name} is set")
        return Config(model_defaults=ModelDefaultsConfig(dialect=_dialect(tree)))

    def _execute(self, statement: ast.stmt, module: types.ModuleType, path: Path) -> None:
        forgiving = False
        for _attempt in range(ATTEMPTS):
            try:
                exec(_compiled(statement, path, forgiving=forgiving), vars(module))  # noqa: S102 - as SQLMesh does
            except Exception as error:  # noqa: BLE001 - whatever a project raises
                if self._remedies.apply(error, path):
                    continue
                what = "it was left out" if forgiving else "what raised it was left out"
                self._remedies.faults.add(path, f"line {statement.lineno}: {words(error)}; {what}")
                if not forgiving:
                    forgiving = True
                    continue
                for target in ast.walk(statement):
                    if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                        vars(module)[target.id] = value()
            return


class _Forgiving(ast.NodeTransformer):
    """Lets every call, item and attribute that fails be a stand-in, so that the rest around it is made."""

    def visit(self, node: ast.AST) -> ast.AST:
        """Wrap an expression that may fail."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            return node
        self.generic_visit(node)
        if not isinstance(node, (ast.Call, ast.Subscript, ast.Attribute)):
            return node
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        later = ast.Lambda(ast.arguments([], [], None, [], [], None, []), node)
        return ast.Call(ast.Name(FORGIVE, ast.Load()), [later], [])


def _compiled(statement: ast.stmt, path: Path, *, forgiving: bool) -> types.CodeType:
    if forgiving:
        statement = cast("ast.stmt", _Forgiving().visit(copy.deepcopy(statement)))
    return compile(ast.fix_missing_locations(ast.Module([statement], [])), str(path), "exec")


def _forgive(read: Callable[[], Any]) -> Any:  # noqa: ANN401 - anything
    try:
        return read()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a project raises; the statement's fault was written down
        return value()


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def _lenient_getenv(remedies: Remedies, path: Path) -> Iterator[None]:
    """Let os.getenv and os.environ.get give a placeholder for what is missing and has no default."""
    environ = type(os.environ)
    before = environ.get

    def get(self: Any, key: str, default: Any = None) -> Any:  # noqa: ANN401 - os.environ's signature
        found = before(self, key, default)
        if found is None and self is os.environ and sys._getframe(1).f_globals.get("__name__") in {"os", "config"}:  # noqa: SLF001 - who asks
            remedies.variable(key, path)
            return PLACEHOLDER
        return found

    environ.get = get  # type: ignore[method-assign]
    try:
        yield
    finally:
        environ.get = before  # type: ignore[method-assign]


@contextmanager
def _lenient_connections(remedies: Remedies, path: Path) -> Iterator[None]:
    """Let a connection be made of whatever it is given: it is going to be replaced. Stand-ins may be left out."""
    base: Any = BaseConfig
    own, original = vars(base).get("__init__"), base.__init__

    def init(self: Any, **given: Any) -> None:  # noqa: ANN401 - a configuration's
        try:
            original(self, **given)
        except Exception as error:
            real = {name: one for name, one in given.items() if not is_stand_in(one)}
            if isinstance(error, MemoryError):
                raise
            if not isinstance(self, ConnectionConfig):
                if len(real) == len(given):
                    raise
                original(self, **real)
                return
            kind = type(self).__name__
            remedies.faults.add(path, f"{kind} could not be made ({words(error)}); only its type and catalog were read")
            _fill(self, given)

    base.__init__ = init
    try:
        yield
    finally:
        if own is None:
            del base.__init__
        else:
            base.__init__ = own


def _fill(connection: Any, given: dict[str, Any]) -> None:  # noqa: ANN401 - a pydantic object
    fields = type(connection).model_fields
    values = {name: None if one.is_required() else one.get_default() for name, one in fields.items()}
    plain = {**values, **{name: one for name, one in given.items() if name in fields}}
    object.__setattr__(connection, "__dict__", plain)
    object.__setattr__(connection, "__pydantic_fields_set__", set(plain))
    object.__setattr__(connection, "__pydantic_extra__", None)
    object.__setattr__(connection, "__pydantic_private__", None)


def _dialect(tree: ast.Module) -> str:
    """Find the dialect that is written somewhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "dialect" and isinstance(node.value, ast.Constant):
            written = str(node.value.value)
            if known(written):
                return written
    return "duckdb"


def _tame_dbt(remedies: Remedies, reader: ConfigReader) -> None:
    """Replace the connection that a dbt profile names; its target stays, because the models' names come from it."""
    dbt: Any = importlib.import_module("sqlmesh.dbt.loader")
    original = dbt.sqlmesh_config

    def sqlmesh_config(*given: Any, **named: Any) -> Config:  # noqa: ANN401 - SQLMesh's signature
        with _lenient_connections(remedies, Path("profiles.yml")):
            return reader.tame(original(*given, **named))

    dbt.sqlmesh_config = sqlmesh_config


def install(remedies: Remedies, reader: ConfigReader) -> None:
    """Put these in the place of SQLMesh's own readers."""
    config_loader.load_config_from_yaml = reader.yaml
    config_loader.load_config_from_env = reader.environment
    original = config_loader.load_config_from_python_module
    if importlib.util.find_spec("dbt"):
        _tame_dbt(remedies, reader)
    config_loader.load_config_from_python_module = PythonConfig(remedies, reader, original)  # type: ignore[assignment]
