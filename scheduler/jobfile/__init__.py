"""`meshbot.yaml` read strictly: a `JobFile`, or every fault at once, each with line and column.

Defaults are merged into each job while every value still knows its place, so that a fault is reported where it was
written: once, and under `defaults` when it stands there. A text that is no YAML is mended where the slip is a
well-known one, so that the faults behind it are found in the same report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from scheduler.jobfile import merging, scanning, wording, yamlmend, yamltree
from scheduler.jobfile.faults import Fault, JobFileError
from scheduler.jobfile.jobs import Head, Job, JobFile
from scheduler.jobfile.parts import AlertOn, Alerts, CatchUp, CatchUpPolicy, Concurrency, JobType, Paused, Retries
from scheduler.jobfile.published import schema
from scheduler.jobfile.yamltree import Mapping, Node, Place, Scalar, plain

__all__ = [
    "AlertOn",
    "Alerts",
    "CatchUp",
    "CatchUpPolicy",
    "Concurrency",
    "Fault",
    "Job",
    "JobFile",
    "JobFileError",
    "JobType",
    "Paused",
    "Retries",
    "parse",
    "schema",
]

T = TypeVar("T", Head, Job)


def parse(text: str, where: str = "meshbot.yaml") -> JobFile:
    """Read a job file; `where` names it in messages.

    Raises `JobFileError` with every fault.
    """
    tree, faults = _tree(text)
    if tree is not None and not isinstance(tree, Mapping):
        remedy = "begin with `version: 1`, `project:`, `environment:` and `jobs:`"
        faults.append(Fault(tree.place.line, tree.place.column, "", "the file is no mapping", remedy))
    reading = Reading(tree, text, faults) if isinstance(tree, Mapping) else None
    if faults or reading is None or reading.head is None:
        raise JobFileError(where, tuple(faults))
    head = reading.head
    return JobFile(
        version=head.version,
        project=head.project,
        environment=head.environment,
        timezone=head.timezone,
        jobs=tuple(reading.jobs),
    )


def _tree(text: str) -> tuple[Node | None, list[Fault]]:
    tree, faults = yamltree.read(text)
    if tree is not None:
        return tree, faults
    slips, mended = yamlmend.mend(text)
    if not slips:
        return None, faults
    tree, rest = yamltree.read(mended)
    # A mended tab may stand for any number of spaces: what is then still no YAML may be the mending's own doing.
    tabs = any("tab" in slip.problem for slip in slips)
    if tree is None:
        return None, slips if tabs else slips + rest
    paths = yamltree.paths(tree)
    return tree, [replace(slip, path=paths.get(Place(slip.line, slip.column), slip.path)) for slip in slips] + rest


class Reading:
    """One reading of one file: its head and its jobs, as far as they are good; every fault goes into one list."""

    def __init__(self, root: Mapping, text: str, faults: list[Fault]) -> None:
        self.faults = faults
        scan = scanning.Scan(text, faults)
        scan.walk(root)
        self.silent = scan.silent
        self.head = self._validate(Head, root, root.place)
        self.jobs = [job for job in self._jobs(root) if job is not None]

    def _jobs(self, root: Mapping) -> Iterator[Job | None]:
        defaults = self._defaults(root)
        head: dict[str, Node] = {key: root.entries[key] for key in ("environment", "timezone") if key in root.entries}
        jobs = root.entries.get("jobs")
        if isinstance(jobs, Mapping):
            written = [(name, jobs.keys[name], job) for name, job in jobs.entries.items()]
            for name, place, job in (*written, *jobs.again):
                yield self._job(Scalar(place, job.path, name, name), job, defaults, head)

    def _defaults(self, root: Mapping) -> Mapping:
        """Return the defaults, checked as those of a job without values of its own."""
        written = root.entries.get("defaults")
        if not isinstance(written, Mapping):
            return Mapping(root.place, "defaults", {})
        defaults = merging.prepare(merging.check_defaults(written, self.faults), self.faults)
        own = {key: Scalar(written.place, "", text, text) for key, text in (("name", "x"), ("schedule", "@daily"))}
        self._validate(Job, replace(defaults, entries=defaults.entries | own), written.place)
        return defaults

    def _job(self, name: Scalar, job: Node, defaults: Mapping, head: dict[str, Node]) -> Job | None:
        if not isinstance(job, Mapping):
            if job.place not in self.silent:
                remedy = f'write `{name.text}: {{type: run, schedule: "*/15 * * * *"}}`'
                self.faults.append(Fault(job.place.line, job.place.column, job.path, "a job is a mapping", remedy))
            return None
        merging.check_job(job, self.faults)
        whole = merging.complete(merging.prepare(job, self.faults), defaults, head)
        merging.check_complete(whole, self.faults)
        return self._validate(Job, replace(whole, entries=whole.entries | {"name": name}), name.place)

    def _validate(self, model: type[T], data: Mapping, start: Place) -> T | None:
        """Return the value; or None, after its faults were taken down."""
        try:
            return model.model_validate(plain(data))
        except ValidationError as error:
            for one in error.errors(include_url=False):
                place, path, node = yamltree.locate(data, one["loc"], start)
                if node is None or node.place not in self.silent:
                    problem, remedy = wording.word(one, model)
                    if isinstance(node, Scalar) and one["type"] != "extra_forbidden":
                        place = node.place
                    self.faults.append(Fault(place.line, place.column, path, problem, remedy))
            return None
