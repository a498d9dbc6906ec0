"""What is looked for everywhere in a file, whatever key it stands under: credentials, and keys without a value.

What is found is said once: the scan remembers these places, and what else would be said about them is left out.
"""

from __future__ import annotations

import re

from scheduler.jobfile import grants
from scheduler.jobfile.faults import Fault
from scheduler.jobfile.yamltree import Mapping, Node, Place, Scalar, Sequence

# These two have rules of their own, which know the names.
OWN_RULES = {"env", "secrets"}
OPTIONAL = "remove the key, or give it a value"


class Scan:
    """A walk through the whole tree."""

    def __init__(self, text: str, faults: list[Fault]) -> None:
        self.lines = text.split("\n")
        self.faults = faults
        self.silent: set[Place] = set()
        self.seen: set[int] = set()

    def walk(self, node: Node) -> None:
        """Look at a node and at all below it, at shared ones once."""
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        match node:
            case Scalar():
                self._scalar(node, node.place)
            case Sequence():
                for item in node.items:
                    self.walk(item)
            case Mapping():
                for key, place, value in (
                    *((key, node.keys[key], one) for key, one in node.entries.items()),
                    *node.again,
                ):
                    if isinstance(value, Scalar) and value.is_empty and node.path.rpartition(".")[2] != "secrets":
                        self._scalar(value, place)
                    elif key not in OWN_RULES:
                        self.walk(value)

    def _scalar(self, node: Scalar, place: Place) -> None:
        credential = grants.why_credential("", node.text)
        if credential:
            remedy = "take it out of Git, replace it by a new one, and let the operator grant that as a secret"
            self._say(node, place, f"the value {credential}", remedy)
        elif node.is_empty:
            line = self.lines[min(place.line, len(self.lines)) - 1][place.column - 1 :]
            lost = re.match(r"[^#]*:\s+#\S", line)
            problem = "there is no value: an unquoted # begins a comment" if lost else "there is no value"
            self._say(node, place, problem, 'write it in quotes: "#data"' if lost else OPTIONAL)

    def _say(self, node: Scalar, place: Place, problem: str, remedy: str) -> None:
        self.silent.add(node.place)
        self.faults.append(Fault(place.line, place.column, node.path, problem, remedy))
