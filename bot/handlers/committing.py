"""`accept` and `set`: commits on the branch of a pull request.

The rule: a commit is made once for one command, whatever fails in between: it is found again by its trailer, before
anything is read. What cannot be pushed is given to whoever can. Nothing is committed to the branch that is scheduled.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.chatops.names import guess
from bot.errors import Refused, UsageFault
from bot.gh import MissingPermission
from bot.handlers import pullreading, targets
from bot.handlers.said import Said
from bot.words import hunks, replies
from scheduler import amend, jobfile, setting
from scheduler.draw import sections
from scheduler.draw.escape import prose
from scheduler.errors import Retryable, UserError
from scheduler.topology import difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.chatops.actions import AcceptProposal, SetKeys
    from bot.handlers.speech import Speech
    from bot.proposing import Proposed

SUMMARY = 72


def accept(speech: Speech, action: AcceptProposal) -> Said:
    """Commit what is proposed: all of it, or what it says of some jobs."""
    if (sha := _made(speech)) is not None:
        return Said(replies.committed(sha, speech.pull.head_ref, ()))
    _see_branch(speech)
    proposed, faults = _proposed(speech)
    if not proposed:
        raise faults[0] if faults else UsageFault("accepting: there is no project at the head of this pull request")
    chosen = _chosen(proposed, action.jobs) if action.jobs else [(made, made.text) for made in proposed]
    files = {made.path: text for made, text in chosen if text != made.before}
    notes = "".join(f"\n\n⚠️ {prose(str(one))}" for one in faults)
    if not files:
        which = ", ".join(f"`{made.path}`" for made, _ in chosen)
        return Said(replies.unchanged(f"{which} has what is proposed already.") + notes, ok=not faults)
    changes = "".join(_changes(made.before, text) for made, text in chosen if made.path in files)
    what = f"Accept the proposed jobs{': ' + ', '.join(action.jobs) if action.jobs else ''}"
    befores = {made.path: made.before for made, _ in chosen}
    said = _commit(speech, befores, files, what, changes)
    return replace(said, text=said.text + notes)


def set_keys(speech: Speech, action: SetKeys) -> Said:
    """Commit other values of a job's keys."""
    if (sha := _made(speech)) is not None:
        return Said(replies.committed(sha, speech.pull.head_ref, ()))
    _see_branch(speech)
    ground = speech.ground
    path, name = targets.file_of(ground, action.job)
    before = ground.after[path].text
    after = setting.set_keys(before, name, action.values, path)
    if after == before:
        return Said(replies.unchanged(f"`{path}` says so already."))
    what = f"Set {', '.join(key for key, _ in action.values)} of {name}"
    return _commit(speech, {path: before}, {path: after}, what, _changes(before, after))


def _made(speech: Speech) -> str | None:
    """Return the commit of this command, if it was made before."""
    pull = speech.pull
    if pull.head_repo_id is None or not pull.can_be_pushed:
        return None
    return speech.repo.committed(pull.head_ref, speech.trailer, repository_id=pull.head_repo_id)


def _see_branch(speech: Speech) -> None:
    """See that the branch is not the one that is scheduled: what is committed there is not looked at before."""
    pull, info = speech.pull, speech.repo.info()
    if pull.head_repo_id == info.id and pull.head_ref == info.default_branch:
        raise Refused(
            f"committing to {pull.head_ref}: that is the branch that is scheduled; propose the change from another one"
        )


def _proposed(speech: Speech) -> tuple[list[Proposed], list[UserError]]:
    """Return the proposals of the projects that the comments are about; and what stands in the way of others."""
    ground = speech.ground
    found: list[Proposed] = []
    faults: list[UserError] = []
    for folder in ground.folders:
        has_file = pullreading.job_file(folder) in ground.after
        if folder in ground.projects and (folder in ground.touched or has_file):
            try:
                found.append(pullreading.propose(ground, folder, ground.graph(folder)))
            except UserError as error:
                faults.append(error)
    return found, faults


def _chosen(proposed: Sequence[Proposed], jobs: Sequence[str]) -> list[tuple[Proposed, str]]:
    """Return the files with only these jobs as proposed. Raises `UsageFault` for a job that is not in one of them."""
    wanted: dict[int, set[str]] = {}
    for job in jobs:
        places = [place for place, made in enumerate(proposed) if _plain(made, job) in _names(made)]
        if len(places) != 1:
            known = [f"{made.called}/{name}" for made in proposed for name in _names(made)]
            problem = f"{len(places)} projects have one" if places else "nothing is proposed for it"
            raise UsageFault(f"accepting {job}: {problem}; {guess(job, known, 'meshbot generate')}")
        wanted.setdefault(places[0], set()).add(_plain(proposed[places[0]], job))
    return [(proposed[place], _partly(proposed[place], names)) for place, names in wanted.items()]


def _plain(made: Proposed, job: str) -> str:
    project, slash, name = job.partition("/")
    return name if slash and project == made.called else job


def _names(made: Proposed) -> list[str]:
    return [*(job.name for job in made.proposal.jobs), *(one.name for one in made.proposal.removed)]


def _partly(made: Proposed, names: set[str]) -> str:
    proposal = made.proposal
    part = replace(
        proposal,
        jobs=tuple(job for job in proposal.jobs if job.name in names),
        removed=tuple(one for one in proposal.removed if one.name in names),
    )
    return amend.amend(made.before, part) if made.present else amend.compose(part, project=made.called)


def _changes(before: str, after: str) -> str:
    """List what the change of a file does to its jobs."""
    old: tuple[jobfile.Job, ...] = ()
    with suppress(UserError):
        old = jobfile.parse(before).jobs if before else ()
    return sections.changes(difference(old, jobfile.parse(after).jobs))


def _commit(speech: Speech, befores: Mapping[str, str], files: Mapping[str, str], what: str, changes: str) -> Said:
    """Commit to the branch, or give the files to whoever can. Raises `Moved` when somebody pushed meanwhile."""
    pull = speech.pull
    if pull.head_repo_id is None or not pull.can_be_pushed:
        _suggest(speech, befores, files, what)
        return Said(replies.to_copy(files, "it is of a fork that does not let us"))
    message = f"{what if len(what) <= SUMMARY else what[: SUMMARY - 1] + '…'}\n\n{speech.co_author}"
    try:
        sha = speech.repo.commit_files(
            pull.head_ref, pull.head_sha, files, message, speech.trailer, repository_id=pull.head_repo_id
        )
    except MissingPermission as error:
        _suggest(speech, befores, files, what)
        return Said(replies.to_copy(files, str(error)))
    return Said(replies.committed(sha, pull.head_ref, sorted(files), changes))


def _suggest(speech: Speech, befores: Mapping[str, str], files: Mapping[str, str], what: str) -> None:
    """Suggest the changes on the lines that the pull request shows; what cannot be suggested is in the reply anyway."""
    found = [
        one
        for path, text in files.items()
        for one in hunks.suggestions(path, befores.get(path, ""), text, speech.key, f"{prose(what)}.")
    ]
    with suppress(UserError):
        speech.repo.put_suggestions(speech.pull.number, speech.pull.head_sha, found)


def see_head(speech: Speech) -> None:
    """See that GitHub shows the pull request with what was just committed. Raises `Retryable` while it does not."""
    pull = speech.pull
    if pull.head_repo_id != speech.repo.id:
        return
    head = speech.repo.branch_head(pull.head_ref)
    if head is not None and head != pull.head_sha:
        raise Retryable(f"reading pull request {pull.number}: GitHub does not show its head {head[:12]} yet")
