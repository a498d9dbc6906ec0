"""What can be done about an error that stopped a load, so that another attempt gets further.

The rule: each remedy changes one thing, is written down as a fault, and is applied once; an error without a remedy is
not hidden.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from .faults import Faults
from .stubs import PLACEHOLDER, Stubs


class Remedies:
    """The remedies of one load: stand-ins for modules, and placeholders for variables."""

    def __init__(self, faults: Faults, stubs: Stubs) -> None:
        self.faults, self.stubs = faults, stubs

    def apply(self, error: BaseException, where: Path) -> bool:
        """Do something about the error or what caused it; return whether there is hope now."""
        for each in chain(error):
            if isinstance(each, MemoryError):
                raise each
            if isinstance(each, ModuleNotFoundError) and _of_project(each) and self._module(each.name or "", where):
                return True
            if isinstance(each, KeyError) and (name := _variable(each)) and self.variable(name, where):
                os.environ[name] = PLACEHOLDER
                return True
        return False

    def variable(self, name: str, where: Path) -> bool:
        """Write down that a variable is missing."""
        return self.faults.add(
            where,
            f"the variable {name} is not set; {PLACEHOLDER!r} stands for it",
            f"set {name} where the project runs",
        )

    def _module(self, name: str, where: Path) -> bool:
        if not name or name.partition(".")[0] in {"sqlmesh", "sqlglot", "meshrun"}:
            return False
        self.faults.add(where, f"the module {name} is not installed; a stand-in was imported", f"pip install {name}")
        return self.stubs.allow(name)


def _of_project(error: ImportError) -> bool:
    """Say whether it was code of the project that imported; what installed packages miss is theirs to handle."""
    asked = [frame.filename for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    return not asked or "site-packages" not in asked[-1]


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and whatever led to it, the latest first."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def root(error: BaseException) -> BaseException:
    """Return the error with which it began, as far back as it wants to be told (`from None` ends it)."""
    each = error
    while (before := each.__cause__ or (None if each.__suppress_context__ else each.__context__)) is not None:
        each = before
    return each


def words(error: BaseException) -> str:
    """Word what it began with, in one line."""
    first = root(error)
    said = " ".join(str(first).split())
    return f"{type(first).__name__}: {said}" if said and not said.startswith(type(first).__name__) else repr(first)


def line_in(error: BaseException, path: Path) -> int:
    """Return the last line of that file that the error came through; 0 if none."""
    for each in reversed(list(chain(error))):
        if isinstance(each, SyntaxError) and each.filename and Path(each.filename) == path:
            return each.lineno or 0
        for frame in reversed(traceback.extract_tb(each.__traceback__)):
            if Path(frame.filename) == path:
                return frame.lineno or 0
    return 0


def file_of(error: BaseException, project: Path) -> Path | None:
    """Find the file of the project that the loader was reading: its loops call it `path`."""
    for each in chain(error):
        location = getattr(each, "location", None)
        for candidate in (location, *_read_paths(each.__traceback__)):
            if isinstance(candidate, Path) and candidate.is_file() and candidate.absolute().is_relative_to(project):
                return candidate.absolute()
    return None


def _read_paths(trace: TracebackType | None) -> list[object]:
    found: list[object] = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(("loader.py", "manifest.py")):
            found += [trace.tb_frame.f_locals.get(name) for name in ("path", "yaml_file", "file")]
        trace = trace.tb_next
    return found[::-1]


def _variable(error: KeyError) -> str | None:
    """Name the environment variable whose absence raised this."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or frames[-1].filename not in {os.__file__, "<frozen os>"}:
        return None
    name = error.args[0] if error.args else None
    return name if isinstance(name, str) and name else None
