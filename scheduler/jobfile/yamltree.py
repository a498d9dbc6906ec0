"""A YAML text as a tree in which every value knows its place: the only door to ruamel.yaml.

The tree is built from the parser's events, because a loader keeps neither the place of a scalar nor both places of a
duplicate key. Plain scalars are read as YAML 1.2 has it, so `on`, `off`, `yes` and `no` are words. An alias shares the
node of its anchor and nothing is ever copied out, so that a text of a few lines that means gigabytes is refused by
adding up numbers. Nothing of the text but keys is repeated in a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from scheduler.jobfile import grants, yamlwords
from scheduler.jobfile.faults import Fault

LARGEST = 400_000
DEEPEST = 16
MOST_VALUES = 100_000
CORE_TAGS = {None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Place:
    """Where something is written; both numbers count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar:
    """A single value. `text` is what was written, `value` what it means."""

    place: Place
    path: str
    text: str
    value: str | int | float | bool | None
    size: int = 1
    height: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was written."""
        return self.value is None and not self.text


@dataclass(frozen=True)
class Sequence:
    """A list."""

    place: Place
    path: str
    items: tuple[Node, ...]
    size: int = 1
    height: int = 1


@dataclass(frozen=True)
class Mapping:
    """Keys and their values, with the place of each key."""

    place: Place
    path: str
    entries: dict[str, Node]
    keys: dict[str, Place] = field(default_factory=dict)
    # What was written under a key that had been written before, with the place of the key.
    again: tuple[tuple[str, Place, Node], ...] = ()
    size: int = 1
    height: int = 1


Node = Scalar | Sequence | Mapping


class Unreadable(Exception):
    """The text ends here: what follows cannot be understood."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


