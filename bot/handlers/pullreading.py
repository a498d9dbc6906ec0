"""What there is to read of a pull request: its projects at the head and at the base, and their models.

The rule: nothing of the head is loaded before somebody answers for it; files are read as text in any case. Nothing is
written but mirrors and kept graphs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot import checkout, linting, proposing, sync
from bot.checkout import JOB_FILE, Entry, Mirror
from bot.durations import NOTHING, Ask, Measured, measured
from bot.errors import Refused
from bot.handlers import repositories
from bot.words.pullviews import Branches, Committed, View
from scheduler import amend
from scheduler.errors import Retryable, UserError
from scheduler.jobfile import Fault

if TYPE_CHECKING:
    from bot.gh import Pull, Repository
    from bot.services import Services
    from scheduler.dag import Graph

WRITERS = frozenset({"write", "maintain", "admin"})
MOST_PROJECTS = 10  # of one pull request: each may take minutes to read, and is a comment
MOST_FILES = 3000  # GitHub lists no more
UNREAD = (".md", ".rst")  # no project reads these


@dataclass(frozen=True)
class Ground:
    """A pull request as GitHub has it now, with both its sides in the mirror."""

    services: Services
    repo: Repository
    pull: Pull
    mirror: Mirror
    base: str
    files: frozenset[str]

    @cached_property
    def branches(self) -> Branches:
        """Where the head goes."""
        info, pull = self.repo.info(), self.pull
        return Branches(pull.number, pull.head_sha, pull.base_ref, info.default_branch, pull.can_be_pushed)

    @cached_property
    def answered_for(self) -> bool:
        """Whether the code of the head may be loaded."""
        return may_be_described(self.services, self.repo, self.pull)

    @cached_property
    def projects(self) -> frozenset[str]:
        """The folders of the head in which a project lies."""
        return frozenset(self.mirror.projects(self.pull.head_sha))

    @cached_property
    def before(self) -> dict[str, Committed]:
        """The job files of the base, by path."""
        return _committed(self.mirror.job_files(self.base))

    @cached_property
    def after(self) -> dict[str, Committed]:
        """The job files of the head, by path; one whose project another repository keeps has that as its fault."""
        found = _committed(self.mirror.job_files(self.pull.head_sha))
        here = self.repo.clone_url
        rows = [row for row in self.services.store.projects() if row.removed_at is None and row.repository != here]
        return {path: _elsewhere(one, {row.name for row in rows}) for path, one in found.items()}

    def parted(self, folder: str) -> str:
        """Return the text of a job file from which the head has grown: what GitHub's diff is against."""
        at = self.mirror.fork_point(self.base, self.pull.head_sha)
        try:
            return (self.mirror.read(at, job_file(folder)) if at else None) or ""
        except UserError:
            return ""

    def merged(self, folder: str) -> tuple[Committed | None, bool]:
        """Return the job file of a folder as merging leaves it; and whether the two sides conflict in it.

        With a conflict it is that of the head.
        """
        before, after = (side.get(job_file(folder)) for side in (self.before, self.after))
        if not self.edits(folder):
            return before, False
        if before is None or after is None or self.parted(folder) in {before.text, after.text}:
            return after, False
        text = checkout.merged(self.parted(folder), before.text, after.text)
        if text is None or text == after.text:
            return after, text is None
        return _committed([Entry(job_file(folder), text)])[job_file(folder)], False

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Every folder with a project or a job file on either side; those that the pull request touches first."""
        there = self.projects | {str(PurePosixPath(path).parent) for path in (*self.after, *self.before)}
        touched = self._touched(there)
        return tuple(sorted(there, key=lambda one: (one not in touched, job_file(one) not in self.after, one)))

    @cached_property
    def touched(self) -> frozenset[str]:
        """The folders of projects in which the pull request changes something, projects below them aside."""
        return self._touched(frozenset(self.folders))

    def _touched(self, folders: frozenset[str]) -> frozenset[str]:
        if len(self.files) >= MOST_FILES:
            return folders
        read = (file for file in self.files if not (file.endswith(UNREAD) or file.startswith(".git")))
        above = ([str(parent) for parent in PurePosixPath(file).parents] for file in read)
        return frozenset(own for parents in above if (own := next((one for one in parents if one in folders), "")))

    def edits(self, folder: str) -> bool:
        """Say whether the pull request changes the job file of a folder."""
        return job_file(folder) in self.files or len(self.files) >= MOST_FILES

    def graph(self, folder: str) -> Graph:
        """Return the models of a project at the head. Raises `Refused` when they do not load, or must not be loaded."""
        number, sha = self.pull.number, self.pull.head_sha
        if not self.answered_for:
            raise Refused(
                f"reading the models of pull request {number}: somebody with write permission must look at them first "
                f"and say `/meshbot ok-to-test {sha[:12]}`"
            )
        return self.services.graphs.of(self.mirror, sha, folder)

    def called(self, folder: str) -> str:
        """Name a project that names itself nowhere: after its folder, or the repository."""
        return PurePosixPath(self.repo.info().full_name if folder == "." else folder).name


def ground(services: Services, repo: Repository, pull: Pull) -> Ground:
    """Fetch both sides of a pull request. Raises `Retryable` while GitHub does not hand out the head."""
    base, head = f"refs/heads/{pull.base_ref}", f"refs/pull/{pull.number}/head"
    mirror = repositories.fetched(services, repo, base, head)
    at = mirror.resolve(base)
    if at is None or not mirror.has(pull.head_sha):
        missing = f"its head {pull.head_sha[:12]}" if at else f"the branch {pull.base_ref}"
        raise Retryable(f"fetching pull request {pull.number} of {repo.clone_url}: {missing} is not there yet")
    return Ground(services, repo, pull, mirror, at, frozenset(repo.files(pull.number)))


def may_be_described(services: Services, repo: Repository, pull: Pull) -> bool:
    """Say whether somebody with write permission answers for the code of the head: its author, or `ok-to-test`.

    What is on a branch of the repository itself was pushed by somebody who may write; its author must be one, too.
    """
    if services.store.trusted(repo.id, pull.number, pull.head_sha):
        return True
    if pull.head_repo_id != repo.id:
        return False
    return pull.author == services.github.login or repo.permission(pull.author) in WRITERS


def views(ground: Ground, known: frozenset[str], now: datetime) -> tuple[list[View], int]:
    """Read the projects that may be worth a comment, and those in `known` folders, which have one.

    Returns also how many more the pull request touches.
    """
    touched = ground.touched
    others = [one for one in ground.folders if one not in touched and job_file(one) in ground.after]
    first = [one for one in ground.folders if one in touched] + (others if ground.answered_for else [])
    chosen = [*first[:MOST_PROJECTS], *sorted(known - set(first[:MOST_PROJECTS]))]
    return [_view(ground, folder, now) for folder in chosen], max(0, len(touched) - MOST_PROJECTS)


def propose(ground: Ground, folder: str, graph: Graph) -> proposing.Proposed:
    """Return what is proposed for a project at the head, whose models are `graph`.

    Raises `JobFileError` for a faulty job file, `AmendError` for one that cannot be amended.
    """
    path = job_file(folder)
    head = ground.after.get(path)
    text = head.text if head else ""
    asks = asking(ground.services, ground.repo.clone_url)
    return proposing.propose_for(graph, text, path, asks, called=ground.called(folder))


def job_file(folder: str) -> str:
    """Return the path of the job file of a folder."""
    return str(PurePosixPath(folder) / JOB_FILE)


def _view(ground: Ground, folder: str, now: datetime) -> View:
    plain = _plain(ground, folder)
    if not plain.here or folder not in ground.projects:
        return plain
    if not ground.answered_for:
        return replace(plain, waits=True)
    try:
        graph = ground.graph(folder)
        plain = replace(plain, graph=graph)
        if plain.faults:
            return plain
        made = propose(ground, folder, graph)
    except UserError as error:
        return replace(plain, refused=str(error))
    head = plain.head
    found = linting.judged(head.text, head.file, graph, made.known, now) if head and head.file else ()
    return replace(plain, made=made, findings=found)


def _plain(ground: Ground, folder: str) -> View:
    """Return what the files say, before any model is read."""
    path = job_file(folder)
    head, base = ground.after.get(path), ground.before.get(path)
    here = head is not None or folder in ground.projects
    elsewhere = _named(ground.after, base) if base and not here else ""
    if head and head.file and base is None:
        base = ground.before.get(_named(ground.before, head))
    left, conflicts = ground.merged(folder)
    both = path in ground.before and head is not None and ground.edits(folder)
    return View(
        ground.branches,
        folder,
        path,
        base,
        head,
        merged=left if both and left is not head else None,
        conflicts=conflicts,
        touched=folder in ground.touched,
        edited=ground.edits(folder),
        parted=ground.parted(folder) if head and ground.edits(folder) else "",
        here=here,
        elsewhere=elsewhere,
        url=f"{ground.repo.web_url}/blob/{ground.pull.head_sha}/{quote(path)}" if head else "",
        called=ground.called(folder),
    )


def _named(files: dict[str, Committed], like: Committed) -> str:
    """Return the path of the file that is about the same project."""
    name = like.file.project if like.file else ""
    return next((path for path, one in files.items() if one.file and one.file.project == name), "")


def _committed(entries: list[Entry]) -> dict[str, Committed]:
    well, faulty = sync.read(entries)
    texts = {entry.path: entry.text for entry in entries}
    found = {entry.path: Committed(entry.text, file) for entry, file in well}
    return found | {one.path: Committed(texts[one.path], faults=one.faults) for one in faulty}


def _elsewhere(one: Committed, names: set[str]) -> Committed:
    if one.file is None or one.file.project not in names:
        return one
    line = amend.lines(one.text).get(("project",), 1)
    problem = f"another repository keeps a project called {one.file.project}"
    return Committed(one.text, faults=(Fault(line, 1, "project", problem, "give this one another name"),))


def asking(services: Services, clone_url: str) -> Ask:
    """Return what knows durations: those of projects of this repository only, whatever a job file calls itself."""

    def ask(project: str) -> Measured:
        mine = any(row.name == project and row.repository == clone_url for row in services.store.projects())
        return measured(services)(project) if mine else NOTHING

    return ask
