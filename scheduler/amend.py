"""meshbot.yaml, written anew or changed in place: every byte that needs no change stays, comments and order included.

The rule: pure. What is proposed is written; whether it is wanted is not asked here.
"""

from __future__ import annotations

import json

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from scheduler import jobfile
from scheduler.jobfile import Job, JobType
from scheduler.lintwords import Fix
from scheduler.topology import Proposal, ProposedJob, Standing
from scheduler.yamledits import (
    AmendError,
    Edits,
    change_list,
    composed,
    content_end,
    flow,
    jobs_of,
    own,
    scalar,
)

__all__ = ["AmendError", "amend", "compose", "lines", "mend"]

# A list that fits on a line beside its key is written there.
WIDTH = 100


def compose(proposal: Proposal, *, project: str, environment: str = "prod") -> str:
    """Write a new job file. Times are UTC, as SQLMesh's crons are."""
    head = f"version: 1\nproject: {scalar(project)}\nenvironment: {scalar(environment)}\ntimezone: UTC\n\njobs:\n"
    return head + "\n".join(_job(job, "  ", zone=False) for job in proposal.jobs)


def amend(text: str, proposal: Proposal) -> str:
    """Return the job file changed to what is proposed. Raises `AmendError`, and `JobFileError` for a faulty file."""
    present = {job.name: job for job in jobfile.parse(text).jobs}
    jobs = jobs_of(text)
    edits = Edits(text)
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
        edits.insert_after(content_end(text, jobs), written)
    return edits.apply()


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of every key and list item, counted from 1: `("jobs", "live", "select", "0")`.

    The text is one that `scheduler.jobfile.parse` reads.
    """
    found: dict[tuple[str, ...], int] = {}
    stack: list[tuple[tuple[str, ...], Node]] = [((), composed(text))]
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
    edits = Edits(text)
    entry = next((value for key, value in jobs_of(text).value if key.value == fix.job), None)
    if not isinstance(entry, MappingNode):
        raise AmendError(f"mending meshbot.yaml: there is no job {fix.job!r} that is a mapping; mend it by hand")
    old = own(entry, fix.key)
    written = flow(fix.value) if isinstance(fix.value, tuple) else json.dumps(fix.value)
    if old is None:
        edits.add_key(entry, fix.key, written)
    elif isinstance(old, SequenceNode) and isinstance(fix.value, tuple):
        change_list(edits, old, fix.value)
    else:
        edits.replace(old.start_mark.index, old.end_mark.index, written)
    return edits.apply()


def _change(edits: Edits, job: ProposedJob, present: Job, entry: tuple[Node, Node]) -> None:
    """Change the schedule, the time zone and the selectors of a job to the proposed ones."""
    key, value = entry
    if not isinstance(value, MappingNode):
        raise AmendError(
            f"amending meshbot.yaml: line {key.start_mark.line + 1}: {job.name} is no mapping; write its keys out"
        )
    fields = {"schedule": json.dumps(job.schedule), "timezone": scalar(job.timezone)}
    for name, written in fields.items():
        old = own(value, name)
        if getattr(job, name) == getattr(present, name):
            continue
        if old is None:
            edits.add_key(value, name, written)
        else:
            edits.replace(old.start_mark.index, old.end_mark.index, written)
    old = own(value, "select")
    if old is None:
        if job.select != present.select:
            edits.add_key(value, "select", flow(job.select))
    elif isinstance(old, SequenceNode):
        change_list(edits, old, job.select)


def _job(job: ProposedJob, indent: str, *, zone: bool) -> str:
    """Write a job as a block, with the reason as a comment."""
    inner = indent * 2
    lines = [f"{indent}{job.name}:", f"{inner}# {_comment(job.reason)}"]
    if job.type is JobType.JANITOR:
        lines.append(f"{inner}type: janitor")
    lines.append(f"{inner}schedule: {json.dumps(job.schedule)}")
    if zone or job.timezone != "UTC":
        lines.append(f"{inner}timezone: {scalar(job.timezone)}")
    if job.select:
        listed = flow(job.select)
        if len(inner) + len(listed) + len("select: ") <= WIDTH:
            lines.append(f"{inner}select: {listed}")
        else:
            lines += [f"{inner}select:", *(f"{inner}  - {json.dumps(one, ensure_ascii=False)}" for one in job.select)]
    if job.parallelism > 1:
        lines.append(f"{inner}parallelism: {job.parallelism}")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
