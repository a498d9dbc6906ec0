"""What `generate`, `diff` and `graph` do: the graph is asked for, the scheduler's topology decides, files are written.

The rule: nothing is decided here, and a file is only written when that was asked for, whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from bot import describing, topologyshapes
from bot.chatops.actions import CompareFiles, DrawGraph, Generate
from bot.durations import Ask, Measured, nothing
from bot.errors import Refused, UsageFault
from bot.files import JOB_FILE
from scheduler import amend, cron, draw, jobfile
from scheduler.dag import Graph
from scheduler.jobfile import JobFile
from scheduler.topology import History, Note, Outlook, Proposal, ProposedJob, coverage, difference, outlook, propose

LONGEST_NAME = 40


@dataclass(frozen=True)
class Proposed:
    """A proposal beside what is committed: `text` is the whole proposed file at `path`, `before` what is there now.

    `called` is the name of the project.
    """

    path: str
    called: str
    present: JobFile | None
    graph: Graph
    proposal: Proposal
    text: str
    before: str
    known: Measured

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.text != self.before

    @property
    def history(self) -> History:
        """What models usually take."""
        return self.known.models

    def outlook(self) -> Outlook:
        """Forecast it."""
        return outlook(
            self.graph, self.proposal, present=self.present.jobs if self.present else (), history=self.history
        )


def perform(
    action: Generate | CompareFiles, ask: Ask = nothing
) -> topologyshapes.GenerateAnswer | topologyshapes.DiffAnswer:
    """Carry out an action about a project's topology. Raises `UsageFault` and `Refused`."""
    match action:
        case Generate():
            return _generate(action, ask)
        case CompareFiles():
            return _compare(action)
        case _:
            assert_never(action)


def _generate(action: Generate, ask: Ask) -> topologyshapes.GenerateAnswer:
    made = _propose(Path(action.path), ask)
    if action.write and made.changed:
        _write(Path(made.path), made.text)
    answer: topologyshapes.GenerateAnswer = {
        "file": made.path,
        "written": action.write and made.changed,
        "changed": made.changed,
        "jobs": [_job(job) for job in made.proposal.jobs],
        "removed": [{"name": one.name, "before": one.reason, "after": None} for one in made.proposal.removed],
        "notes": [_note(note) for note in made.proposal.notes],
        "faults": _faults(made.graph),
        "yaml": made.text,
        "text": None,
    }
    if action.format:
        answer["text"] = _form(made, answer, action.format)
    return answer


def _propose(folder: Path, ask: Ask) -> Proposed:
    folder = folder.parent if folder.name == JOB_FILE else folder
    file = folder / JOB_FILE
    before = _text(file) if file.exists() else ""
    if before:
        jobfile.parse(before, str(file))  # a fault is said at once, before the seconds that the graph takes
    return propose_for(describing.describe(folder), before, str(file), ask, called=folder.resolve().name)


def propose_for(graph: Graph, before: str, path: str, ask: Ask = nothing, *, called: str = "") -> Proposed:
    """Propose jobs for a graph. Pure but for `ask`: the command line, the comment and `accept` all get it from here.

    `before` is the text of the job file that is there, empty when there is none; it is amended, never replaced. `path`
    names the file in messages; `called` names the project where neither the file nor the graph does. Raises
    `JobFileError` for a faulty file, `AmendError` for one that cannot be changed in place.
    """
    present = jobfile.parse(before, path) if before else None
    name = present.project if present else project_name(graph.project or called)
    known = ask(name)
    proposal = propose(graph, present=present.jobs if present else (), history=known.models)
    text = amend.amend(before, proposal) if present else amend.compose(proposal, project=name)
    return Proposed(path, name, present, graph, proposal, text, before, known)


