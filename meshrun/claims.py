"""The lease table in the project's SQLMesh state database: who may evaluate which physical version of a model.

The rule: a row is taken and given back by one atomic statement each, and what a run records is fenced by the same row,
in the same transaction, so that a run that lost its claim can record nothing. A claim that is not renewed for a lease
is anybody's. The surprise: the row outlives the claim, because it also says how the last evaluation ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

from .dialects import DIALECTS, Adapter, Dialect, is_conflict, retried, transaction
from .tenure import LEASE_SECONDS, Claim, ClaimLostError, Row, Runner, Taking, UnsupportedStateError, claim_key

TABLE = "_meshbot_claims"
_DAY_MS = 86_400_000
_BATCH = 200
_COLUMNS = (
    "claim_key, model, owner, run_id, job, run_started, taken_at, expires_at, "
    "last_outcome, last_run_id, ended_at, error"
)

T = TypeVar("T")


class ClaimTable:
    """The table, through one SQLMesh engine adapter whose connections are per thread and nobody else's.

    Raises `UnsupportedStateError` for a database that is not tested to hold claims.
    """

    def __init__(self, adapter: Adapter, schema: str | None, lease: float = LEASE_SECONDS) -> None:
        self.adapter = adapter
        self.lease = lease
        self.dialect = _dialect(adapter)
        self.table = _qualified(schema, self.dialect)

    def create(self) -> None:
        """Create the table if it is absent; several creators at once are harmless."""
        if self._exists():
            return
        try:
            self._run(self._create)
        except Exception:
            if not self._exists():
                raise

    def now(self) -> int:
        """Milliseconds since 1970 by the database's clock."""
        return int(self._run(lambda: self._fetch(f"SELECT {self.dialect.now}"))[0][0])

    def ensure(self, models: dict[str, str]) -> None:
        """Make sure that each key of `models` (key -> model name) has a row, free if it is new."""
        for keys in _batches(sorted(models)):
            known = {row.key for row in self.rows(keys)}
            absent = [key for key in keys if key not in known]
            if absent:
                self._run(lambda absent=absent: self._insert({key: models[key] for key in absent}))  # type: ignore[misc]

    def start(self, run_id: str, job: str | None) -> Runner:
        """Say that a run starts. All processes of one run get the same start, the first one's."""
        key = claim_key(f"run:{run_id}")

        def begin() -> int:
            self._insert({key: run_id})
            self._execute(
                f"UPDATE {self.table} SET run_started = {self.dialect.now}, ended_at = {self.dialect.now}, run_id = ?, "  # noqa: S608
                "job = ? WHERE claim_key = ? AND run_started IS NULL",
                (run_id, job, key),
            )
            return int(self._fetch(f"SELECT run_started FROM {self.table} WHERE claim_key = ?", (key,))[0][0])  # noqa: S608

        return Runner(run_id, job, self._run(begin))

    def take(self, key: str, model: str, runner: Runner) -> Taking:
        """Take the claim if it is free or expired and its last evaluation has not failed for this run."""
        claim = Claim(key, uuid.uuid4().hex)

        def attempt() -> Row | None:
            self._execute(
                f"UPDATE {self.table} SET owner = ?, run_id = ?, job = ?, run_started = ?, "  # noqa: S608
                f"taken_at = {self.dialect.now}, expires_at = {self.dialect.now} + ? WHERE claim_key = ? "
                f"AND (owner IS NULL OR owner = ? OR expires_at < {self.dialect.now}) "
                "AND (last_outcome IS NULL OR last_outcome <> 'failed' OR (last_run_id <> ? AND ended_at < ?))",
                (
                    *(claim.owner, runner.run_id, runner.job, runner.started, self._lease_ms, key),
                    *(claim.owner, runner.run_id, runner.started),
                ),
            )
            return next(iter(self._select((key,))), None)

        row = self._attempt(attempt, key)
        if row is None:  # never seen before, or purged by a janitor a moment ago
            self.ensure({key: model})
            row = self._attempt(attempt, key)
        if row is None:
            raise ClaimLostError(f"taking the claim of {model}: its row vanished twice from {self.table}")
        return Taking(claim if row.owner == claim.owner else None, row)

    def renew(self, claims: Collection[Claim]) -> set[Claim]:
        """Prolong claims by one lease from now, also expired ones that nobody took over; return the lost ones."""
        if not claims:
            return set()
        ordered = sorted(claims, key=lambda claim: claim.key)
        where = " OR ".join("(claim_key = ? AND owner = ?)" for _ in ordered)
        pairs = tuple(value for claim in ordered for value in (claim.key, claim.owner))

        def attempt() -> set[tuple[str, str]]:
            self._execute(
                f"UPDATE {self.table} SET expires_at = {self.dialect.now} + ? WHERE {where}",  # noqa: S608
                (self._lease_ms, *pairs),
            )
            return set(self._fetch(f"SELECT claim_key, owner FROM {self.table} WHERE {where}", pairs))  # noqa: S608

        kept = self._run(attempt)
        return {claim for claim in claims if (claim.key, claim.owner) not in kept}

    def release(self, claim: Claim, run_id: str, outcome: str | None = None, error: str | None = None) -> None:
        """Give a claim back if it is still held; `outcome` is `done`, `failed`, or None for neither."""
        ending = ", last_outcome = ?, last_run_id = ?, error = ?" if outcome else ""
        values = (outcome, run_id, error[:1000] if error else None) if outcome else ()
        self._run(
            lambda: self._execute(
                f"UPDATE {self.table} SET owner = NULL, expires_at = NULL, ended_at = {self.dialect.now}{ending} "  # noqa: S608
                "WHERE claim_key = ? AND owner = ?",
                (*values, claim.key, claim.owner),
            )
        )

    def rows(self, keys: Collection[str] | None = None) -> list[Row]:
        """Read the rows of these keys, or every row."""
        if keys is None:
            return self._run(lambda: self._select(None))
        return [row for batch in _batches(sorted(keys)) for row in self._run(lambda batch=batch: self._select(batch))]  # type: ignore[misc]

    def free(self, name: str) -> list[Row]:
        """Free every held claim of this key or model name, whoever holds it; return what was freed.

        Its holder can then record nothing more.
        """
        freed = [row for row in self.rows() if row.owner is not None and name in {row.key, row.model}]
        for row in freed:
            self.release(Claim(row.key, row.owner or ""), row.run_id or "")
        return freed

    def purge(self) -> None:
        """Forget free rows that ended, and claims of the dead that expired, more than a day ago."""
        yesterday = f"{self.dialect.now} - {_DAY_MS}"
        self._run(
            lambda: self._execute(
                f"DELETE FROM {self.table} WHERE (owner IS NULL AND ended_at < {yesterday}) "  # noqa: S608
                f"OR (owner IS NOT NULL AND expires_at < {yesterday})"
            )
        )

    def fence(self, adapter: Adapter, claim: Claim) -> None:
        """Lock the claim's row in the transaction that `adapter` has open; raise `ClaimLostError` if it is not held.

        Until that transaction ends nobody can take the claim over.
        """
        if not self.dialect.lock:  # optimistic: writing the row makes a concurrent taking conflict
            adapter.cursor.execute(
                f"UPDATE {self.table} SET taken_at = taken_at WHERE claim_key = ? AND owner = ?",  # noqa: S608
                (claim.key, claim.owner),
            )
        query = f"SELECT owner FROM {self.table} WHERE claim_key = ?{self.dialect.lock}"  # noqa: S608
        adapter.cursor.execute(self.dialect.sql(query), (claim.key,))
        row = adapter.cursor.fetchone()
        if row is None or row[0] != claim.owner:
            raise ClaimLostError(
                f"recording under the claim {claim.key}: another run holds it now; nothing is recorded"
            )

    @property
    def _lease_ms(self) -> int:
        return int(self.lease * 1000)

    def _exists(self) -> bool:
        try:
            self._run(lambda: self._fetch(f"SELECT 1 FROM {self.table} WHERE 1 = 0"))  # noqa: S608
        except Exception:  # noqa: BLE001 - each driver has an error of its own for an absent table
            return False
        return True

    def _create(self) -> None:
        self._execute(
            f"CREATE TABLE IF NOT EXISTS {self.table} (claim_key {self.dialect.key_type} NOT NULL PRIMARY KEY, "
            "model text, owner varchar(64), run_id varchar(200), job varchar(200), run_started bigint, "
            "taken_at bigint, expires_at bigint, last_outcome varchar(16), last_run_id varchar(200), "
            "ended_at bigint, error text)"
        )

    def _insert(self, models: dict[str, str]) -> None:
        values = ", ".join(f"(?, ?, {self.dialect.now})" for _ in models)
        dialect = self.dialect
        self._execute(
            f"{dialect.insert} {self.table} (claim_key, model, ended_at) VALUES {values}{dialect.after_insert}",
            tuple(value for pair in models.items() for value in pair),
        )

    def _select(self, keys: Sequence[str] | None) -> list[Row]:
        where = f" WHERE claim_key IN ({', '.join('?' for _ in keys)})" if keys is not None else ""
        query = f"SELECT {_COLUMNS}, {self.dialect.now} FROM {self.table}{where}"  # noqa: S608
        return [Row(*values) for values in self._fetch(query, tuple(keys or ()))]

    def _execute(self, text: str, values: Sequence[Any] = ()) -> None:
        self.adapter.cursor.execute(self.dialect.sql(text), tuple(values))

    def _fetch(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self._execute(text, values)
        return [tuple(row) for row in self.adapter.cursor.fetchall()]

    def _attempt(self, statements: Callable[[], Row | None], key: str) -> Row | None:
        """Run the statements that take a claim, but do not wait for whoever has locked its row."""
        try:
            return retried(lambda: _in_transaction(self.adapter, statements), self.adapter, attempts=2)
        except Exception as error:
            if not is_conflict(error):
                raise
        return next(iter(self.rows([key])), None)

    def _run(self, statements: Callable[[], T]) -> T:
        """Run statements as one transaction, again while the database gives way to others or its connection is lost."""
        return retried(lambda: _in_transaction(self.adapter, statements), self.adapter)


def _in_transaction(adapter: Adapter, statements: Callable[[], T]) -> T:
    with transaction(adapter):
        return statements()


def _dialect(adapter: Adapter) -> Dialect:
    dialect = DIALECTS.get(adapter.dialect)
    if dialect is None:
        raise UnsupportedStateError(
            f"opening the claims: the SQLMesh state is kept in {adapter.dialect}, which is not tested to hold claims; "
            f"give the gateway a state_connection of {', '.join(DIALECTS)}"
        )
    return dialect


def _qualified(schema: str | None, dialect: Dialect) -> str:
    quote = "`" if dialect.name == "mysql" else '"'
    parts = [part for part in (schema, TABLE) if part]
    return ".".join(f"{quote}{part.replace(quote, quote * 2)}{quote}" for part in parts)


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for index in range(0, len(keys), _BATCH):
        yield keys[index : index + _BATCH]
