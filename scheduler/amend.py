"""meshbot.yaml, written anew or changed in place: every byte that needs no change stays, comments and order included.

ruamel.yaml composes the text only to say where each value begins and ends; the changes are made to the text itself.
(Its round-trip dumper would re-indent lists and lose the comments around a removed key.) This module and the job
file's reader are the doors to ruamel.yaml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from scheduler import jobfile
from scheduler.errors import UserError
from scheduler.jobfile import Job, JobType
from scheduler.lintwords import Fix
from scheduler.topology import Proposal, ProposedJob, Standing

# A list that fits on a line beside its key is written there.
WIDTH = 100


class AmendError(UserError):
    """A file that cannot be changed in place: where, and how to write it so that it can."""


def compose(proposal: Proposal, *, project: str, environment: str = "prod") -> str:
    """Write a new job file. Times are UTC, as SQLMesh's crons are."""
    head = f"version: 1\nproject: {_scalar(project)}\nenvironment: {_scalar(environment)}\ntimezone: UTC\n\njobs:\n"
    return head + "\n".join(_job(job, "  ", zone=False) for job in proposal.jobs)


def amend(text: str, proposal: Proposal) -> str:
    """Return the job file changed to what is proposed. Raises `AmendError`, and `JobFileError` for a faulty file."""
    present = {job.name: job for job in jobfile.parse(text).jobs}
    jobs = _jobs(text)
    edits = _Edits(text)
    proposed = {job.name: job for job in proposal.jobs}
    gone = {one.name for one in proposal.removed}
    for key, value in jobs.value:
        job = proposed.pop(key.value, None)
        if key.value in gone:
            edits.remove_entry(key, value)
        elif job is not None and job.standing is Standing.AMENDED:
            _change(edits, job, present[job.name], (key, value))
    if proposed:
        indent = " " * (jobs.value[0][0].start_mark.column if jobs.value else 2)
        written = "".join("\n" + _job(job, indent, zone=True) for job in proposed.values())
        edits.insert_after(_content_end(text, jobs), written)
    return edits.apply()


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of every key and list item, counted from 1: `("jobs", "live", "select", "0")`.

    The text is one that `scheduler.jobfile.parse` reads.
    """
    found: dict[tuple[str, ...], int] = {}
    stack: list[tuple[tuple[str, ...], Node]] = [((), _compose(text))]
    while stack:
        path, node = stack.pop()
        entries = []
        if isinstance(node, MappingNode):
            entries = [((*path, key.value), key, value) for key, value in node.value]
        elif isinstance(node, SequenceNode):
            entries = [((*path, str(place)), item, item) for place, item in enumerate(node.value)]
        for inner, marked, value in entries:
            if inner not in found:
                found[inner] = marked.start_mark.line + 1
                stack.append((inner, value))
    return found


def mend(text: str, fix: Fix) -> str:
    """Return the job file with a fix of the linter in it. Raises `AmendError`."""
    edits = _Edits(text)
    entry = next((value for key, value in _jobs(text).value if key.value == fix.job), None)
    if not isinstance(entry, MappingNode):
        raise AmendError(f"mending meshbot.yaml: there is no job {fix.job!r} that is a mapping; mend it by hand")
    old = _own(entry, fix.key)
    written = _flow(fix.value) if isinstance(fix.value, tuple) else json.dumps(fix.value)
    if old is None:
        edits.add_key(entry, fix.key, written)
    elif isinstance(old, SequenceNode) and isinstance(fix.value, tuple):
        _change_list(edits, old, fix.value)
    else:
        edits.replace(old.start_mark.index, old.end_mark.index, written)
    return edits.apply()


def _compose(text: str) -> Node:
    try:
        root: Node = YAML(typ="rt", pure=True).compose(text)
    except YAMLError as error:
        raise AmendError(
            f"amending meshbot.yaml: it is no YAML ({str(error).splitlines()[0]}); mend it first"
        ) from error
    return root


def _jobs(text: str) -> MappingNode:
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except YAMLError as error:
        raise AmendError(
            f"amending meshbot.yaml: it is no YAML ({str(error).splitlines()[0]}); mend it first"
        ) from error
    jobs = _value(root, "jobs") if isinstance(root, MappingNode) else None
    if not isinstance(jobs, MappingNode) or jobs.flow_style:
        raise AmendError(
            "amending meshbot.yaml: `jobs` is no block of names and jobs; write each job on lines of its own"
        )
    return jobs


def _value(mapping: MappingNode, name: str) -> Node | None:
    return next((value for key, value in mapping.value if key.value == name), None)


def _change(edits: _Edits, job: ProposedJob, present: Job, entry: tuple[Node, Node]) -> None:
    """Change the schedule, the time zone and the selectors of a job to the proposed ones."""
    key, value = entry
    if not isinstance(value, MappingNode):
        raise AmendError(
            f"amending meshbot.yaml: line {key.start_mark.line + 1}: {job.name} is no mapping; write its keys out"
        )
    fields = {"schedule": json.dumps(job.schedule), "timezone": _scalar(job.timezone)}
    for name, written in fields.items():
        old = _own(value, name)
        if getattr(job, name) == getattr(present, name):
            continue
        if old is None:
            edits.add_key(value, name, written)
        else:
            edits.replace(old.start_mark.index, old.end_mark.index, written)
    old = _own(value, "select")
    if old is None:
        if job.select != present.select:
            edits.add_key(value, "select", _flow(job.select))
    elif isinstance(old, SequenceNode):
        _change_list(edits, old, job.select)


def _own(mapping: MappingNode, name: str) -> Node | None:
    """Return a value that is written in this job, not one that an alias brings from elsewhere."""
    found = _value(mapping, name)
    inside = found is not None and mapping.start_mark.index <= found.start_mark.index < mapping.end_mark.index
    return found if inside else None


def _change_list(edits: _Edits, old: SequenceNode, wanted: Sequence[str]) -> None:
    written = [item.value for item in old.value]
    if written == list(wanted):
        return
    if old.flow_style:
        edits.replace(old.start_mark.index, old.end_mark.index, _flow(wanted))
        return
    kept = [item for item in old.value if item.value in wanted]
    if not kept:
        edits.replace(old.start_mark.index, _content_end(edits.text, old), _flow(wanted))
        return
    for item in old.value:
        if item not in kept:
            edits.remove_lines(item.start_mark.line, _line_of(edits.text, _content_end(edits.text, item)))
    added = [one for one in wanted if one not in written]
    dash = " " * old.start_mark.column
    edits.insert_after(_content_end(edits.text, kept[-1]), "".join(f"{dash}- {json.dumps(one)}\n" for one in added))


def _content_end(text: str, node: Node) -> int:
    """Return where a value ends, without the comments and blank lines that follow it."""
    if isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        return _content_end(text, last[1] if isinstance(last, tuple) else last)
    end = node.end_mark.index
    return len(text[:end].rstrip()) if not getattr(node, "style", None) else int(end)


def _line_of(text: str, index: int) -> int:
    return text.count("\n", 0, index)


@dataclass
class _Edits:
    """Changes to a text, collected and made at once. Lines count from 0."""

    text: str
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, start: int, end: int, written: str) -> None:
        self.changes.append((start, end, written))

    def insert_after(self, index: int, written: str) -> None:
        """Insert whole lines after the line in which `index` is."""
        end = self.text.find("\n", index)
        if end < 0:
            self.replace(len(self.text), len(self.text), "\n" + written)
        else:
            self.replace(end + 1, end + 1, written)

    def add_key(self, mapping: MappingNode, name: str, written: str) -> None:
        """Add a key in front of the first one."""
        start = mapping.start_mark.index
        if mapping.flow_style:
            more = ", " if mapping.value else ""
            self.replace(start + 1, start + 1, f"{name}: {written}{more}")
        else:
            self.replace(start, start, f"{name}: {written}\n{' ' * mapping.start_mark.column}")

    def remove_entry(self, key: Node, value: Node) -> None:
        """Remove a key and its value, with the comment that stands directly above it."""
        lines = self.text.splitlines()
        first = key.start_mark.line
        while first > 0 and re.match(r"\s*#", lines[first - 1]):
            first -= 1
        last = max(_line_of(self.text, _content_end(self.text, value)), key.start_mark.line)
        if first > 0 and not lines[first - 1].strip():
            first -= 1
        self.remove_lines(first, last)

    def remove_lines(self, first: int, last: int) -> None:
        starts = [0, *(match.end() for match in re.finditer("\n", self.text)), len(self.text)]
        self.replace(starts[first], starts[min(last + 1, len(starts) - 1)], "")

    def apply(self) -> str:
        """Return the changed text."""
        found = self.text
        for start, end, written in sorted(self.changes, key=lambda one: (one[0], one[1]), reverse=True):
            found = found[:start] + written + found[end:]
        return found


def _job(job: ProposedJob, indent: str, *, zone: bool) -> str:
    """Write a job as a block, with the reason as a comment."""
    inner = indent * 2
    lines = [f"{indent}{job.name}:", f"{inner}# {_comment(job.reason)}"]
    if job.type is JobType.JANITOR:
        lines.append(f"{inner}type: janitor")
    lines.append(f"{inner}schedule: {json.dumps(job.schedule)}")
    if zone or job.timezone != "UTC":
        lines.append(f"{inner}timezone: {_scalar(job.timezone)}")
    if job.select:
        flow = _flow(job.select)
        if len(inner) + len(flow) + len("select: ") <= WIDTH:
            lines.append(f"{inner}select: {flow}")
        else:
            lines += [f"{inner}select:", *(f"{inner}  - {json.dumps(one, ensure_ascii=False)}" for one in job.select)]
    if job.parallelism > 1:
        lines.append(f"{inner}parallelism: {job.parallelism}")
    return "\n".join(lines) + "\n"


def _flow(values: Sequence[str]) -> str:
    return f"[{', '.join(json.dumps(value, ensure_ascii=False) for value in values)}]"


def _scalar(text: str) -> str:
    """Write a word plainly when YAML reads it as the same word, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_/-]*", text) and text.lower() not in {
        "true",
        "false",
        "null",
        "yes",
        "no",
    }
    return text if plain else json.dumps(text)


def _comment(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
