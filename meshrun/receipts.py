"""Who may commit to a model's table, and how what cannot be repeated happens exactly once: in the warehouse itself.

The holder of a claim writes its name beside the model's table before it evaluates, and an evaluation commits only while
its own name still stands there: a process that was given up for dead commits nothing behind its successor's back.
A kind that appends also leaves a receipt in the transaction of its evaluation. Who takes the claim next records what
has a receipt and does not evaluate it again, although its writer was killed between the commit and the record.

The surprise: the name is written first and the claim is looked at afterwards. The other way round, a process that was
frozen in between would write its name over that of its successor and believe it.
"""

from __future__ import annotations

import hashlib
import threading
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
        self._places: set[tuple[int, str]] = set()

    def settle(self, work: Evaluation, claim: Claim) -> None:
        """Say who may commit from now on, then record what an earlier holder had committed and not recorded."""
        adapter = self._evaluator.get_adapter(work.snapshot.model_gateway)
        appends = _appends(work.snapshot, adapter)
        if not appends and not _is_guarded(work.snapshot, adapter):
            return
        book = _Book(adapter, work.snapshot.table_name(is_deployable=work.deployable), claim.owner, receipts=appends)
        if book.place not in self._places:
            book.create()
            self._places.add(book.place)
        book.claim()
        work.check()
        self._books[work.snapshot.name] = book
        if appends:
            self._record_what_was_committed(work, book)

    def _record_what_was_committed(self, work: Evaluation, book: _Book) -> None:
        found = book.receipts()
        for start, end in found if book.adapter.table_exists(book.physical) else ():
            with book.forgets_what_audits_refuse(start, end):
                work.audit(start, end)
            work.record(start, end)
        for start, end in found:
            book.forget(start, end)
        if found:
            work.reread()

    def evaluate(self, work: Evaluation, index: int, start: int, end: int) -> None:
        """Evaluate, audit and record one batch, under a receipt if the model's kind appends."""
        book = self._books.get(work.snapshot.name)
        if book is None or not book.keeps_receipts:
            work.evaluate_and_record(index, start, end)
            return
        with book.forgets_what_audits_refuse(start, end):
            work.evaluate_and_record(index, start, end)
        book.forget(start, end)

    @contextmanager
    def signed(self, snapshot: Snapshot, start: int, end: int) -> Iterator[None]:
        """Run an evaluation in one transaction with the proof that it may commit, and with its receipt."""
        book = self._books.get(snapshot.name)
        if book is None:
            yield
            return
        with transaction(book.adapter):
            yield
            book.sign(start, end)


class SigningEvaluator(SnapshotEvaluator):
    """The project's evaluator, with receipts; it remembers what audits said, also where they refuse."""

    def __init__(self, evaluator: SnapshotEvaluator) -> None:
        self.__dict__.update(evaluator.__dict__)
        self.receipts = Receipts(evaluator)
        self._here = threading.local()

    def evaluate(self, snapshot: Snapshot, *, start: Any, end: Any, **kwargs: Any) -> str | None:  # noqa: ANN401 - SQLMesh's
        """Evaluate as SQLMesh does."""
        self._here.audits = []
        with self.receipts.signed(snapshot, start, end):
            return super().evaluate(snapshot, start=start, end=end, **kwargs)

    def audit(self, snapshot: Snapshot, **kwargs: Any) -> list[Any]:  # noqa: ANN401 - SQLMesh's
        """Audit as SQLMesh does."""
        self._here.audits = super().audit(snapshot, **kwargs)
        return self.audits()

    def audits(self) -> list[Any]:
        """Tell how the audits ended of what this thread has evaluated last."""
        return list(getattr(self._here, "audits", ()))


class _Book:
    """The rows of one physical table; `owner` is the claim's."""

    def __init__(self, adapter: Any, physical: str, owner: str, *, receipts: bool) -> None:  # noqa: ANN401 - any engine's adapter
        self.adapter = adapter
        self.keeps_receipts = receipts
        self.physical = physical
        self._owner = owner
        self._key = hashlib.sha256(physical.encode()).hexdigest()
        name = exp.to_table(physical, dialect=adapter.dialect)
        self._table = exp.table_(TABLE, db=name.args.get("db"), catalog=name.args.get("catalog"))
        self.place = (id(adapter), self._table.sql())

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
        holder = self._row(_HOLDER, _HOLDER)
        with transaction(self.adapter):
            self.adapter.execute(exp.update(self._table, {"owner": self._owner, "at": _now()}, where=holder))
            if not self._select(holder):
                self.adapter.execute(self._insert(_HOLDER, _HOLDER))

    def sign(self, start: int, end: int) -> None:
        """Add a receipt to the open transaction; raise `ClaimLostError` if somebody else may commit now.

        The holder's row stays locked until this transaction ends: nobody can claim it before.
        """
        mine = self._row(_HOLDER, _HOLDER, self._owner)
        if self.adapter.dialect == "duckdb":  # optimistic: writing the row makes a concurrent claim conflict
            self.adapter.execute(exp.update(self._table, {"at": _now()}, where=mine))
        if not self._select(mine, lock=self.adapter.dialect != "duckdb"):
            raise ClaimLostError(f"evaluating {self.physical}: another run holds its claim now; nothing is committed")
        if self.keeps_receipts:
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

    def _select(self, where: exp.Condition, *, lock: bool = False) -> list[tuple[Any, ...]]:
        query = exp.select("start_ts", "end_ts").from_(self._table).where(where)
        rows: list[tuple[Any, ...]] = self.adapter.fetchall(query.lock() if lock else query, quote_identifiers=True)
        return rows


def _appends(snapshot: Snapshot, adapter: Any) -> bool:  # noqa: ANN401 - any engine's adapter
    if not snapshot.is_model or not (adapter.SUPPORTS_TRANSACTIONS or adapter.dialect == "duckdb"):
        return False
    kind = snapshot.model.kind
    return bool(kind.is_incremental_unmanaged or kind.is_custom or getattr(kind, "is_dbt_custom", False))


def _is_guarded(snapshot: Snapshot, adapter: Any) -> bool:  # noqa: ANN401 - any engine's adapter
    """Whether also what could be repeated is committed by the holder only: where all of it is one transaction."""
    return bool(adapter.dialect == "postgres" and snapshot.is_model and snapshot.model.kind.is_materialized)


def _now() -> int:
    return int(time.time() * 1000)
