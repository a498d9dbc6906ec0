"""A repository with models and without a job file is offered one, in a pull request, once.

The rule: the branch is the lock. Whoever was killed between branch, commit and pull request finds what is there and
goes on; a pull request of ours that was ever opened, closed ones too, is not opened again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bot import proposing
from bot.checkout import JOB_FILE
from bot.errors import Refused
from bot.handlers import repositories
from bot.words import comments, welcome
from scheduler.store import PullRow

if TYPE_CHECKING:
    from bot.checkout import Mirror
    from bot.gh import RepoInfo, Repository
    from bot.proposing import Proposed
    from bot.services import Services
    from scheduler.store import RepositoryRow

BRANCH = "meshbot/onboarding"
MOST_PROJECTS = 20
MARKER = comments.marker("onboarding", "offer")


def offer(services: Services, row: RepositoryRow, _now: datetime) -> str:
    """Open the onboarding pull request of a repository, unless there is nothing to offer or it was offered before."""
    repo = services.github.repository(row.installation, row.id)
    info = repo.info()
    if info.archived or info.fork:
        return "no job file is offered: it is a fork, or archived"
    if any(pull.author == services.github.login for pull in services.store.pulls(row.id)):
        return "no job file is offered: it was before"
    mirror = repositories.fetched(services, repo, f"refs/heads/{info.default_branch}")
    sha = mirror.resolve(f"refs/heads/{info.default_branch}")
    if sha is None or mirror.job_files(sha):
        return "no job file is offered: there is one, or no commit"
    made, unread = _proposals(services, mirror, sha, info)
    if not made:
        return "no job file is offered: there are no models that a run would evaluate"
    number = _open(repo, sha, made, welcome.body(made, unread, info.default_branch))
    services.store.put_pull(PullRow(row.id, number, sha, "open", services.github.login))
    return f"a job file is offered in pull request {number}"


def _proposals(services: Services, mirror: Mirror, sha: str, info: RepoInfo) -> tuple[list[Proposed], dict[str, str]]:
    """Propose jobs for each project; also say which do not load, and why."""
    made: list[Proposed] = []
    unread: dict[str, str] = {}
    taken = {project.name for project in services.store.projects()}
    for folder in mirror.projects(sha)[:MOST_PROJECTS]:
        try:
            graph = services.graphs.of(mirror, sha, folder)
        except Refused as error:
            unread[folder] = str(error)
            continue
        name = _name(graph.project, folder, info.full_name, taken)
        one = proposing.propose_for(replace(graph, project=name), "", str(PurePosixPath(folder) / JOB_FILE))
        if one.proposal.models:
            made.append(one)
            taken.add(name)
    return made, unread


def _name(project: str | None, folder: str, full_name: str, taken: set[str]) -> str:
    """Name a project so that no other is called so: after itself, its folder, its repository, or a number."""
    owner, _, repository = full_name.partition("/")
    place = repository if folder == "." else folder
    wishes = [project or PurePosixPath(place).name, PurePosixPath(place).name, f"{repository}-{place}"]
    wishes += [f"{owner}-{repository}-{place}", *(f"{repository[:20]}-{number}" for number in range(2, 1000))]
    return next(name for one in wishes if (name := proposing.project_name(one)) not in taken)


def _open(repo: Repository, sha: str, made: list[Proposed], text: str) -> int:
    """Make the branch, its commit and the pull request, as far as they are not there; return its number."""
    head = repo.create_branch(BRANCH, sha)
    files = {one.path: one.text for one in made}
    repo.commit_files(BRANCH, head, files, welcome.message(made), f"Meshbot-Onboarding: {repo.id}")
    body = comments.marked(MARKER, text)
    return repo.put_pull(BRANCH, repo.info().default_branch, welcome.TITLE, body, MARKER)
