"""A job file held against the models beside it: what `validate` does after the file itself is well.

The rule: a project that does not load is said, and is no error of the job file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot import describing
from bot.durations import Ask, Measured
from scheduler import amend, lint
from scheduler.dag import Graph
from scheduler.errors import UserError
from scheduler.jobfile import JobFile
from scheduler.lint import Finding
from scheduler.topology import Level

if TYPE_CHECKING:
    from bot.checkout import Entry

REMEDY = "`meshrun describe` says each; the models are judged as far as they could be read."


def findings(entry: Entry, file: JobFile, ask: Ask) -> tuple[Finding, ...]:
    """Return what is wrong between a job file and the models of its folder; nothing where no project lies."""
    folder = Path(entry.path).parent
    if not describing.is_project(folder):
        return ()
    try:
        return judged(entry.text, file, describing.describe(folder), ask(file.project), datetime.now(UTC))
    except UserError as error:
        remedy = "Mend the project, or check the file alone: validate --no-models."
        return (Finding(1, "models-not-loaded", "", f"The models are not known: {error}.", remedy, Level.WARNING),)


def judged(text: str, file: JobFile, graph: Graph, known: Measured, now: datetime) -> tuple[Finding, ...]:
    """Return what is wrong between a job file, whose text is `text`, and a graph."""
    facts = lint.Facts(
        graph,
        amend.lines(text),
        history=known.models,
        promoted=known.promoted(file.environment),
        usual_seconds=known.jobs,
        now=now,
    )
    return (*_not_loaded(graph), *lint.lint(file, facts))


def _not_loaded(graph: Graph) -> tuple[Finding, ...]:
    if not graph.faults:
        return ()
    first = graph.faults[0]
    more = f", and {len(graph.faults) - 1} more" if len(graph.faults) > 1 else ""
    sentence = f"Something stood in the way of loading the models: {first.where}: {first.problem}{more}."
    return (Finding(1, "load-faults", "", sentence, REMEDY, Level.NOTE),)
