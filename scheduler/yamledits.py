"""Changes to the text of a YAML file: every byte that needs no change stays, comments and order included.

ruamel.yaml composes the text only to say where each value begins and ends; the changes are made to the text itself.
(Its round-trip dumper would re-indent lists and lose the comments around a removed key.) Beside the reader of job
files, the modules that amend them are the doors to ruamel.yaml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from scheduler.errors import UserError


class AmendError(UserError):
    """A file that cannot be changed in place: where, and how to write it so that it can."""


def composed(text: str) -> Node:
    """Return the nodes of a file, each of which says where it begins and ends. Raises `AmendError`."""
    try:
        root: Node = YAML(typ="rt", pure=True).compose(text)
    except YAMLError as error:
        raise AmendError(
            f"amending meshbot.yaml: it is no YAML ({str(error).splitlines()[0]}); mend it first"
        ) from error
    return root


def jobs_of(text: str) -> MappingNode:
    """Return the mapping of the jobs. Raises `AmendError` when they are not written as a block."""
    root = composed(text)
    jobs = value_of(root, "jobs") if isinstance(root, MappingNode) else None
    if not isinstance(jobs, MappingNode) or jobs.flow_style:
        raise AmendError(
            "amending meshbot.yaml: `jobs` is no block of names and jobs; write each job on lines of its own"
        )
    return jobs


def value_of(mapping: MappingNode, name: str) -> Node | None:
    """Return the value of a key."""
    return next((value for key, value in mapping.value if key.value == name), None)


def own(mapping: MappingNode, name: str) -> Node | None:
    """Return a value that is written in this job, not one that an alias brings from elsewhere."""
    found = value_of(mapping, name)
    inside = found is not None and mapping.start_mark.index <= found.start_mark.index < mapping.end_mark.index
    return found if inside else None


def content_end(text: str, node: Node) -> int:
    """Return where a value ends, without the comments and blank lines that follow it."""
    if isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        return content_end(text, last[1] if isinstance(last, tuple) else last)
    end = node.end_mark.index
    return len(text[:end].rstrip()) if not getattr(node, "style", None) else int(end)


def line_of(text: str, index: int) -> int:
    """Return the line of a place in the text, from 0."""
    return text.count("\n", 0, index)


@dataclass
class Edits:
    """Changes to a text, collected and made at once. Lines count from 0."""

    text: str
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, start: int, end: int, written: str) -> None:
        """Put `written` in the place of what stands from `start` to `end`."""
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
        last = max(line_of(self.text, content_end(self.text, value)), key.start_mark.line)
        if first > 0 and not lines[first - 1].strip():
            first -= 1
        self.remove_lines(first, last)

    def remove_lines(self, first: int, last: int) -> None:
        """Remove whole lines, the last one too."""
        starts = [0, *(match.end() for match in re.finditer("\n", self.text)), len(self.text)]
        self.replace(starts[first], starts[min(last + 1, len(starts) - 1)], "")

    def apply(self) -> str:
        """Return the changed text."""
        found = self.text
        for start, end, written in sorted(self.changes, key=lambda one: (one[0], one[1]), reverse=True):
            found = found[:start] + written + found[end:]
        return found


def change_list(edits: Edits, old: SequenceNode, wanted: Sequence[str]) -> None:
    """Change a list item by item; an item that stays keeps its line."""
    written = [item.value for item in old.value]
    if written == list(wanted):
        return
    if old.flow_style:
        edits.replace(old.start_mark.index, old.end_mark.index, flow(wanted))
        return
    kept = [item for item in old.value if item.value in wanted]
    if not kept:
        edits.replace(old.start_mark.index, content_end(edits.text, old), flow(wanted))
        return
    for item in old.value:
        if item not in kept:
            edits.remove_lines(item.start_mark.line, line_of(edits.text, content_end(edits.text, item)))
    added = [one for one in wanted if one not in written]
    dash = " " * old.start_mark.column
    edits.insert_after(content_end(edits.text, kept[-1]), "".join(f"{dash}- {json.dumps(one)}\n" for one in added))


def flow(values: Sequence[str]) -> str:
    """Write a list on one line."""
    return f"[{', '.join(json.dumps(value, ensure_ascii=False) for value in values)}]"


def scalar(text: str) -> str:
    """Write a word plainly when YAML reads it as the same word, else in quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_/-]*", text) and text.lower() not in {
        "true",
        "false",
        "null",
        "yes",
        "no",
    }
    return text if plain else json.dumps(text)
