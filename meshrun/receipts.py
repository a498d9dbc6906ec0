"""Exactly once, although killed between the warehouse's commit and the recorded interval.

A kind that appends is evaluated in one transaction with a receipt, a row in the warehouse beside the model's table. Who
takes the claim next records what has a receipt and does not evaluate it again. The same table says who may commit: the
holder of the claim writes its name there first, and an evaluation commits only while its own name still stands there,
so that a process that was given up for dead cannot append behind its successor's back.

The surprise: other kinds need none of this. They replace what they wrote, so doing it again changes nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.core.snapshot.evaluator import SnapshotEvaluator
from sqlmesh.utils.errors import NodeAuditsErrors
from sqlmesh.utils.migration import index_text_type

from .dialects import transaction
from .tenure import Claim, ClaimLostError
from .walk import Interval

if TYPE_CHECKING:
    from .evaluation import Evaluation

TABLE = "_meshrun_receipts"
_HOLDER = -1  # the start and end of the row that says who may commit


class Receipts:
    """The receipts of one run; `adapter` of each model's own gateway is used, in its worker thread."""

    def __init__(self, evaluator: SnapshotEvaluator) -> None:
        self._evaluator = evaluator
        self._books: dict[str, _Book] = {}

    def settle(self, work: Evaluation, claim: Claim) -> None:
        """Say who may commit from now on, then record what an earlier holder had committed and not recorded."""
        adapter = self._evaluator.get_adapter(work.snapshot.model_gateway)
        if not _appends(work.snapshot, adapter):
            return
        book = _Book(adapter, work.snapshot.table_name(is_deployable=work.deployable), claim.owner)
        book.create()
        book.claim()
        self._books[work.snapshot.name] = book
        found = book.receipts()
        for start, end in found if adapter.table_exists(book.physical) else ():
            with book.forgets_what_audits_refuse(start, end):
                work.audit(start, end)
            work.record(start, end)
        for start, end in found:
            book.forget(start, end)
        if found:
            work.reread()

    def evaluate(self, work: Evaluation, index: int, start: int, end: int) -> list[Any]:
        """Evaluate, audit and record one batch, under a receipt if the model's kind appends."""
        book = self._books.get(work.snapshot.name)
        if book is None:
            return work.evaluate_and_record(index, start, end)
        with book.forgets_what_audits_refuse(start, end):
            results = work.evaluate_and_record(index, start, end)
        book.forget(start, end)
        return results

    @contextmanager
    def signed(self, snapshot: Snapshot, start: int, end: int) -> Iterator[None]:
        """Run an evaluation in one transaction with its receipt, if its kind appends."""
        book = self._books.get(snapshot.name)
        if book is None:
            yield
            return
        with transaction(book.adapter):
            yield
            book.sign(start, end)


class SigningEvaluator(SnapshotEvaluator):
    """The project's evaluator, with receipts."""

    def __init__(self, evaluator: SnapshotEvaluator) -> None:
        self.__dict__.update(evaluator.__dict__)
        self.receipts = Receipts(evaluator)

    def evaluate(self, snapshot: Snapshot, *, start: Any, end: Any, **kwargs: Any) -> str | None:  # noqa: ANN401 - SQLMesh's
        """Evaluate as SQLMesh does."""
        with self.receipts.signed(snapshot, start, end):
            return super().evaluate(snapshot, start=start, end=end, **kwargs)


class _Book:
    """The rows of one physical table; `owner` is the claim's."""

    def __init__(self, adapter: Any, physical: str, owner: str) -> None:  # noqa: ANN401 - any engine's adapter
        self.adapter = adapter
        self.physical = physical
        self._owner = owner
        self._key = hashlib.sha256(physical.encode()).hexdigest()
        name = exp.to_table(physical, dialect=adapter.dialect)
        self._table = exp.table_(TABLE, db=name.args.get("db"), catalog=name.args.get("catalog"))

    def create(self) -> None:
        if self.adapter.table_exists(self._table):
            return
        text, number = exp.DataType.build(index_text_type(self.adapter.dialect)), exp.DataType.build("bigint")
        columns = {"name": text, "start_ts": number, "end_ts": number, "owner": text, "at": number, "model": text}
        try:
            self.adapter.create_table(self._table, columns, primary_key=("name", "start_ts", "end_ts"))
        except Exception:
            if not self.adapter.table_exists(self._table):  # else somebody else created it at the same moment
                raise

    def claim(self) -> None:
        with transaction(self.adapter):
            self.adapter.execute(self._delete(_HOLDER, _HOLDER))
            self.adapter.execute(self._insert(_HOLDER, _HOLDER))

    def sign(self, start: int, end: int) -> None:
        """Add a receipt to the open transaction; raise `ClaimLostError` if somebody else may commit now."""
        touch = exp.update(self._table, {"at": _now()}, where=self._row(_HOLDER, _HOLDER, self._owner))
        self.adapter.execute(touch)  # locks the row: until this transaction ends nobody can claim it
        if not self._select(self._row(_HOLDER, _HOLDER, self._owner)):
            raise ClaimLostError(f"evaluating {self.physical}: another run holds its claim now; nothing is committed")
        self.adapter.execute(self._insert(start, end))

    def receipts(self) -> Sequence[Interval]:
        where = exp.and_(exp.column("name").eq(self._key), exp.column("start_ts").neq(_HOLDER))
        return sorted((int(start), int(end)) for start, end in self._select(where))

    def forget(self, start: int, end: int) -> None:
        self.adapter.execute(self._delete(start, end))

    @contextmanager
    def forgets_what_audits_refuse(self, start: int, end: int) -> Iterator[None]:
        """Forget the receipt when an audit refuses the data: as in SQLMesh they are evaluated again next time."""
        try:
            yield
        except NodeAuditsErrors:
            self.forget(start, end)
            raise

    def _row(self, start: int, end: int, owner: str | None = None) -> exp.Condition:
        conditions = [
            exp.column("name").eq(self._key),
            exp.column("start_ts").eq(start),
            exp.column("end_ts").eq(end),
        ]
        return exp.and_(*conditions, *([exp.column("owner").eq(owner)] if owner else []))

    def _delete(self, start: int, end: int) -> exp.Delete:
        return exp.delete(self._table, where=self._row(start, end))

    def _insert(self, start: int, end: int) -> exp.Insert:
        names = ("name", "start_ts", "end_ts", "owner", "at", "model")
        row = exp.select(*map(exp.convert, (self._key, start, end, self._owner, _now(), self.physical[:200])))
        return exp.insert(row, self._table, columns=list(names))

    def _select(self, where: exp.Condition) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.adapter.fetchall(
            exp.select("start_ts", "end_ts").from_(self._table).where(where), quote_identifiers=True
        )
        return found


def _appends(snapshot: Snapshot, adapter: Any) -> bool:  # noqa: ANN401 - any engine's adapter
    if not snapshot.is_model or not (adapter.SUPPORTS_TRANSACTIONS or adapter.dialect == "duckdb"):
        return False
    kind = snapshot.model.kind
    return bool(kind.is_incremental_unmanaged or kind.is_custom or getattr(kind, "is_dbt_custom", False))


def _now() -> int:
    return int(time.time() * 1000)