def _form(made: Proposed, answer: topologyshapes.GenerateAnswer, form: str) -> str:
    present: Sequence[jobfile.Job] = made.present.jobs if made.present else ()
    match form:
        case "markdown":
            return draw.markdown(made.graph, made.proposal, present=present, yaml=made.text, outlook=made.outlook())
        case "mermaid":
            return draw.mermaid(made.graph, made.proposal.jobs)
        case "yaml":
            return made.text
        case _:
            return json.dumps({key: value for key, value in answer.items() if key != "text"}, indent=2) + "\n"


def _compare(action: CompareFiles) -> topologyshapes.DiffAnswer:
    (old, _), (new, file) = _read(Path(action.old)), _read(Path(action.new))
    folder = Path(action.models) if action.models else file.parent
    graph = describing.describe(folder) if action.models or describing.is_project(folder) else None
    found = difference(old.jobs, new.jobs, graph)
    return {
        "added": list(found.added),
        "removed": list(found.removed),
        "retimed": [{"name": one.name, "before": one.before, "after": one.after} for one in found.retimed],
        "reselected": list(found.reselected),
        "resized": list(found.resized),
        "moved": [{"name": one.model, "before": one.before, "after": one.after} for one in found.moved],
    }


def drawing(action: DrawGraph) -> tuple[topologyshapes.GraphAnswer, tuple[draw.Line, ...]]:
    """Return the models with their jobs, and the same as lines for a terminal. Raises `UsageFault` and `Refused`."""
    folder = Path(action.path)
    file = folder / JOB_FILE
    graph = describing.describe(folder)
    jobs: Sequence[jobfile.Job | ProposedJob] = (
        jobfile.parse(_text(file), str(file)).jobs if file.exists() else propose(graph).jobs
    )
    home = coverage(graph, jobs).home
    answer: topologyshapes.GraphAnswer = {
        "models": [
            {
                "model": model.name,
                "kind": model.kind,
                "cron": model.cron,
                "job": home.get(index),
                "depends_on": list(model.depends_on),
            }
            for index, model in enumerate(graph.models)
        ],
        "faults": _faults(graph),
        "text": None,
    }
    match action.format:
        case "svg":
            answer["text"] = draw.svg(graph, jobs)
        case "mermaid":
            answer["text"] = draw.mermaid(graph, jobs)
        case "json":
            answer["text"] = json.dumps({"models": answer["models"], "faults": answer["faults"]}, indent=2) + "\n"
    return answer, draw.outline(graph, jobs)


def project_name(written: str) -> str:
    """Make a name of a project out of whatever it is called: a DNS label."""
    return re.sub(r"[^a-z0-9]+", "-", written.lower())[:LONGEST_NAME].strip("-") or "project"


def _read(path: Path) -> tuple[JobFile, Path]:
    file = path / JOB_FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageFault(f"reading {file}: there is no such file; name a {JOB_FILE}, or the folder that has one")
    return jobfile.parse(_text(file), str(file)), file


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"reading {file}: it is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise Refused(f"reading {file}: {error.strerror}") from error


def _write(file: Path, text: str) -> None:
    """Write the whole file or nothing of it, with the permissions it had."""
    try:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as half:
            half.write(text)
        Path(half.name).chmod(mode)
        os.replace(half.name, file.resolve())  # noqa: PTH105 - a link stays one
    except OSError as error:
        raise Refused(f"writing {file}: {error.strerror}") from error


def _job(job: ProposedJob) -> topologyshapes.Proposed:
    return {
        "job": job.name,
        "type": job.type.value,
        "schedule": job.schedule,
        "timezone": job.timezone,
        "words": cron.words(job.schedule, job.timezone),
        "select": list(job.select),
        "models": list(job.models),
        "parallelism": job.parallelism,
        "standing": job.standing.value,
        "reason": job.reason,
        "change": job.change,
    }


def _note(note: Note) -> topologyshapes.Note:
    return {
        "level": note.level.value,
        "code": note.code,
        "sentence": note.sentence,
        "remedy": note.remedy,
        "models": list(note.models),
    }


def _faults(graph: Graph) -> list[topologyshapes.LoadFault]:
    return [{"where": one.where, "problem": one.problem, "remedy": one.remedy} for one in graph.faults]