def plain(node: Node) -> Any:  # noqa: ANN401 - the data of any YAML text
    """Return the data without its places."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(value) for key, value in node.entries.items()}


def locate(root: Mapping, loc: tuple[str | int, ...], start: Place) -> tuple[Place, str, Node | None]:
    """Return the place, the key path and the node of what pydantic calls `loc`.

    The place is that of the key, or of the item of a list; of a missing key, that of the key above it. `start` is the
    place of the root's own key.
    """
    node: Node | None = root
    place, path = start, root.path
    for part in loc:
        if isinstance(node, Mapping) and part in node.entries:
            place, node = node.keys.get(str(part), start), node.entries[str(part)]
            path = node.path
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place, path = node.place, node.path
        elif part != "[key]":
            return place, f"{path}.{part}".lstrip("."), None
    return place, path, node


def paths(node: Node) -> dict[Place, str]:
    """Return the key path of each scalar, by its place."""
    match node:
        case Scalar():
            return {node.place: node.path}
        case Sequence():
            inner: tuple[Node, ...] = node.items
        case Mapping():
            inner = (*node.entries.values(), *(value for _, _, value in node.again))
    return {place: path for one in inner for place, path in paths(one).items()}


def read(text: str) -> tuple[Node | None, list[Fault]]:
    """Read one document. None when nothing of it can be used; the faults say why."""
    if len(text) > LARGEST:
        return None, [yamlwords.too_large(len(text), LARGEST)]
    builder = Builder()
    try:
        return builder.document(_events(text)), builder.faults
    except Unreadable as end:
        return None, [*builder.faults, end.fault]


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except ReaderError as error:
        raise Unreadable(yamlwords.control_character(text, error.position)) from error
    except MarkedYAMLError as error:
        # What is not closed is looked for where it was opened.
        opened = any(word in str(error.context) for word in ("flow", "quoted", "simple key"))
        mark = (error.context_mark if opened else None) or error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        fault = yamlwords.syntax(place.line, place.column, str(error.problem), str(error.context or ""))
        raise Unreadable(fault) from error
    except (YAMLError, ValueError, AssertionError) as error:
        raise Unreadable(yamlwords.syntax(1, 1, type(error).__name__, "")) from error


class Builder:
    """Builds the tree of one document and collects its faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.anchors: dict[str, Node] = {}
        self.values = 0

    def document(self, events: Iterator[Event]) -> Node | None:
        """Return the one document, or None when there is none."""
        root = None
        for event in events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                self.faults.append(yamlwords.second_document(event.start_mark.line + 1))
                return root
            if isinstance(event, NodeEvent):
                root = self.node(event, events, "", 0)
        if root is None or (isinstance(root, Scalar) and root.is_empty):
            self.faults.append(yamlwords.empty())
            return None
        return root

    def node(self, event: Event, events: Iterator[Event], path: str, depth: int) -> Node:
        """Return the node that begins with `event`, reading on to its end."""
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, AliasEvent):
            node = self._alias(event, place, path)
        else:
            node = self._new(event, events, place, path, depth)
        self.values += node.size if isinstance(event, AliasEvent) else 1
        if self.values > MOST_VALUES:
            raise Unreadable(yamlwords.too_many(place.line, place.column, MOST_VALUES))
        if depth + node.height > DEEPEST:
            raise Unreadable(yamlwords.too_deep(place.line, place.column, DEEPEST))
        return node

    def _alias(self, event: AliasEvent, place: Place, path: str) -> Node:
        if event.anchor in self.anchors:
            return self.anchors[event.anchor]
        self.faults.append(yamlwords.unknown_alias(place.line, place.column, path))
        return Scalar(place, path, "*", value="*")

    def _new(self, event: Event, events: Iterator[Event], place: Place, path: str, depth: int) -> Node:
        if depth > DEEPEST:
            raise Unreadable(yamlwords.too_deep(place.line, place.column, DEEPEST))
        if getattr(event, "tag", None) not in CORE_TAGS:
            self.faults.append(yamlwords.tag(place.line, place.column, path))
        node: Node
        if isinstance(event, MappingStartEvent):
            node = self._mapping(events, place, path, depth)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(events, place, path, depth)
        elif isinstance(event, ScalarEvent):
            node = Scalar(place, path, event.value, _value(event))
        else:
            raise TypeError(f"reading YAML: {type(event).__name__} begins no value")
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _sequence(self, events: Iterator[Event], place: Place, path: str, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self.node(event, events, f"{path}[{len(items)}]", depth + 1))
        return Sequence(place, path, tuple(items), *_measure(items))

    def _mapping(self, events: Iterator[Event], place: Place, path: str, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        again: list[tuple[str, Place, Node]] = []
        merged: list[Node] = []
        while not isinstance(event := next(events), MappingEndEvent):
            name = self.node(event, events, path, depth + 1)
            key = name.text if isinstance(name, Scalar) else "?"
            # A key may be a secret that was written in the wrong place, and paths are shown.
            inner = f"{path}.{'***' if grants.why_credential('', key) else key}".lstrip(".")
            value = self.node(next(events), events, inner, depth + 1)
            at = Place(event.start_mark.line + 1, event.start_mark.column + 1)
            if not isinstance(name, Scalar):
                self.faults.append(yamlwords.key(at.line, at.column, path))
            elif key == "<<":
                merged.append(value)
            elif key in keys:
                self.faults.append(yamlwords.duplicate(at.line, at.column, inner, keys[key].line))
                again.append((key, at, value))
            else:
                entries[key], keys[key] = value, at
        for value in merged:
            self._merge(value, entries, keys)
        size, height = _measure(list(entries.values()))
        return Mapping(place, path, entries, keys, tuple(again), size, height)

    def _merge(self, value: Node, entries: dict[str, Node], keys: dict[str, Place]) -> None:
        """Take over what `<<` names; what is written here, or was named earlier, wins."""
        for source in value.items if isinstance(value, Sequence) else (value,):
            if not isinstance(source, Mapping):
                self.faults.append(yamlwords.merge(value.place.line, value.place.column, value.path))
                return
            for key, node in source.entries.items():
                if key not in entries:
                    entries[key], keys[key] = node, source.keys[key]


def _value(event: ScalarEvent) -> str | int | float | bool | None:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text


def _measure(nodes: list[Node]) -> tuple[int, int]:
    return 1 + sum(node.size for node in nodes), 1 + max((node.height for node in nodes), default=0)
