"""`merge`: a pull request is merged when its job files are approved.

The rule: an approval is of the job files as they were at its commit; a later change to one of them voids it. Who may
approve is who may write, asked of GitHub now. The head that was looked at is sent along, so no later push slips in.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bot.handlers.pullreading import WRITERS
from bot.handlers.said import Said
from bot.words import replies
from scheduler.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.checkout import Mirror
    from bot.gh import Review
    from bot.handlers.pullreading import Ground
    from bot.handlers.speech import Speech

VERDICTS = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})
NOT_APPROVED = "somebody who may write has to approve it"


def merge(speech: Speech) -> Said:
    """Merge the pull request, or say what is missing. One that is merged already is as good."""
    pull = speech.pull
    if pull.merged:
        return Said(replies.merged(pull.merge_sha or pull.head_sha, pull.base_ref))
    ground = speech.ground
    speech.needs_protected(_environments(ground))
    missing = [*_state(speech), *_reviews(speech), *_checks(speech)]
    if missing:
        return Said(replies.not_yet(missing), ok=False)
    sha = speech.repo.merge_pull(pull.number, pull.head_sha, f"{pull.title} (#{pull.number})")
    return Said(replies.merged(sha, pull.base_ref))


def _environments(ground: Ground) -> set[str]:
    """Return the environments of the projects that the pull request touches, as they were and as they will be."""
    files = [*ground.before.items(), *ground.after.items()]
    touched = [one for path, one in files if path in ground.files or str(PurePosixPath(path).parent) in ground.touched]
    return {job.environment for one in touched for job in one.jobs}


def _state(speech: Speech) -> list[str]:
    found = ["it is a draft: mark it as ready"] if speech.pull.draft else []
    ground, base = speech.ground, speech.pull.base_ref
    for path, one in ground.after.items():
        left, _ = ground.merged(str(PurePosixPath(path).parent))
        if path in ground.files and one.faults:
            found.append(f"`{path}` has faults: `meshbot validate` lists them")
        elif path in ground.files and left and left.faults:
            found.append(
                f"`{path}` has a fault together with what `{base}` has changed: merge `{base}` into this branch, and "
                "mend it there"
            )
    return found


def _reviews(speech: Speech) -> list[str]:
    """Say what the reviews lack: the last verdict of each person who may write counts."""
    last = _last(speech.repo.reviews(speech.pull.number), speech.pull.author)
    counted = {who: one for who, one in last.items() if speech.repo.permission(who) in WRITERS}
    found = [f"`{who}` asks for changes" for who, one in counted.items() if one.state == "CHANGES_REQUESTED"]
    approving = [one for one in counted.values() if one.state == "APPROVED"]
    mirror = speech.ground.mirror
    present = job_files(mirror, speech.pull.head_sha)
    stale = [one.author for one in approving if job_files(mirror, one.commit) != present]
    if len(stale) == len(approving):
        found += [f"the job files have changed since `{who}` approved them: another look, please" for who in stale]
        found += [] if stale else [NOT_APPROVED]
    return found


def _last(reviews: Sequence[Review], author: str) -> dict[str, Review]:
    found: dict[str, Review] = {}
    for one in reviews:
        if one.state in VERDICTS and one.author.lower() != author.lower():
            found[one.author] = one
    return found


def job_files(mirror: Mirror, sha: str) -> frozenset[tuple[str, str, str | None]] | None:
    """Return the job files at a commit with their content; None when the commit is not there any more."""
    try:
        return frozenset((one.path, one.text, one.fault) for one in mirror.job_files(sha)) if mirror.has(sha) else None
    except UserError:
        return None


def _checks(speech: Speech) -> list[str]:
    green, names = speech.repo.required_green(speech.pull.base_ref, speech.pull.head_sha)
    if green:
        return []
    return [f"the check `{name}` is required, and is not green" for name in names] or ["a required check is not green"]
