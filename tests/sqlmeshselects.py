"""SQLMesh's own selector, asked about one of our graphs: what our reading of selectors is held against."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scheduler import dag


@lru_cache(maxsize=1)
def sqlmesh() -> SimpleNamespace:
    """Import what is needed of it. Its imports warn of deprecations that are not ours, and take seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sqlglot import exp
        from sqlglot.errors import ParseError
        from sqlmesh.core.dialect import normalize_model_name
        from sqlmesh.core.selector import NativeSelector, parse
        from sqlmesh.utils.dag import DAG
    return SimpleNamespace(
        exp=exp, ParseError=ParseError, normalize=normalize_model_name, Selector=NativeSelector, parse=parse, DAG=DAG
    )


class SqlmeshSelector:
    """SQLMesh's `NativeSelector` over stand-ins for its models, which have the five things that it looks at."""

    def __init__(self, graph: dag.Graph) -> None:
        self.fqn = {model.name: sqlmesh().normalize(model.name, graph.default_catalog, None) for model in graph.models}
        self.names = {fqn: name for name, fqn in self.fqn.items()}
        walk: Any = sqlmesh().DAG()
        models: dict[str, Any] = {}
        for model in graph.models:
            if dag.Flag.UNDECLARED in model.flags:
                continue
            fqn = self.fqn[model.name]
            models[fqn] = SimpleNamespace(name=model.name, fqn=fqn, tags=list(model.tags), _path=None, is_model=True)
            walk.add(fqn, {self.fqn[name] for name in model.depends_on})
        self.models = models
        self.selector = sqlmesh().Selector.__new__(sqlmesh().Selector)
        vars(self.selector).update(
            _models=models, _dag=walk, _default_catalog=graph.default_catalog, _dialect=None, _context_path=Path()
        )
        vars(self.selector)["_git_client"] = None

    def select(self, selectors: list[str]) -> set[str]:
        """Return the names of the models that SQLMesh selects."""
        found = self.selector.expand_model_selections(selectors)
        return {self.names[fqn] for fqn in found if fqn in self.models}
