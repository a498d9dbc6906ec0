"""Conducts one run: takes claims, gives units to worker threads, waits for what others hold, and reports the ends.

Everything but the units themselves happens in the calling thread. The rule: a worker slot is used only by a model whose
claim is held here; a model that somebody else holds costs one row of one query every half second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import Empty, SimpleQueue

from .claims import ClaimTable
from .lease import LeaseKeeper
from .report import Ending, Report
from .stop import Cancelled, Stop
from .tenure import Claim, ClaimLostError, Row
from .walk import Unit, Walk
from .work import Active, Event, Failures, InterruptedRunError, Policy, Work

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


class Conductor:
    """One run over the owed models; `describe` turns an error into the text that is reported and stored."""

    def __init__(  # noqa: PLR0913 - each is one collaborator of the run
        self,
        works: Mapping[str, Work],
        walk: Walk,
        table: ClaimTable,
        policy: Policy,
        report: Report,
        *,
        stop: Stop,
        describe: Callable[[BaseException], str],
    ) -> None:
        self._works = works
        self._walk = walk
        self._table = table
        self._policy = policy
        self._report = report
        self._stop = stop
        self._describe = describe
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._active: dict[str, Active] = {}
        self._holders: dict[str, Row] = {}
        self._busy = 0
        self._failures = Failures()
        self._polled = 0.0

    def run(self) -> dict[str, Exception]:
        """Do what this run owes and can do; return the errors of the models that failed here.

        Raises `InterruptedRunError` after a plan changed the environment and `Cancelled` after a stop was asked for.
        """
        self._table.ensure({work.key: work.label for work in self._works.values()})
        with LeaseKeeper(self._table, self._lose) as self._keeper, self._stop.wakes(self._wake):
            pool = ThreadPoolExecutor(self._policy.width, thread_name_prefix="model")
            try:
                self._conduct(pool)
            finally:
                self._give_everything_back()
                pool.shutdown(wait=not self._stop.is_overdue, cancel_futures=True)
        self._say_what_is_left()
        if self._stop.is_asked:
            raise Cancelled
        if self._failures.interrupted:
            raise InterruptedRunError
        return self._failures.errors

    def _conduct(self, pool: ThreadPoolExecutor) -> None:
        while True:
            if not self._ending:
                self._start_what_may_start(pool)
            if not self._busy and (self._ending or not self._may_still_do_something()):
                return
            if self._stop.is_overdue:
                self._stop.cut_short()
                return
            self._await_event()
            if not self._ending:
                self._poll()

    @property
    def _ending(self) -> bool:
        return self._failures.interrupted or self._stop.is_asked

    def _start_what_may_start(self, pool: ThreadPoolExecutor) -> None:
        for name, active in list(self._active.items()):
            while self._busy < self._policy.width and active.batches and not active.lost:
                unit = active.batches.take()
                if unit is None:
                    break
                if not active.told:
                    active.told = True
                    self._report.evaluating(self._works[name].label)
                self._submit(pool, name, unit)
        while self._busy < self._policy.width:
            ready = self._walk.ready()
            if not ready:
                return
            self._try(pool, ready[0])

    def _submit(self, pool: ThreadPoolExecutor, name: str, unit: Unit) -> None:
        work = self._works[name]

        def perform() -> None:
            try:
                work.perform(unit)
            except Exception as error:  # noqa: BLE001 - whatever a model raises is its failure
                self._events.put(Event(name, unit, error=error))
            else:
                self._events.put(Event(name, unit))

        self._busy += 1
        pool.submit(perform)

    def _try(self, pool: ThreadPoolExecutor, name: str) -> None:
        work = self._works[name]
        taking = self._table.take(work.key, work.label, self._policy.runner)
        if taking.claim is None:
            self._meet(name, taking.row)
            return
        active = self._active[name] = Active(taking.claim, taking.row)
        self._keeper.watch(taking.claim)
        self._walk.begin(name)
        self._busy += 1

        def prepare() -> None:
            try:
                batches = work.prepare(active.claim, active.row)
            except Exception as error:  # noqa: BLE001 - whatever a model raises is its failure
                self._events.put(Event(name, error=error))
            else:
                self._events.put(Event(name, batches=batches))

        pool.submit(prepare)

    def _meet(self, name: str, row: Row) -> None:
        """Decide about a model that could not be taken."""
        self._holders[name] = row
        if not row.held and row.failed_for(self._policy.runner):
            self._end_elsewhere(name, row.last_run_id, row.error or "failed in another run")
            self._block(name, self._walk.fail(name))
        elif row.held and self._is_left_to(row):
            left = self._walk.leave(name)
            for each in (name, *left):
                self._end_elsewhere(each, row.run_id)
        else:
            self._walk.wait(name)

    def _is_left_to(self, row: Row) -> bool:
        """Whether the holder is an earlier run of the same job.

        The later run leaves and the earlier one waits; were it the other way round too, each could leave to the
        other what is downstream of both.
        """
        mine = self._policy.runner
        if mine.job is None or row.job != mine.job or row.run_id in {mine.run_id, self._policy.retry_of}:
            return False
        return (row.run_started or 0, row.run_id or "") < (mine.started, mine.run_id)

    def _may_still_do_something(self) -> bool:
        waiting = self._walk.waiting()
        if self._policy.stays:
            return bool(waiting)
        mine = self._policy.runner.run_id
        return any(self._holders[name].run_id != mine or self._walk.has_dependents(name) for name in waiting)

    def _await_event(self) -> None:
        waits = bool(self._walk.waiting()) or self._stop.is_asked
        try:
            event = self._events.get(timeout=POLL_SECONDS if waits else 60)
        except Empty:
            return
        while True:
            self._handle(event)
            if self._events.empty():
                return
            event = self._events.get()

    def _poll(self) -> None:
        if time.monotonic() - self._polled < POLL_SECONDS:
            return
        self._polled = time.monotonic()
        names = {self._works[name].key: name for name in self._walk.waiting()}
        rows = {row.key: row for row in self._table.rows(names)} if names else {}
        for key, name in names.items():
            row = rows.get(key)
            if row is not None and row.held:
                self._meet(name, row)
            else:  # free, expired, or no row at all: a janitor forgets old ones
                self._walk.again(name)

    def _handle(self, event: Event) -> None:
        if event.lost is not None:
            self._mark_lost(event.lost)
            return
        active = self._active.get(event.name)
        if active is None:  # a wake-up
            return
        self._busy -= 1
        if event.batches is not None:
            active.batches = event.batches
        if event.error is not None:
            self._note(active, event.error)
        if event.unit is not None and active.batches is not None:
            active.batches.end(event.unit, good=event.error is None)
        if active.batches is None or active.lost or self._ending or active.batches.finished:
            self._finish(event.name, active)

    def _note(self, active: Active, error: Exception) -> None:
        if isinstance(error, InterruptedRunError):
            self._failures.interrupted = True
        elif isinstance(error, ClaimLostError):
            active.lost = True
        elif active.error is None:
            active.error = error

    def _finish(self, name: str, active: Active) -> None:
        if active.batches is not None and active.batches.running:
            active.batches.close()
            return
        del self._active[name]
        self._keeper.forget(active.claim)
        if active.lost:
            logger.warning("%s: its claim was lost; it is left to whoever holds it now", self._works[name].label)
            self._table.release(active.claim, self._policy.runner.run_id)  # nothing happens if it really is
            self._holders[name] = replace(active.row, run_id=None)
            self._walk.wait(name)
        elif active.error is not None:
            self._fail(name, active, active.error)
        elif active.batches is None or not active.batches.complete:
            self._table.release(active.claim, self._policy.runner.run_id)
        else:
            self._table.release(active.claim, self._policy.runner.run_id, "done")
            self._report.model(self._works[name].ending())
            self._walk.done(name)

    def _fail(self, name: str, active: Active, error: Exception) -> None:
        text = self._describe(error)
        if self._stop.is_overdue:  # a query that was cancelled is nobody's failure
            self._table.release(active.claim, self._policy.runner.run_id)
            return
        self._table.release(active.claim, self._policy.runner.run_id, "failed", text)
        self._failures.errors[name] = error
        ending = self._works[name].ending()
        ending.status, ending.error = "failed", text
        self._report.model(ending)
        self._block(name, self._walk.fail(name))

    def _block(self, name: str, blocked: list[str]) -> None:
        for below in blocked:
            ending = Ending(self._works[below].label, "blocked", blocked_by=[self._works[name].label])
            self._report.model(ending)

    def _end_elsewhere(self, name: str, run_id: str | None, error: str | None = None) -> None:
        self._report.model(Ending(self._works[name].label, "claimed_elsewhere", held_by=run_id, error=error))

    def _say_what_is_left(self) -> None:
        for name in self._walk.waiting():
            self._end_elsewhere(name, self._holders[name].run_id)

    def _mark_lost(self, claim: Claim) -> None:
        for name, active in list(self._active.items()):
            if active.claim == claim:
                active.lost = True
                if active.batches is not None and not active.batches.running:
                    self._finish(name, active)

    def _give_everything_back(self) -> None:
        for active in self._active.values():
            self._keeper.forget(active.claim)
            self._table.release(active.claim, self._policy.runner.run_id)

    def _lose(self, claim: Claim) -> None:
        self._events.put(Event("", lost=claim))

    def _wake(self) -> None:
        self._events.put(Event(""))
