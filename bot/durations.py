"""How long models and jobs usually take, and what is promoted, from the last runs, where there is a database to ask.

The rule: a proposal needs no service; without a database, or with one that does not answer, nothing is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from bot.errors import Unreachable
from scheduler.errors import MeshbotError
from scheduler.runs import ModelStatus
from scheduler.topology import NO_HISTORY, History

if TYPE_CHECKING:
    from bot.services import Services

RUNS = 100


def unreported(_environment: str) -> Mapping[str, str] | None:
    """Know nothing of an environment."""
    return None


@dataclass(frozen=True)
class Measured:
    """Usual seconds: of models, and of whole runs by job; and what says which models an environment has promoted."""

    models: History = NO_HISTORY
    jobs: Mapping[str, float] = field(default_factory=dict)
    promoted: Callable[[str], Mapping[str, str] | None] = unreported


NOTHING = Measured()
Ask = Callable[[str], Measured]


def nothing(_project: str) -> Measured:
    """Know nothing."""
    return NOTHING


def measured(services: Services) -> Ask:
    """Return what answers for a project, by its name."""

    def ask(project: str) -> Measured:
        settings = services.settings
        if settings.database_url is None and not (settings.data_dir / "meshbot.db").exists():
            return NOTHING
        try:
            return _measured(services, project)
        except Unreachable:
            return NOTHING

    return ask


def _measured(services: Services, project: str) -> Measured:
    from scheduler.store import RunFilter

    models: dict[str, list[float]] = defaultdict(list)
    jobs: dict[str, list[float]] = defaultdict(list)
    for run in services.store.runs(RunFilter(project=project), limit=RUNS):
        evaluated = [one for one in services.store.results(run.id) if one.status is ModelStatus.EVALUATED]
        for one in evaluated:
            models[one.model].append(one.seconds)
        if evaluated and run.started_at and run.ended_at:
            jobs[run.job].append((run.ended_at - run.started_at).total_seconds())
    return Measured(
        History({name: median(seconds) for name, seconds in models.items()}),
        {name: median(seconds) for name, seconds in jobs.items()},
        partial(_promoted, services, project),
    )


def _promoted(services: Services, project: str, environment: str) -> Mapping[str, str] | None:
    try:
        return services.logs.promoted(project, environment)
    except MeshbotError:
        return None
