"""Versions compared, as far as Meshbot needs it: by their numbers.

The rule: the supported range is stated once, in the metadata of the package.
"""

from __future__ import annotations

import re
from importlib import metadata

BOUND = re.compile(r"(>=|<)\s*([0-9][0-9.]*)")


def numbers(text: str) -> tuple[int, ...]:
    """Return the first version number in a text: `git version 2.39.5` has 2, 39, 5."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def wanted(library: str) -> str:
    """Return the range of a library that this version of Meshbot supports: `>=0.220,<0.237`."""
    for requirement in metadata.requires("meshbot") or ():
        if re.match(rf"{library}\b", requirement):
            return ",".join(sorted((low + high for low, high in BOUND.findall(requirement)), reverse=True))
    return ""


def fits(version: str, bounds: str) -> bool:
    """Say whether a version lies within bounds."""
    have = numbers(version)
    for relation, bound in BOUND.findall(bounds):
        limit = tuple(map(int, bound.split(".")))
        if (have < limit) if relation == ">=" else (have >= limit):
            return False
    return True
