"""Stand-ins for modules that are not installed, so that a project can be read where it cannot run.

The rule: a module is replaced only after its absence stopped the load, and only for code of the project; an optional
import that the project handles itself stays absent. Nothing here computes: whatever is asked of a stand-in is another.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

PLACEHOLDER = "0"


class _Kind(type):
    """The class of stand-in classes: they have every attribute, and calling one with a function gives it back."""

    def __getattr__(cls, name: str) -> Any:  # noqa: ANN401 - anything
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(name, cls.__module__)

    def __call__(cls, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - anything
        if len(arguments) == 1 and not named and isinstance(arguments[0], (types.FunctionType, type)):
            return arguments[0]  # used as a decorator
        return super().__call__(*arguments, **named)

    def __getitem__(cls, _item: object) -> Any:  # noqa: ANN401 - anything
        return cls

    def __iter__(cls) -> Iterator[Any]:
        return iter(())

    def __or__(cls, other: Any) -> Any:  # noqa: ANN401 - a type hint
        return other

    __ror__ = __or__


class _Value(str):
    """What a stand-in returns: a text, so that it fits where settings are expected, with every attribute and item."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - anything
        if name.startswith("__"):
            raise AttributeError(name)
        return _Value(PLACEHOLDER)

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - anything
        if len(arguments) == 1 and not named and isinstance(arguments[0], (types.FunctionType, type)):
            return arguments[0]
        return _Value(PLACEHOLDER)

    def __getitem__(self, _item: Any) -> _Value:  # noqa: ANN401 - a key or an index
        return _Value(PLACEHOLDER)

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> _Value:  # noqa: PYI034 - slots forbid Self's extra
        return self

    def __exit__(self, *_: object) -> None:
        return None


def stand_in(name: str, module: str) -> Any:  # noqa: ANN401 - a class that can be anything
    """Make a stand-in class of that name, which says that it comes from that module."""

    def new(_cls: type, *_: Any, **__: Any) -> _Value:  # noqa: ANN401 - anything
        return _Value(PLACEHOLDER)

    return _Kind(name, (), {"__module__": module, "__new__": new, "__doc__": "A stand-in."})


def value() -> Any:  # noqa: ANN401 - anything
    """Make the value that stands for one that could not be computed."""
    return _Value(PLACEHOLDER)


def is_stand_in(one: object) -> bool:
    """Say whether something is a stand-in, or the value of one."""
    return isinstance(one, (_Value, _Kind))


class _Module(types.ModuleType):
    """A module that has everything."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - anything
        if name.startswith("__"):
            raise AttributeError(name)
        made = stand_in(name, self.__name__)
        setattr(self, name, made)
        return made


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins for the modules it was told of, after everybody else found nothing."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def install(self) -> None:
        """Take the last place among those who find modules."""
        sys.meta_path.append(self)

    def allow(self, name: str) -> bool:
        """Replace this package from now on; return whether that is new."""
        package = name.partition(".")[0]
        if package in self.names:
            return False
        self.names.add(package)
        return True

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a stand-in."""
        if fullname.partition(".")[0] not in self.names:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin="stand-in", is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Make the module."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: there is nothing to run."""
