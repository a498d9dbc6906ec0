"""What is wrong between a job file and the models it is about: each finding with its line, a level and what to do.

`scheduler.jobfile` says whether a file can be read; this says whether it does what people think it does. An error means
that models do not run as they should; a warning, that something is late or done twice; a note, that it is worth
knowing. A fix is mechanical: `scheduler.amend.mend` writes it into the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from scheduler import lintwords
from scheduler.cron import Cron, zones
from scheduler.dag import WITHOUT_TABLE, Graph
from scheduler.jobfile import Job, JobFile, JobType
from scheduler.lintwords import Finding, Fix
from scheduler.topology import DEFAULTS, History, Options, ProposedJob, SelectorError, Standing, coverage, propose
from scheduler.topology.coverage import Coverage, pace
from scheduler.topology.forecast import delay, play
from scheduler.topology.fresh import one_writer
from scheduler.topology.selectors import Universe
from scheduler.topology.shape import Shape

__all__ = ["Facts", "Finding", "Fix", "lint"]

# A tick that comes so much of a model's own pause after it was due misses the point of the cron.
LATE = 0.5
LATE_AT_LEAST = 3600.0
MOST_EMPTY = 100  # selectors of a job that select nothing and are each said
AHEAD = 2  # years in which clock changes are looked for


@dataclass(frozen=True)
class Facts:
    """What is known beside the file: the graph; if any, what runs took, and what is promoted in the environment.

    `lines` is `scheduler.amend.lines` of the file's text. `promoted` maps a model to its fingerprint in the
    environment, or to the first half of it, the hash of the data; None when no run has reported it. `usual_seconds` is
    what each job's runs usually take.
    """

    graph: Graph
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    history: History = field(default_factory=History)
    options: Options = DEFAULTS
    promoted: Mapping[str, str] | None = None
    usual_seconds: Mapping[str, float] = field(default_factory=dict)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)


def lint(file: JobFile, facts: Facts) -> tuple[Finding, ...]:
    """Return all findings, by line."""
    return tuple(sorted(set(Lint(file, facts).findings())))


@dataclass(frozen=True)
class Lint:
    """One look at one file."""

    file: JobFile
    facts: Facts

    @cached_property
    def cover(self) -> Coverage:
        """What the jobs cover."""
        return coverage(Universe(self.facts.graph), self.file.jobs)

    @cached_property
    def runs(self) -> tuple[Job, ...]:
        """The run jobs."""
        return tuple(job for job in self.file.jobs if job.type is JobType.RUN)

    @cached_property
    def shape(self) -> Shape:
        """The graph with its cadences and durations."""
        return Shape(self.facts.graph, self.facts.options, self.facts.history)

    @cached_property
    def proposed(self) -> Mapping[str, ProposedJob]:
        """What a proposal would change about the committed jobs: where fixes come from."""
        proposal = propose(
            self.facts.graph, present=self.file.jobs, history=self.facts.history, options=self.facts.options
        )
        return {job.name: job for job in proposal.jobs if job.standing is Standing.AMENDED}

    def findings(self) -> Iterator[Finding]:
        """Yield every finding, in no order."""
        for job in self.runs:
            yield from self._selectors(job)
            yield from self._paces(job)
            yield from self._timeout(job)
        for job in self.file.jobs:
            yield from self._clock_changes(job)
        yield from self._homes()
        yield from self._writers()
        yield from self._promoted()
        yield from self._rest()

    def line(self, *path: str) -> int:
        """Return the line of a place in the file, or of the nearest place around it."""
        while path and path not in self.facts.lines:
            path = path[:-1]
        return self.facts.lines.get(path, 1)

    def _names(self, models: frozenset[int] | list[int]) -> tuple[str, ...]:
        return self.shape.names(models)

    def _selectors(self, job: Job) -> Iterator[Finding]:
        empty = 0
        for place, text in enumerate(job.select):
            line = self.line("jobs", job.name, "select", str(place))
            try:
                found = self.cover.universe.select([text])
            except SelectorError as error:
                yield lintwords.unreadable_selector(line, job.name, str(error))
                continue
            if self.cover.universe.unknowable([text]):
                yield lintwords.asks_git(line, job.name, text)
            elif not found and empty < MOST_EMPTY:
                empty += 1
                rest = tuple(one for one in job.select if one != text)
                yield lintwords.matches_nothing(line, job.name, text, Fix(job.name, "select", rest) if rest else None)

    def _paces(self, job: Job) -> Iterator[Finding]:
        members = self.cover.owned.get(job.name, frozenset())
        slow = [index for index in members if not pace(job).serves(self.shape.cadences[index])]
        line = self.line("jobs", job.name, "schedule")
        if slow:
            needed = self.shape.serving(members)
            fastest = min(self.shape.cadences[index] for index in slow)
            fix = Fix(job.name, "schedule", needed.schedule)
            yield lintwords.too_slow(line, job, self._names(slow), fastest.words, fix)
            return
        late = [(delay(self.shape.cadences[index], pace(job)), index) for index in members]
        bad = [one for one in late if self._is_late(*one)]
        if bad:
            seconds, index = max(bad)
            model = self.facts.graph.models[index]
            zone = Fix(job.name, "timezone", model.cron_tz) if job.timezone != model.cron_tz else None
            yield lintwords.late(line, job, self._names([index for _, index in bad]), seconds, zone)

    def _is_late(self, seconds: float, index: int) -> bool:
        return seconds > max(LATE_AT_LEAST, LATE * self.shape.cadences[index].shortest * 60)

    def _timeout(self, job: Job) -> Iterator[Finding]:
        usual = self.facts.usual_seconds.get(job.name)
        if usual is None and (members := self.cover.owned.get(job.name)) and self._measured(members):
            usual = max(play(self.shape, {job.name: (members, job.max_concurrent_models * job.parallelism)}).values())
        if usual is not None and job.timeout.total_seconds() < usual:
            minutes = max(1, -(-int(usual * 2) // 60))
            yield lintwords.timeout(
                self.line("jobs", job.name, "timeout"), job, usual, Fix(job.name, "timeout", f"{minutes}m")
            )

    def _measured(self, members: frozenset[int]) -> bool:
        known = self.facts.history.seconds
        return all(self.facts.graph.models[index].name in known for index in members)

    def _clock_changes(self, job: Job) -> Iterator[Finding]:
        ticks = job.cron
        if ticks.fields.every_hour:
            return
        for year in range(self.facts.now.year, self.facts.now.year + AHEAD):
            for change in zones.changes(ticks.zone, year):
                if change.at > self.facts.now and (local := _hit(ticks, change)):
                    skipped = change.after > change.before
                    line = self.line("jobs", job.name, "schedule")
                    yield lintwords.clock_change(line, job, local, skipped=skipped, fix=_moved(job, change))
                    return

    def _homes(self) -> Iterator[Finding]:
        nowhere = list(self.cover.nowhere)
        if nowhere:
            line = self.line("jobs")
            for name, job in self.proposed.items():
                placed = [index for index in nowhere if self.facts.graph.models[index].name in job.models]
                nowhere = [index for index in nowhere if index not in placed]
                if placed:
                    place = self.line("jobs", name, "select")
                    yield lintwords.nowhere(place, name, self._names(placed), Fix(name, "select", job.select))
            if nowhere:
                yield lintwords.nowhere(line, "", self._names(nowhere), None)
        pairs: dict[tuple[str, ...], list[int]] = {}
        for index, names in self.cover.several.items():
            pairs.setdefault(names, []).append(index)
        for names, models in pairs.items():
            changed = next((name for name in reversed(names) if name in self.proposed), None)
            fix = Fix(changed, "select", self.proposed[changed].select) if changed else None
            line = self.line("jobs", changed or names[-1], "select")
            yield lintwords.in_several(line, names, self._names(models), fix)

    def _writers(self) -> Iterator[Finding]:
        engine = one_writer(self.facts.graph)
        if engine is None:
            return
        for job in self.runs:
            if job.parallelism > 1:
                line = self.line("jobs", job.name, "parallelism")
                yield lintwords.pods_on_one_writer(line, job, engine, Fix(job.name, "parallelism", 1))
        if len(self.runs) > 1:
            names = tuple(job.name for job in self.runs)
            yield lintwords.jobs_on_one_writer(self.line("jobs", names[-1]), names, engine)

    def _promoted(self) -> Iterator[Finding]:
        promoted = self.facts.promoted
        if promoted is None:
            return
        line, environment = self.line("environment"), self.file.environment
        if not promoted:
            yield lintwords.nothing_promoted(line, environment)
            return
        models = [model for model in self.facts.graph.schedulable if not model.flags & WITHOUT_TABLE]
        missing = tuple(model.name for model in models if model.name not in promoted)
        if missing:
            yield lintwords.not_promoted(line, environment, missing)
        other = tuple(
            model.name
            for model in models
            if model.fingerprint and _data(promoted.get(model.name, model.fingerprint)) != _data(model.fingerprint)
        )
        if other:
            yield lintwords.differs(line, environment, other)

    def _rest(self) -> Iterator[Finding]:
        if all(job.type is not JobType.JANITOR for job in self.file.jobs):
            yield lintwords.no_janitor(self.line("jobs"))
        if self.facts.graph.audits and self.runs and all(job.select for job in self.runs):
            yield lintwords.audits(self.line("jobs"), tuple(audit.name for audit in self.facts.graph.audits))


def _data(fingerprint: str) -> str:
    """Return the hash of the data: that of the metadata is another one in the state, although nothing differs."""
    return fingerprint.partition("-")[0]


def _hit(ticks: Cron, change: zones.Change) -> datetime | None:
    """Return a local time of the schedule that a clock change skips or repeats."""
    low, high = sorted((change.at + change.before, change.at + change.after))
    start = low.replace(tzinfo=None)
    tick = ticks.fields.next_local(start - timedelta(minutes=1))
    return tick if tick < high.replace(tzinfo=None) else None


def _moved(job: Job, change: zones.Change) -> Fix | None:
    """Return the schedule at the first hour after the window that the change makes odd."""
    minute, hour, *days = job.cron.schedule.split()
    free = max(change.at + change.before, change.at + change.after).hour
    return Fix(job.name, "schedule", " ".join([minute, str(free), *days])) if hour.isdecimal() and free else None
