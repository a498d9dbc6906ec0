"""The order of a run: which owed model may start, and what one model's end means for those downstream of it. Pure.

A model may start when every owed model upstream of it is done. A failure blocks what is downstream and nothing else; a
model left to another run takes what is downstream with it. Who has the longest chain of owed models behind it goes
first, because that chain bounds the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

Interval = tuple[int, int]


class State(Enum):
    """Where one owed model stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    LEFT = "left"


class Walk:
    """The owed models and their edges; `parents` names owed models only, and has no cycle."""

    def __init__(self, parents: Mapping[str, Collection[str]]) -> None:
        self._parents = {name: set(above) for name, above in parents.items()}
        self._children: dict[str, set[str]] = {name: set() for name in parents}
        for name, above in self._parents.items():
            for parent in above:
                self._children[parent].add(name)
        self._missing = {name: len(above) for name, above in self._parents.items()}
        self.states = dict.fromkeys(parents, State.PENDING)
        self._chain = self._chains()
        self._ready = {name for name, missing in self._missing.items() if not missing}

    def ready(self) -> list[str]:
        """List the pending models that may start now, longest remaining chain first."""
        return sorted(self._ready, key=lambda name: (-self._chain[name], name))

    def waiting(self) -> list[str]:
        """List the models that may start as soon as whoever holds them gives them back."""
        return [name for name, state in self.states.items() if state is State.WAITING]

    def begin(self, name: str) -> None:
        """Let a ready model run."""
        self._ready.discard(name)
        self.states[name] = State.RUNNING

    def wait(self, name: str) -> None:
        """Note that somebody else holds a model that this run owes."""
        self._ready.discard(name)
        self.states[name] = State.WAITING

    def again(self, name: str) -> None:
        """Let a model that was waited for be tried again."""
        self.states[name] = State.PENDING
        self._ready.add(name)

    def done(self, name: str) -> None:
        """Note that a model is complete, here or elsewhere."""
        self._end(name, State.DONE)
        for child in self._children[name]:
            self._missing[child] -= 1
            if not self._missing[child] and self.states[child] is State.PENDING:
                self._ready.add(child)

    def fail(self, name: str) -> list[str]:
        """Note that a model failed, here or elsewhere; return what that blocks."""
        self._end(name, State.FAILED)
        return self._close_downstream(name, State.BLOCKED)

    def leave(self, name: str) -> list[str]:
        """Leave a model to another run; return what is left with it."""
        self._end(name, State.LEFT)
        return self._close_downstream(name, State.LEFT)

    def has_dependents(self, name: str) -> bool:
        """Whether something pending waits for this model."""
        return any(self.states[below] is State.PENDING for below in self._downstream(name))

    def _end(self, name: str, state: State) -> None:
        self._ready.discard(name)
        self.states[name] = state

    def _close_downstream(self, name: str, state: State) -> list[str]:
        closed = [below for below in self._downstream(name) if self.states[below] is State.PENDING]
        for below in closed:
            self._end(below, state)
        return closed

    def _downstream(self, name: str) -> Iterator[str]:
        seen: set[str] = set()
        queue = deque(sorted(self._children[name]))
        while queue:
            below = queue.popleft()
            if below not in seen:
                seen.add(below)
                yield below
                queue.extend(sorted(self._children[below]))

    def _chains(self) -> dict[str, int]:
        chain = dict.fromkeys(self._parents, 1)
        left = {name: len(below) for name, below in self._children.items()}
        queue = deque(name for name, below in left.items() if not below)
        while queue:
            name = queue.popleft()
            for parent in self._parents[name]:
                chain[parent] = max(chain[parent], chain[name] + 1)
                left[parent] -= 1
                if not left[parent]:
                    queue.append(parent)
        return chain


@dataclass(frozen=True)
class Unit:
    """One step of one model: the batch at `index`, or the creation of its table (index -1, no interval)."""

    index: int
    interval: Interval | None


CREATE = Unit(-1, None)


@dataclass
class Batches:
    """What is left to do for one model: its table first, then its batches, at most `width` behind one another.

    As in SQLMesh, batch i waits for batch i - width; a failed batch ends those that wait for it.
    """

    intervals: list[Interval]
    width: int | None
    create: bool
    running: int = 0
    _next: int = 0
    _done: set[int] = field(default_factory=set)
    _closed: bool = False

    def take(self) -> Unit | None:
        """Start the next unit that may start now, or return None."""
        unit = self._candidate()
        if unit is None:
            return None
        self.running += 1
        if unit is CREATE:
            self.create = False
        else:
            self._next += 1
        return unit

    def end(self, unit: Unit, *, good: bool) -> None:
        """Note that a unit ended; when the table could not be created, nothing else starts."""
        self.running -= 1
        if good:
            self._done.add(unit.index)
        elif unit is CREATE:
            self.close()

    def close(self) -> None:
        """Start nothing more."""
        self._closed = True

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing more can start."""
        return not self.running and self._candidate() is None

    @property
    def complete(self) -> bool:
        """Whether everything was done, and not only everything that could start."""
        return not self.running and not self.create and len(self._done - {CREATE.index}) == len(self.intervals)

    def _candidate(self) -> Unit | None:
        if self._closed:
            return None
        if self.create:
            return CREATE
        if self._next >= len(self.intervals) or (self.running and self._creating):
            return None
        if self.width and self._next >= self.width and self._next - self.width not in self._done:
            return None
        return Unit(self._next, self.intervals[self._next])

    @property
    def _creating(self) -> bool:
        return not self._next and CREATE.index not in self._done
