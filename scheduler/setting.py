"""Keys of a job in `meshbot.yaml`, set to what somebody wrote in a word: comments and order of the file stay.

The rule: the file is read before and after, and nothing but what was named may differ; else it is refused. Whether a
value fits is `scheduler.jobfile`'s to say, with every fault at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scheduler import jobfile
from scheduler.jobfile import Job, JobFile
from scheduler.yamledits import AmendError, Edits, change_list, content_end, flow, jobs_of, own, scalar, value_of

NUMBERS = frozenset({"max_concurrent_models", "parallelism", "retries"})
OFF = frozenset({"no", "false", "off"})
ON = frozenset({"yes", "true", "on"})
NO_REASON = "no reason was given"
PLAIN = re.compile(r"\d{1,6}[smhd]")


def set_keys(text: str, job: str, values: Sequence[tuple[str, str | None]], where: str = "meshbot.yaml") -> str:
    """Return the file with other values of a job's keys; None takes a key out, so that its default holds again.

    Raises `JobFileError` when the file is faulty or would be, `AmendError` when it cannot be changed in place.
    """
    before = jobfile.parse(text, where)
    if job not in {one.name for one in before.jobs}:
        names = ", ".join(one.name for one in before.jobs)
        raise AmendError(f"setting {job} in {where}: there is no such job; there is {names}")
    for key, value in values:
        text = _set(text, job, key, value)
    after = jobfile.parse(text, where)
    if _others(before, job, values) != _others(after, job, values):
        raise AmendError(
            f"setting {job} in {where}: other values would change with it, since they are shared; edit the file by hand"
        )
    return text


def _set(text: str, job: str, key: str, value: str | None) -> str:
    edits = Edits(text)
    name, entry = next((one, other) for one, other in jobs_of(text).value if one.value == job)
    if not isinstance(entry, MappingNode) or entry.start_mark.index < name.end_mark.index:
        raise AmendError(f"setting {job}: line {name.start_mark.line + 1}: it is no mapping; write its keys out")
    old = own(entry, key)
    if old is None and value_of(entry, key) is not None:
        raise AmendError(f"setting {job}: its {key} is an alias of what stands elsewhere; edit the file by hand")
    written = None if value is None or (key == "paused" and value.lower() in OFF) else _written(key, value)
    if old is not None:
        _change(edits, entry, (key, old), written)
    elif written is not None:
        edits.add_key(entry, key, written)
    return edits.apply()


def _written(key: str, value: str) -> str:
    """Write a value as YAML; what is of another kind than it should be stays so, and is a fault of the file."""
    if key == "select":
        return flow(_listed(value))
    if key == "paused":
        return f"{{reason: {json.dumps(NO_REASON if value.lower() in ON else value, ensure_ascii=False)}}}"
    if (key in NUMBERS and value.isascii() and value.isdecimal()) or PLAIN.fullmatch(value):
        return value
    return scalar(value)


def _listed(value: str) -> list[str]:
    return [one for part in value.split(",") if (one := part.strip())]


def _change(edits: Edits, entry: MappingNode, named: tuple[str, Node], written: str | None) -> None:
    name, old = named
    key = next(one for one, value in entry.value if value is old)
    limit = value_of(old, "limit") if name == "retries" and isinstance(old, MappingNode) else None
    if written is None:
        _remove(edits, entry, key, old)
    elif isinstance(limit, ScalarNode):
        edits.replace(limit.start_mark.index, limit.end_mark.index, written)
    elif isinstance(old, SequenceNode) and name == "select":
        change_list(edits, old, json.loads(written))
    elif isinstance(old, (MappingNode, SequenceNode)) and not old.flow_style:
        colon = edits.text.index(":", key.end_mark.index)
        edits.replace(colon + 1, content_end(edits.text, old), f" {written}")
    else:
        end = len(edits.text[: old.end_mark.index].rstrip())
        edits.replace(old.start_mark.index, max(end, old.start_mark.index), written)


def _remove(edits: Edits, entry: MappingNode, key: Node, old: Node) -> None:
    if not entry.flow_style:
        edits.remove_entry(key, old)
        return
    place = [one for one, _ in entry.value].index(key)
    if place + 1 < len(entry.value):
        edits.replace(key.start_mark.index, entry.value[place + 1][0].start_mark.index, "")
    elif place:
        edits.replace(entry.value[place - 1][1].end_mark.index, old.end_mark.index, "")
    else:
        edits.replace(key.start_mark.index, old.end_mark.index, "")


def _others(file: JobFile, job: str, values: Sequence[tuple[str, str | None]]) -> object:
    """Return everything of a file but what is set. A pause's end may be a date of the time zone, and moves with it."""
    keys = {key for key, _ in values}
    left = keys | ({"paused"} if "timezone" in keys else set())
    return file.project, file.environment, [_rest(one, left) if one.name == job else one for one in file.jobs]


def _rest(job: Job, keys: set[str]) -> object:
    return {key: value for key, value in job if key not in keys}
