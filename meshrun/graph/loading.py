"""Loads projects without their world, and writes their graph.

The rule: one broken file costs its own models and no others; whatever was replaced or left out is a fault of the graph.
The surprise: SQLMesh keys its model cache by times of files; here it is keyed by content, so that a new checkout of
an old tree is still a small load.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "true"  # read when sqlmesh is imported

import sqlmesh
from sqlmesh.core.config.loader import load_configs
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.context import Context

from . import dbttext, pyconfig
from .content import repository_of
from .engines import Engine
from .faults import Faults
from .graphing import Drawing, Row
from .patches import Patches
from .remedies import Remedies, file_of, words
from .settings import ConfigReader, Gateways
from .stubs import Stubs

ATTEMPTS = 200


class UnloadableError(Exception):
    """Nothing of the project can be loaded; the message says what to change."""


class _NoState:
    """The state of a project of which nothing is deployed."""

    def get_environment(self, *_: object) -> None:
        """Know no environment."""

    def get_environment_statements(self, *_: object) -> list[Any]:
        """Know no statements."""
        return []


class DescribingContext(Context):
    """A context that asks neither an engine nor a state database."""

    gateways_read: Gateways

    @cached_property
    def default_catalog_per_gateway(self) -> dict[str, str]:
        """The catalogs as the configuration tells them."""
        return self.gateways_read.catalogs()

    @property
    def state_reader(self) -> Any:  # noqa: ANN401 - stands for SQLMesh's
        """Know nothing."""
        return _NoState()


class Project:
    """One load: the projects, their faults, and the means against them."""

    def __init__(self, paths: Sequence[Path], beside: Sequence[Path], cache: Path) -> None:
        self.paths, self.beside = [path.absolute() for path in paths], [path.absolute() for path in beside]
        self.root = self.paths[0] if len(self.paths) == 1 else Path(os.path.commonpath(self.paths))
        self.faults = Faults(Path(os.environ["TMPDIR"]) / "faults", self.root)
        self.remedies = Remedies(self.faults, Stubs())
        self.gateways = Gateways()
        self.cache = cache / "models"
        self.reader = ConfigReader(self.remedies, self.gateways, self.cache)
        self.patches = Patches(self.faults, self.remedies, self.paths + self.beside)

    def load(self) -> DescribingContext:
        """Load as much as loads. Raises `UnloadableError`."""
        if dbttext.is_project(self.paths[0]) and importlib.util.find_spec("dbt") is None:
            raise UnloadableError("dbt is not installed")
        set_console(NoopConsole())
        self.remedies.stubs.install()
        pyconfig.install(self.remedies, self.reader)
        self.patches.install()
        self._find_packages()
        context = self._context()
        self.patches.names = (context.default_catalog, context.config.dialect)
        for _attempt in range(ATTEMPTS):
            try:
                context.load(update_schemas=False)
            except Exception as error:  # noqa: BLE001 - whatever a project raises
                if self.remedies.apply(error, self._where(error)):
                    continue
                self._leave_out(error)
            else:
                return context
        raise UnloadableError(f"{ATTEMPTS} attempts were not enough: too many files do not load; mend some")

    def _find_packages(self) -> None:
        """Let the project import what lies beside it; it is found after everything that is installed.

        The project's own folder is SQLMesh's to add, and to take away again before the next project.
        """
        os.chdir(self.paths[0])
        for path in self.paths + self.beside:
            for place in (path.parent, repository_of(path)):
                if place != path and place.is_relative_to(repository_of(path)) and str(place) not in sys.path:
                    sys.path.append(str(place))

    def _context(self) -> DescribingContext:
        where = self.paths[0]
        for _attempt in range(ATTEMPTS):
            try:
                configs = load_configs(None, Context.CONFIG_TYPE, [str(path) for path in self.paths + self.beside])
                made = DescribingContext.__new__(DescribingContext)
                made.gateways_read = self.gateways
                made.__init__(config=configs, load=False)  # type: ignore[misc]
            except Exception as error:
                if not self.remedies.apply(error, where):
                    raise UnloadableError(words(error)) from error
            else:
                return made
        raise UnloadableError("its configuration does not load")

    def _where(self, error: Exception) -> Path:
        return next((found for path in self.paths + self.beside if (found := file_of(error, path))), self.paths[0])

    def _leave_out(self, error: Exception) -> None:
        """Go on without the file that stopped the load, and keep what its text tells."""
        path = self._where(error)
        if path in self.paths or not self.patches.exclude(path):
            raise UnloadableError(f"{self.faults.place(path)}: {words(error)}") from error
        self.patches.broken(path, error)


def describe(paths: Sequence[Path], beside: Sequence[Path], cache: Path) -> str:
    """Return the graph of the projects as JSON. Raises `UnloadableError`."""
    project = Project(paths, beside, cache)
    try:
        context = project.load()
    except UnloadableError as error:
        if len(paths) > 1 or not dbttext.is_project(paths[0]):
            raise
        return _from_text(project, error)
    drawing = Drawing(
        project.root,
        project.faults,
        project.gateways,
        context.selected_gateway,
        context.default_catalog,
        frozenset(project.beside),
    )
    found = project.faults.listed()
    models = drawing.rows(context._models, [one.row for one in found if one.row])  # noqa: SLF001 - with their full names
    audits = drawing.audits(context.standalone_audits)
    state = project.gateways.of(context.selected_gateway)
    document: dict[str, object] = {
        "meshbot_graph": 1,
        "project": context.config.project or None,
        "sqlmesh": sqlmesh.__version__,
        "default_catalog": context.default_catalog,
        "state_engine": state.state or state.type,
    }
    faults = [{"where": one.where, "problem": one.problem, "remedy": one.remedy} for one in project.faults.listed()]
    lists = {"models": [*models, *drawing.sources.values()], "audits": audits, "faults": faults}
    return "".join(_written(document, lists))


def _from_text(project: Project, error: UnloadableError) -> str:
    """Return the graph of a dbt project that SQLMesh cannot load here, as far as its text tells."""
    project.faults.add(
        dbttext.PROJECT,
        f"SQLMesh cannot load it here ({error}); its files were read as text",
        "install dbt and its adapter where this runs",
    )
    text = dbttext.DbtText(project.root, project.reader, project.faults)
    rows = text.rows()
    project.gateways.fallback = Engine(text.engine)
    drawing = Drawing(project.root, project.faults, project.gateways, "", None)
    head: dict[str, object] = {"meshbot_graph": 1, "sqlmesh": sqlmesh.__version__, "state_engine": text.engine}
    models = drawing.rows({}, rows)
    faults = [{"where": one.where, "problem": one.problem, "remedy": one.remedy} for one in project.faults.listed()]
    return "".join(_written(head, {"models": [*models, *drawing.sources.values()], "audits": [], "faults": faults}))


def _written(head: dict[str, object], lists: dict[str, list[Row]]) -> Iterator[str]:
    """Write the document, one line a model."""
    yield "{" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    for key, rows in lists.items():
        ordered = sorted(rows, key=lambda row: (str(row.get("name") or row.get("where")), str(row.get("problem", ""))))
        yield f',\n"{key}": [' + ",\n".join(json.dumps(_short(row)) for row in ordered) + "]"
    yield "}\n"


DEFAULTS: dict[str, object] = {"kind": "FULL", "cron": "@daily", "cron_tz": "UTC", "line": 0}


def _short(row: Row) -> Row:
    """Leave out what the reader takes for granted."""
    return {
        key: value
        for key, value in row.items()
        if (value != DEFAULTS[key] if key in DEFAULTS else value not in (None, [], ""))
        or key in {"name", "where", "problem"}
    }
