"""The shapes of what `generate`, `diff`, `graph` and the linter print; the rule is that of `bot.shapes`.

They stand apart because they are about files and models, not about what runs.
"""

from __future__ import annotations

from typing import Annotated, TypedDict


class Finding(TypedDict):
    """Something that the linter found between a job file and the models."""

    line: Annotated[int, "The line in the job file."]
    level: Annotated[str, "`error`, `warning` or `note`."]
    code: Annotated[str, "What kind of thing it is."]
    job: Annotated[str, "The job that it is about; empty when it is about none."]
    sentence: Annotated[str, "What it is."]
    remedy: Annotated[str, "What to do about it."]
    models: Annotated[list[str], "Which models."]


class Proposed(TypedDict):
    """A job that `generate` proposes."""

    job: Annotated[str, "The job's name."]
    type: Annotated[str, "`run` or `janitor`."]
    schedule: Annotated[str, "The cron expression."]
    timezone: Annotated[str, "The zone in which the expression is read."]
    words: Annotated[str, "The schedule in words."]
    select: Annotated[list[str], "The selectors; empty means every model."]
    models: Annotated[list[str], "The models that it is responsible for."]
    parallelism: Annotated[int, "How many pods share a run."]
    standing: Annotated[str, "`new`, `kept` or `amended`, against the committed file."]
    reason: Annotated[str, "Why it is as it is."]
    change: Annotated[str, "What it would take to change it."]


class Note(TypedDict):
    """Something worth knowing about models."""

    level: Annotated[str, "`error`, `warning` or `note`."]
    code: Annotated[str, "What kind of thing it is."]
    sentence: Annotated[str, "What it is."]
    remedy: Annotated[str, "What to do about it."]
    models: Annotated[list[str], "Which models."]


class LoadFault(TypedDict):
    """Something that stood in the way of loading a project; the graph came about nevertheless."""

    where: Annotated[str, "The file."]
    problem: Annotated[str, "What was wrong, and what was done instead."]
    remedy: Annotated[str, "What to do about it."]


class Change(TypedDict):
    """Something that is another thing now; null: it was not there, or is not any more."""

    name: Annotated[str, "The job or the model."]
    before: Annotated[str | None, "What it was."]
    after: Annotated[str | None, "What it is."]


class GraphModel(TypedDict):
    """A model, as `graph` shows it."""

    model: Annotated[str, "The model's name."]
    kind: Annotated[str, "Its kind."]
    cron: Annotated[str | None, "Its cron."]
    job: Annotated[str | None, "The job that runs it; null when none does."]
    depends_on: Annotated[list[str], "What it reads."]


class GenerateAnswer(TypedDict):
    """What `generate` prints."""

    file: Annotated[str, "The job file that the proposal is for."]
    written: Annotated[bool, "Whether it was written."]
    changed: Annotated[bool, "Whether the proposal differs from what is there."]
    jobs: Annotated[list[Proposed], "The proposed jobs."]
    removed: Annotated[list[Change], "Committed jobs that are left out, and why."]
    notes: Annotated[list[Note], "What is worth knowing about the models."]
    faults: Annotated[list[LoadFault], "What stood in the way of loading the project."]
    yaml: Annotated[str, "The proposed file."]
    text: Annotated[str | None, "The form that `--format` asked for."]


class DiffAnswer(TypedDict):
    """What `diff` prints."""

    added: Annotated[list[str], "Jobs that are new."]
    removed: Annotated[list[str], "Jobs that are gone."]
    retimed: Annotated[list[Change], "Jobs with another schedule or time zone."]
    reselected: Annotated[list[str], "Jobs with other selectors."]
    resized: Annotated[list[str], "Jobs with another parallelism."]
    moved: Annotated[list[Change], "Models that another job runs."]


class GraphAnswer(TypedDict):
    """What `graph` prints."""

    models: Annotated[list[GraphModel], "The models, by name."]
    faults: Annotated[list[LoadFault], "What stood in the way of loading the project."]
    text: Annotated[str | None, "The drawing that `--format` asked for."]
