"""What differs between the state databases that can hold claims: their clock, their column types, their errors.

Time is always the database's, in whole milliseconds since 1970, so that no process's clock decides who may evaluate.
The surprise: SQLMesh believes that DuckDB has no transactions and leaves them out there; claims open their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

ATTEMPTS = 8

_POSTGRES_NOW = "(extract(epoch from clock_timestamp()) * 1000)::bigint"
_MYSQL_NOW = "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) div 1000)"
_RETRIED_POSTGRES = frozenset({"40001", "40P01", "55P03"})
_RETRIED_MYSQL = frozenset({1020, 1205, 1213})
_RETRIED_DUCKDB = frozenset({"TransactionException", "ConstraintException"})
_LOST_MYSQL = frozenset({0, 2003, 2006, 2013, 2055})


@dataclass(frozen=True)
class Dialect:
    """How one state database says what claims need; each field is a piece of its SQL."""

    name: str
    now: str
    key_type: str
    insert: str
    after_insert: str
    lock: str
    mark: str
    impatience: str
    """Makes a connection give up waiting for a row after a second: whoever locks it may have been frozen."""

    def sql(self, text: str) -> str:
        """Put the driver's parameter mark in place of `?`."""
        return text.replace("?", self.mark)


DIALECTS = {
    "postgres": Dialect(
        "postgres",
        _POSTGRES_NOW,
        "varchar(512)",
        "INSERT INTO",
        " ON CONFLICT DO NOTHING",
        " FOR UPDATE",
        "%s",
        "SET lock_timeout = '1s'",
    ),
    "mysql": Dialect(
        "mysql",
        _MYSQL_NOW,
        "varchar(512) character set utf8mb4 collate utf8mb4_bin",
        "INSERT IGNORE INTO",
        "",
        " FOR UPDATE",
        "%s",
        "SET SESSION innodb_lock_wait_timeout = 1",
    ),
    "duckdb": Dialect(
        "duckdb", "epoch_ms(get_current_timestamp())", "varchar", "INSERT INTO", " ON CONFLICT DO NOTHING", "", "?", ""
    ),
}


class Adapter(Protocol):
    """The part of a SQLMesh engine adapter that claims use; its connections are per thread."""

    dialect: str
    SUPPORTS_TRANSACTIONS: bool

    @property
    def cursor(self) -> Any:  # noqa: ANN401 - each driver has its own
        """This thread's cursor."""

    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction, or join the one that this thread has open."""

    def close(self) -> None:
        """Close this thread's connection; the next use opens another."""


def impatient(connect: Callable[[], Any], dialect: str) -> Callable[[], Any]:
    """Wrap what opens a connection: those that it opens do not wait long for what somebody else has locked."""

    def connect_impatiently() -> Any:  # noqa: ANN401 - each driver has its own
        connection = connect()
        if dialect in DIALECTS and DIALECTS[dialect].impatience:
            connection.cursor().execute(DIALECTS[dialect].impatience)
            connection.commit()
        return connection

    return connect_impatiently


@contextmanager
def transaction(adapter: Adapter) -> Iterator[None]:
    """Run the block in one transaction of this thread's connection, also where SQLMesh itself would open none."""
    if adapter.SUPPORTS_TRANSACTIONS:
        with adapter.transaction():
            yield
        return
    adapter.cursor.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        adapter.cursor.execute("ROLLBACK")
        raise
    adapter.cursor.execute("COMMIT")


def retried(statements: Callable[[], T], adapter: Adapter, attempts: int = ATTEMPTS) -> T:
    """Call `statements`, again with growing pauses while they meet a conflict or a lost connection."""
    for attempt in range(attempts - 1):
        try:
            return statements()
        except Exception as error:
            if is_lost_connection(error):
                adapter.close()
            elif not is_conflict(error):
                raise
        time.sleep(0.02 * 2**attempt)
    return statements()


def is_conflict(error: BaseException) -> bool:
    """Whether the database gave way to another transaction, so that the same statements may be tried again."""
    if getattr(error, "pgcode", None) in _RETRIED_POSTGRES or _mysql_code(error) in _RETRIED_MYSQL:
        return True
    kind = type(error)
    return kind.__module__.startswith(("duckdb", "_duckdb")) and kind.__name__ in _RETRIED_DUCKDB


def is_lost_connection(error: BaseException) -> bool:
    """Whether the connection to the database was lost, so that a new one may do better."""
    if _mysql_code(error) in _LOST_MYSQL:
        return True
    kind = type(error)
    lost = kind.__module__.startswith("psycopg2") and kind.__name__ in {"OperationalError", "InterfaceError"}
    return lost and getattr(error, "pgcode", None) is None


def _mysql_code(error: BaseException) -> int | None:
    if not type(error).__module__.startswith("pymysql"):
        return None
    code = error.args[0] if error.args else None
    return code if isinstance(code, int) else None
