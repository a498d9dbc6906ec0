"""Failures of models are told where the models were changed last.

The rule: one comment for a job on a pull request, edited when it fails again, so that nobody is flooded. A run that is
tried again by itself is told of by its last attempt. Whom there is nobody to tell of is settled, too.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bot.handlers import followups, repositories
from bot.words import reports
from scheduler.errors import UserError
from scheduler.runs import ModelStatus, next_attempt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.checkout import Mirror
    from bot.events import FailureDue
    from bot.gh import Pull, Repository
    from bot.services import Services
    from scheduler.runs import Run

MOST_MODELS = 20
"""So many failed models of a run are looked up."""


def on_failure(event: FailureDue, services: Services, now: datetime) -> str:
    """Tell the pull requests that last changed the models that failed in a run."""
    run = services.store.run(event.run)
    if run is None:
        return "nothing: the run is not kept any more"
    told = [] if next_attempt(run, now) else _tell(event, services, run, now)
    services.store.failure_posted(run.id, now)
    return f"told {', '.join(f'#{number}' for number in told) or 'nobody'}"


def _tell(event: FailureDue, services: Services, run: Run, now: datetime) -> list[int]:
    failed = [one.model for one in services.store.results(run.id) if one.status is ModelStatus.FAILED]
    if not failed:
        return []
    repo = services.github.repository(event.installation, event.repo.id)
    mirror = repositories.fetched(services, repo, f"refs/heads/{event.repo.default_branch}")
    paths = _paths(services, mirror, run, failed[:MOST_MODELS])
    found = _pulls(repo, mirror, run, paths)
    since = now - timedelta(days=services.settings.github_failure_days)
    answer = followups.shape(services, run)
    told = []
    for pull, models in found:
        if (pull.merged_at or pull.created_at) >= since:
            mark = reports.failure_marker(run.project, run.job)
            repo.put_comment(pull.number, mark, reports.failure(answer, models, now))
            told.append(pull.number)
    return told


def _paths(services: Services, mirror: Mirror, run: Run, models: list[str]) -> Mapping[str, list[str]]:
    """Return the files of models at the run's commit, each with its models; nothing where they cannot be read."""
    found: dict[str, list[str]] = defaultdict(list)
    if not mirror.has(run.sha):
        return found
    try:
        graph = services.graphs.of(mirror, run.sha, run.path)
    except UserError:
        return found
    for name in models:
        if name in graph and (path := graph[name].path):
            found[path].append(name)
    return found


def _pulls(repo: Repository, mirror: Mirror, run: Run, paths: Mapping[str, list[str]]) -> list[tuple[Pull, list[str]]]:
    """Return the pull requests that brought the last change of each file, with the models in them."""
    commits: dict[str, list[str]] = defaultdict(list)
    for path, models in paths.items():
        if (commit := _last_commit(mirror, run, path)) is not None:
            commits[commit] += models
    found: dict[int, tuple[Pull, list[str]]] = {}
    for commit, models in commits.items():
        pulls = [pull for pull in repo.pulls_of_commit(commit) if pull.merged or pull.state == "open"]
        if pulls:
            chosen = min(pulls, key=lambda pull: (not pull.merged, pull.number))
            found.setdefault(chosen.number, (chosen, []))[1].extend(models)
    return list(found.values())


def _last_commit(mirror: Mirror, run: Run, path: str) -> str | None:
    """Return the last commit of a model's file, whose path is that in the project, or that in the repository."""
    for one in dict.fromkeys((str(PurePosixPath(run.path) / path), path)):
        try:
            if (commit := mirror.last_commit(run.sha, one)) is not None:
                return commit
        except UserError:  # no path that git would take
            continue
    return None
