"""SQLMesh's selectors, read and applied to a graph: what `sqlmesh run --select-model` would select.

The grammar is SQLMesh's own, with its surprises: `&` joins two operands and no more (`a & b & c` is refused, write
`a & (b & c)`), `*` stands only at the ends of a name, wildcards look at the name as it is written, plain names do not
mind the case. `git:` depends on a work tree and selects nothing here; `Universe.unknowable` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import assert_never

from scheduler.dag import Flag, Graph
from scheduler.errors import UserError

TOKEN = re.compile(r"\s*([()&|^+*:]|[^\s()&|^+*:'\"\\;,]+)")
SIGNS = frozenset("()&|^+*:")
KINDS = ("tag", "resource_type", "git")
# What SQLMesh's tokenizer reads as one word, and its parser as one name. They take 1.5, 1e5 and 0x1f for numbers.
WORD = re.compile(r"(?!\d)\w[\w$]*(-[\w$]+)*(\.[^\W\d][\w$]*)*")


class SelectorError(UserError):
    """A selector that SQLMesh would refuse, or read otherwise than it looks."""


@dataclass(frozen=True)
class Name:
    """A name, or a pattern with `*` at its ends."""

    pattern: str


@dataclass(frozen=True)
class Kind:
    """`tag:`, `resource_type:` or `git:` and what follows."""

    kind: str
    pattern: str


@dataclass(frozen=True)
class Not:
    """Everything else."""

    of: Expression


@dataclass(frozen=True)
class Both:
    """What both sides select."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Either:
    """What one of the sides selects."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Around:
    """The same and what is upstream (`+a`) or downstream (`a+`) of it."""

    of: Expression
    up: bool
    down: bool


Expression = Name | Kind | Not | Both | Either | Around


@lru_cache(maxsize=65536)
def parse(text: str) -> Expression:
    """Read one selector. Raises `SelectorError`."""
    reader = _Reader(text)
    # SQLMesh puts every selector between parentheses before it reads it, and that changes what a last + means.
    found = reader.operand()
    if reader.token() is not None:
        raise reader.error(f"{reader.token()!r} stands after the end; a parenthesis is one too many")
    return found


def expressible(name: str) -> bool:
    """Whether a selector can be written that names exactly this."""
    return WORD.fullmatch(name) is not None


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = ["("]
        self.at = 0
        end = 0
        while text[end:].strip():
            match = TOKEN.match(text, end)
            if match is None:
                raise self.error(f"{text[end:].strip()[0]!r} cannot stand in a selector")
            self.tokens.append(match[1])
            end = match.end()
        self.tokens.append(")")

    def error(self, problem: str) -> SelectorError:
        return SelectorError(f"reading the selector {self.text!r}: {problem}")

    def token(self, ahead: int = 0) -> str | None:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None

    def take(self, token: str) -> bool:
        if self.token() != token:
            return False
        self.at += 1
        return True

    def conjunction(self) -> Expression:
        left = self.unary()
        if self.take("&"):
            left = Both(left, self.unary())
        return Either(left, self.conjunction()) if self.take("|") else left

    def unary(self) -> Expression:
        return Not(self.unary()) if self.take("^") else self.operand()

    def operand(self) -> Expression:
        up = self.take("+")
        kind = self._kind()
        star = "*" if self.take("*") else ""
        if not kind and not star and self.take("("):
            found, down = self._group()
        elif (word := self.token()) is None or word in SIGNS:
            if not star:
                raise self.error("the name of a model is expected")
            # Nothing may follow a lone star, also no +: SQLMesh has it so.
            found, down = (Kind(kind, star) if kind else Name(star)), False
        else:
            self.at += 1
            pattern = star + word + ("*" if self.take("*") else "")
            found, down = (Kind(kind, pattern) if kind else Name(pattern)), self.take("+")
        return Around(found, up, down) if up or down else found

    def _group(self) -> tuple[Expression, bool]:
        """Read up to the closing parenthesis. A + before it, as in `((a)+)`, belongs to all that is inside."""
        found = self.conjunction()
        down = self.take("+")
        if not self.take(")"):
            raise self.error(f"{self.token() or 'the end'!r} where ) is expected; group operands with parentheses")
        return found, down

    def _kind(self) -> str:
        token = self.token()
        if token is None or token.lower() not in KINDS or self.token(1) != ":":
            return ""
        self.at += 2
        return token.lower()


class Universe:
    """The models that selectors choose from, prepared for many questions. Models are indexes of the graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.all = frozenset(i for i, model in enumerate(graph.models) if Flag.UNDECLARED not in model.flags)
        self.schedulable = frozenset(i for i, model in enumerate(graph.models) if model.schedulable)

    def select(self, selectors: Iterable[str]) -> frozenset[int]:
        """Return what any of the selectors selects; all models when there is none. Raises `SelectorError`."""
        written = tuple(selectors)
        if not written:
            return self.all
        plain: set[int] = set()
        above: set[int] = set()
        below: set[int] = set()
        for found in map(parse, written):
            # What is upstream of several is walked once: hundreds of `+sink` cost as much as one.
            if isinstance(found, Around):
                inner = self.evaluate(found.of)
                above.update(inner if found.up else ())
                below.update(inner if found.down else ())
            else:
                plain |= self.evaluate(found)
        return self.all & (plain | self.upstream(above) | self.downstream(below))

    def upstream(self, models: Iterable[int]) -> frozenset[int]:
        """Return the models and all that they depend on: what a run that selects them evaluates when it is due."""
        return self._walk(models, self.graph.parents)

    def downstream(self, models: Iterable[int]) -> frozenset[int]:
        """Return the models and all that depends on them."""
        return self._walk(models, self.graph.children)

    def unknowable(self, selectors: Iterable[str]) -> bool:
        """Whether one of the selectors asks Git, which nothing here can answer."""
        return any(re.search(r"(?i)\bgit\s*:", text) for text in selectors)

    def evaluate(self, found: Expression) -> frozenset[int]:
        """Return the models that an expression selects."""
        match found:
            case Name(pattern):
                return self._named(pattern)
            case Kind(kind, pattern):
                return self._kind(kind, pattern.lower())
            case Not(of):
                return self.all - self.evaluate(of)
            case Both(left, right):
                return self.evaluate(left) & self.evaluate(right)
            case Either(left, right):
                return self.evaluate(left) | self.evaluate(right)
            case Around(of, up, down):
                inner = self.evaluate(of)
                above = self.upstream(inner) if up else inner
                return (above | (self.downstream(inner) if down else inner)) & self.all
            case _:
                assert_never(found)

    def _walk(self, models: Iterable[int], edges: tuple[tuple[int, ...], ...]) -> frozenset[int]:
        seen = set(models)
        stack = list(seen)
        while stack:
            for other in edges[stack.pop()]:
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
        return frozenset(seen)

    def _named(self, pattern: str) -> frozenset[int]:
        if "*" in pattern:
            return frozenset(i for i in self.all if fnmatchcase(self.graph.models[i].name, pattern))
        if not all(pattern.split(".")):
            raise SelectorError(f"reading the selector {pattern!r}: a part between two dots is empty; add * or a name")
        index = self.by_name.get(self.canonical(pattern))
        return frozenset() if index is None else frozenset({index})

    def _kind(self, kind: str, pattern: str) -> frozenset[int]:
        if kind == "tag":
            tags = [tag for tag in self.by_tag if fnmatchcase(tag, pattern)] if "*" in pattern else [pattern]
            return frozenset().union(*(self.by_tag.get(tag, frozenset()) for tag in tags))
        if kind == "resource_type" and pattern not in {"model", "audit"}:
            raise SelectorError(f"reading the selector 'resource_type:{pattern}': the types are model and audit")
        return self.all if pattern == "model" and kind == "resource_type" else frozenset()

    @cached_property
    def by_name(self) -> dict[str, int]:
        """The models by canonical name."""
        return {self.canonical(self.graph.models[index].name): index for index in sorted(self.all, reverse=True)}

    @cached_property
    def by_tag(self) -> dict[str, frozenset[int]]:
        """The models of each tag, in small letters."""
        found: dict[str, set[int]] = {}
        for index in self.all:
            for tag in self.graph.models[index].tags:
                found.setdefault(tag.lower(), set()).add(index)
        return {tag: frozenset(found[tag]) for tag in sorted(found)}

    def canonical(self, name: str) -> str:
        """Return what is equal for two spellings of one name: the case, quotes and the default catalog do not count."""
        plain = name.replace('"', "").replace("`", "").lower()
        catalog = self.graph.default_catalog
        return plain.removeprefix(f"{catalog.lower()}.") if catalog and plain.count(".") > 1 else plain
