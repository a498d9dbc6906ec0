"""A SQLMesh project, opened for running: its version is checked, and each worker thread gets a connection of its own.

A project is loaded as little as `sqlmesh run` loads it: its configuration, never its models. The surprise: claims have
connections of their own, because they are renewed while the project's connections are busy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlmesh
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.context import Context

from . import environ
from .claims import ClaimTable
from .dialects import impatient
from .errors import ProjectError, root_cause
from .fence import open_state
from .stop import Cancelled

SUPPORTED = ((0, 220), (0, 237))
VERSION: str = sqlmesh.__version__

AnyContext = TypeVar("AnyContext", bound=Context)


class _QuietConsole(NoopConsole):
    """Says warnings and errors on standard error, and asks nothing."""

    def log_error(self, message: str, *_: Any, **__: Any) -> None:  # noqa: ANN401 - SQLMesh's signature
        """Say an error."""
        print(message, file=sys.stderr)  # noqa: T201 - for a person who reads the log

    def log_warning(self, short_message: str, *_: Any, **__: Any) -> None:  # noqa: ANN401 - SQLMesh's signature
        """Say a warning."""
        print(short_message, file=sys.stderr)  # noqa: T201 - for a person who reads the log


@contextmanager
def opened(kind: type[AnyContext], path: Path, width: int) -> Iterator[AnyContext]:
    """Open a project for `width` models at a time. Raises `ProjectError` when its configuration is wrong."""
    _check_version()
    set_console(_QuietConsole())
    if not path.is_dir():
        raise ProjectError(f"opening {path}: no such folder; give the folder that has the project's config.yaml")
    try:
        context = kind(paths=[str(path)], load=False)
    except Cancelled:
        raise
    except Exception as error:  # a broken file is told by whichever library reads it
        raise ProjectError(f"opening the project in {path}: {root_cause(error)}") from error
    _widen(context, width)
    try:
        yield context
    finally:
        context.close()


def open_claims(context: Context) -> ClaimTable:
    """Open the table of claims in the project's state, and create it if it is not there."""
    adapter, schema = open_state(context.state_sync)
    config = context._state_connection_config  # noqa: SLF001 - there is no public way to it
    table = ClaimTable(_separate_adapter(adapter, config), schema, environ.LEASE.value())
    table.create()
    return table


def _check_version() -> None:
    numbers = tuple(int(part) for part in VERSION.split(".")[:2])
    low, high = SUPPORTED
    if not low <= numbers < high:
        raise ProjectError(
            f"opening the project: SQLMesh {VERSION} is not supported; install sqlmesh>={low[0]}.{low[1]},"
            f"<{high[0]}.{high[1]}"
        )


def _widen(context: Context, width: int) -> None:
    """Give each of `width` worker threads a connection of its own, where the engine allows several."""
    own = context.connection_config
    if isinstance(own, DuckDBConnectionConfig) and own.concurrent_tasks < width:
        if width > 1:
            context.console.log_warning(
                f"DuckDB evaluates {own.concurrent_tasks} model(s) at a time, not {width}: "
                "its connection says so (concurrent_tasks)"
            )
        width = own.concurrent_tasks
    context._concurrent_tasks = width  # noqa: SLF001 - set after the connection is known
    configs = [config.get_connection(name) for config in context.configs.values() for name in config.gateways]
    for each in (own, context._state_connection_config, *configs):  # noqa: SLF001 - there is no public way to it
        if each.concurrent_tasks < width and not isinstance(each, DuckDBConnectionConfig):
            each.concurrent_tasks = width


def _separate_adapter(adapter: Any, config: Any) -> Any:  # noqa: ANN401 - SQLMesh's
    """Open the state database again, for claims alone; a DuckDB file is opened once, so there a cursor is it."""
    if isinstance(config, DuckDBConnectionConfig):
        connection = adapter.connection

        def connect() -> Any:  # noqa: ANN401 - SQLMesh's
            return connection.cursor()

    else:
        connect = impatient(config._connection_factory_with_kwargs, adapter.dialect)  # noqa: SLF001 - no public way to it
    return type(adapter)(
        connect,
        multithreaded=True,
        cursor_init=config._cursor_init,  # noqa: SLF001 - the same
        default_catalog=config.get_catalog(),
        pre_ping=config.pre_ping,
    )
