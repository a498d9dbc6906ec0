"""`generate`, `diff`, `validate` and `graph` on a pull request: what there is to see at its head.

The rule: nothing is changed. Models are only read where somebody answers for them; where nobody does, that is said, and
files are shown all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import answers, layouts, linting, topologyshapes
from bot.handlers import pullreading, targets
from bot.handlers.said import Said
from bot.handlers.trusting import wish_remake
from bot.pages import Clock
from bot.words import comments
from bot.words.markdown import render, said
from scheduler import draw
from scheduler.draw import sections
from scheduler.draw.escape import code, fenced
from scheduler.errors import UserError
from scheduler.topology import difference, propose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.handlers.pullreading import Ground
    from bot.handlers.speech import Speech
    from bot.shapes import File
    from scheduler.dag import Graph
    from scheduler.jobfile import Job
    from scheduler.lint import Finding

NOT_HELD = "The models are not known: {}."


def proposals(speech: Speech, project: str | None) -> Said:
    """Show what is proposed, and have the comment with the topology made anew."""
    ground = speech.ground

    def one(folder: str) -> str:
        made = pullreading.propose(ground, folder, ground.graph(folder))
        present = made.present.jobs if made.present else ()
        text = draw.markdown(made.graph, made.proposal, present=present, yaml=made.text)
        return f"{text}\n`/meshbot accept` commits this to the branch." if made.changed else text

    found = _each(ground, project, one)
    if speech.pull.state == "open":
        wish_remake(speech, f"asked:{speech.key}")
    return found


def changes(speech: Speech, project: str | None) -> Said:
    """Show what the pull request changes in the jobs."""
    ground = speech.ground

    def one(folder: str) -> str:
        path = pullreading.job_file(folder)
        before, (after, conflicts) = ground.before.get(path), ground.merged(folder)
        if after and after.faults:
            return f"{code(path, 200)} has faults: `/meshbot validate` lists them."
        if conflicts:
            return comments.conflicting(ground.branches.base)
        graph = _graph(ground, folder)
        found = difference(before.jobs if before else (), after.jobs if after else (), graph)
        return sections.changes(found) or "The jobs are the same."

    return _each(ground, project, one)


def verdicts(speech: Speech, project: str | None) -> Said:
    """Check the job files, and hold them against the models where these may be read."""
    ground = speech.ground
    files: list[File] = []
    for folder in targets.folders(ground, project):
        path = pullreading.job_file(folder)
        committed = ground.after.get(path)
        if committed is None:
            continue
        found: tuple[Finding, ...] = ()
        why = ""
        if committed.file and folder in ground.projects:
            try:
                made = pullreading.propose(ground, folder, ground.graph(folder))
                found = linting.judged(committed.text, committed.file, made.graph, made.known, speech.now)
            except UserError as error:
                why = str(error)
        files.append(answers.file(path, committed.file, committed.faults, found))
        if why:
            files[-1]["findings"].append(_not_held(why))
    if not files:
        return Said("There is no `meshbot.yaml` at the head of this pull request.")
    bad = any(file["faults"] or any(one["level"] == "error" for one in file["findings"]) for file in files)
    page = layouts.page("validate", {"ok": not bad, "files": files}, Clock(speech.now))
    return Said(render(page), ok=not bad)


def drawings(speech: Speech, project: str | None) -> Said:
    """Draw the models by job."""
    ground = speech.ground

    def one(folder: str) -> str:
        graph = ground.graph(folder)
        committed = ground.after.get(pullreading.job_file(folder))
        jobs: Sequence[Job] = committed.jobs if committed else ()
        return fenced(draw.mermaid(graph, jobs or propose(graph).jobs), "mermaid")

    return _each(ground, project, one)


def _each(ground: Ground, project: str | None, show: Callable[[str], str]) -> Said:
    """Show something of each project; what stands in the way of one does not hide the others."""
    parts, ok = [], True
    folders = targets.folders(ground, project)
    for folder in folders:
        try:
            text = show(folder)
        except UserError as error:
            text, ok = f"❌ {said(str(error))}", False
        parts.append(text if len(folders) == 1 else f"#### {code(targets.called(ground, folder))}\n\n{text}")
    return Said("\n\n".join(parts), ok)


def _graph(ground: Ground, folder: str) -> Graph | None:
    """Return the models if they may be read, and do load; a diff of files is worth something without them."""
    if folder not in ground.projects or not ground.answered_for:
        return None
    try:
        return ground.graph(folder)
    except UserError:
        return None


def _not_held(why: str) -> topologyshapes.Finding:
    return {
        "line": 1,
        "level": "note",
        "code": "models-not-loaded",
        "job": "",
        "sentence": NOT_HELD.format(why),
        "remedy": "",
        "models": [],
    }
