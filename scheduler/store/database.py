"""One engine, and the two kinds of transaction: `reading` and `writing`.

On SQLite a writer takes the write lock as it begins (BEGIN IMMEDIATE), so that what it has read stays true until it
commits; a reader never waits (WAL). On Postgres writers lock the rows that they decide on, FOR NO KEY UPDATE, so that
a run that is inserted meanwhile for the same job does not get in the way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from scheduler.errors import Retryable, UserError

BUSY_TIMEOUT_MS = 30_000
"""How long a SQLite writer waits for another one."""

_MIGRATION_LOCK = 0x6D657368  # any number, the same in every process
_WRITING = {"meshbot_writing": True}


class Database:
    """Meshbot's own database at a SQLAlchemy URL: `sqlite:///file` or `postgresql://`. Safe to share by threads.

    Not to be shared over a fork: build one in each process. Raises `UserError` for a URL that it cannot use.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._mine = _Mine()

    @property
    def is_postgres(self) -> bool:
        """Whether several writers may be at work at once."""
        return self._engine.dialect.name == "postgresql"

    def migrate(self) -> None:
        """Bring the database to the newest schema. Harmless to repeat, also by several processes at once."""
        from scheduler import migrations

        with self.writing() as connection:
            if self.is_postgres:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            migrations.upgrade(connection)

    def ping(self) -> None:
        """Ask the database for an answer. Raises `Retryable` when none comes."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold a transaction that only reads. Raises `Retryable` when the database is out of reach."""
        if (held := self._mine.connection) is not None:
            yield held
            return
        with _translated("reading from"), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """Hold a transaction that writes: all of it is kept, or nothing. Raises `Retryable` as `reading` does.

        What is not `durable` does not wait for the disk: a power cut may take the last moments of it, a crash nothing.
        """
        if (held := self._mine.connection) is not None:
            with held.begin_nested():
                yield held
            return
        with _translated("writing to"), self._engine.connect() as raw:
            connection = raw.execution_options(**_WRITING, meshbot_durable=durable)
            with connection.begin():
                if self.is_postgres and not durable:
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
                yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of all that this thread writes within: all of it is kept, or nothing.

        What is written within, is read within. An error of one step that is caught there undoes that step alone.
        """
        with self.writing() as connection:
            before, self._mine.connection = self._mine.connection, connection
            try:
                yield
            finally:
                self._mine.connection = before

    def insert_new(self, table: Table) -> Insert:
        """Build an INSERT that leaves alone what is there already: a name is a lock. Its `rowcount` tells."""
        dialect = postgresql if self.is_postgres else sqlite
        statement: Insert = dialect.insert(table).on_conflict_do_nothing()
        return statement.execution_options(preserve_rowcount=True)


class _Mine(threading.local):
    """The transaction that this thread holds for several steps."""

    connection: Connection | None = None


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Turn what the driver says of a lost or busy database into `Retryable`; a fault of ours stays what it is."""
    try:
        yield
    except DBAPIError as error:
        if _is_schema_older(error.orig):
            raise UserError(
                f"{doing} Meshbot's database: {error.orig}; bring it up to date: meshbot migrate"
            ) from error
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise Retryable(f"{doing} Meshbot's database: {error.orig}") from error
        raise


def _is_schema_older(error: BaseException | None) -> bool:
    """Whether a table or column is missing: SQLite says so in words, Postgres by its code."""
    return getattr(error, "sqlstate", None) in {"42P01", "42703"} or str(error).startswith("no such ")


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise UserError(
            "MESHBOT_DATABASE_URL is no SQLAlchemy URL; write sqlite:///file or postgresql://..."
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "isolation_level": None})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        case "postgresql" | "postgres":
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        case other:
            raise UserError(f"MESHBOT_DATABASE_URL: {other} is not supported; write sqlite:///file or postgresql://...")


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 (the driver's own connection)
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("meshbot_writing", False):
        connection.exec_driver_sql("BEGIN")
        return
    durable = options.get("meshbot_durable", True)  # a committed tick survives a power cut too
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
