"""Findings and their words: every sentence the linter says is a function here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from scheduler import cron
from scheduler.jobfile import Job
from scheduler.topology.proposal import Level
from scheduler.topology.wording import count, duration, few


@dataclass(frozen=True)
class Fix:
    """A mechanical change: this key of this job gets this value."""

    job: str
    key: str
    value: str | int | tuple[str, ...]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing: its line in meshbot.yaml, what it is in one sentence, and what to do about it."""

    line: int
    code: str
    job: str
    sentence: str
    remedy: str
    level: Level = field(compare=False)
    models: tuple[str, ...] = field(default=(), compare=False)
    fix: Fix | None = field(default=None, compare=False)


def too_slow(line: int, job: Job, models: tuple[str, ...], words: str, fix: Fix) -> Finding:
    """Say that a job comes too rarely for its models."""
    pace = cron.words(job.schedule, job.timezone)
    return Finding(
        line,
        "job-too-slow",
        job.name,
        f"{job.name} runs {pace}, but {len(models):,} of its models {_be(models)} due {words}: {few(models)}.",
        f"Run it at {fix.value!r}.",
        Level.ERROR,
        models,
        fix,
    )


def late(line: int, job: Job, models: tuple[str, ...], seconds: float, fix: Fix | None) -> Finding:
    """Say that the ticks of a job come long after its models are due."""
    zone = f" Its clock is {job.timezone}, theirs is {fix.value}." if fix else ""
    return Finding(
        line,
        "late-by-design",
        job.name,
        f"{job.name} ticks up to {duration(seconds)} after {count(len(models), 'model')} {_be(models)} due: "
        f"{few(models)}.{zone}",
        f"Set its timezone to {fix.value}." if fix else "Move the schedule to just after the models' cron.",
        Level.WARNING,
        models,
        fix,
    )


def timeout(line: int, job: Job, usual: float, fix: Fix) -> Finding:
    """Say that a run usually takes longer than it may."""
    return Finding(
        line,
        "timeout-too-short",
        job.name,
        f"{job.name} is ended after {duration(job.timeout.total_seconds())}, but usually takes {duration(usual)}.",
        f"Allow twice the usual time: {fix.value}.",
        Level.ERROR,
        fix=fix,
    )


def clock_change(line: int, job: Job, local: datetime, *, skipped: bool, fix: Fix | None) -> Finding:
    """Say that a clock change skips or repeats a tick."""
    when = f"{local:%H:%M} on {local:%Y-%m-%d}"
    what = "does not exist; that tick comes when the clocks have changed" if skipped else "comes twice; it ticks once"
    return Finding(
        line,
        "clock-change",
        job.name,
        f"{job.name}: {when} in {job.timezone} {what}.",
        f"Nothing is lost; to be rid of it write {fix.value!r}, or use UTC." if fix else "Nothing is lost; or use UTC.",
        Level.NOTE,
        fix=fix,
    )


def nowhere(line: int, job: str, models: tuple[str, ...], fix: Fix | None) -> Finding:
    """Say that models would never run."""
    return Finding(
        line,
        "model-in-no-job",
        job,
        f"{count(len(models), 'model')} in no job, so {'they' if len(models) > 1 else 'it'} would never run: "
        f"{few(models)}.",
        f"Add to select of {job}." if fix else "Let `meshbot generate --write` place them, or add a job.",
        Level.ERROR,
        models,
        fix,
    )


def in_several(line: int, jobs: tuple[str, ...], models: tuple[str, ...], fix: Fix | None) -> Finding:
    """Say that several jobs select the same models."""
    return Finding(
        line,
        "model-in-two-jobs",
        jobs[-1],
        f"{count(len(models), 'model')} selected by {' and '.join(jobs)}: {few(models)}.",
        "Claims keep them from being evaluated twice; select them in one job, so that it is clear which one counts.",
        Level.WARNING,
        models,
        fix,
    )


def unreadable_selector(line: int, job: str, problem: str) -> Finding:
    """Say that a selector cannot be read."""
    return Finding(
        line,
        "selector-not-read",
        job,
        f"{job}: {problem}.",
        "Write it as SQLMesh's --select-model takes it.",
        Level.ERROR,
    )


def asks_git(line: int, job: str, text: str) -> Finding:
    """Say that a selector depends on a work tree."""
    return Finding(
        line,
        "selector-asks-git",
        job,
        f"{job}: {text!r} depends on uncommitted changes, of which a run has none.",
        "Select by tag or name.",
        Level.ERROR,
    )


def matches_nothing(line: int, job: str, text: str, fix: Fix | None) -> Finding:
    """Say that a selector selects no model."""
    return Finding(
        line,
        "selector-matches-nothing",
        job,
        f"{job}: {text!r} matches no model.",
        "Remove it, or mend the name." if fix else "Mend the name, or remove the job.",
        Level.WARNING,
        fix=fix,
    )


def pods_on_one_writer(line: int, job: Job, engine: str, fix: Fix) -> Finding:
    """Say that pods would fight for one file."""
    return Finding(
        line,
        "one-writer",
        job.name,
        f"{job.name} runs in {job.parallelism} pods, but {engine} takes one writing process at a time.",
        "Set parallelism to 1.",
        Level.ERROR,
        fix=fix,
    )


def jobs_on_one_writer(line: int, jobs: tuple[str, ...], engine: str) -> Finding:
    """Say that jobs would fight for one file."""
    return Finding(
        line,
        "one-writer",
        jobs[-1],
        f"{count(len(jobs), 'run job')} ({few(jobs)}), but {engine} takes one writing process at a time.",
        "Keep one run job without select, or move to an engine that takes several writers.",
        Level.ERROR,
    )


def nothing_promoted(line: int, environment: str) -> Finding:
    """Say that there is nothing to run."""
    return Finding(
        line,
        "nothing-promoted",
        "",
        f"Nothing is promoted in {environment}, so every run would end with nothing to do.",
        f"Run `sqlmesh plan {environment} --auto-apply` once.",
        Level.ERROR,
    )


def not_promoted(line: int, environment: str, models: tuple[str, ...]) -> Finding:
    """Say that models exist in Git only."""
    return Finding(
        line,
        "not-promoted",
        "",
        f"{count(len(models), 'model')} not promoted in {environment}, so no run evaluates "
        f"{'them' if len(models) > 1 else 'it'}: {few(models)}.",
        f"Run `sqlmesh plan {environment}`.",
        Level.WARNING,
        models,
    )


def differs(line: int, environment: str, models: tuple[str, ...]) -> Finding:
    """Say that runs evaluate other versions than Git has."""
    return Finding(
        line,
        "differs-from-promoted",
        "",
        f"{count(len(models), 'model')} other in Git than in {environment}; runs evaluate what is promoted: "
        f"{few(models)}.",
        f"Run `sqlmesh plan {environment}`.",
        Level.WARNING,
        models,
    )


def no_janitor(line: int) -> Finding:
    """Say that nothing cleans up."""
    return Finding(
        line,
        "no-janitor",
        "",
        "No janitor job: expired tables and state are never removed, run jobs do not do it.",
        'Add a job with `type: janitor` and a schedule of its own, "37 3 * * *" for example.',
        Level.WARNING,
    )


def audits(line: int, names: tuple[str, ...]) -> Finding:
    """Say that standalone audits would never run."""
    return Finding(
        line,
        "audits-in-no-job",
        "",
        f"{count(len(names), 'standalone audit')} would never run, selectors select models only: {few(names)}.",
        "Attach them to a model (audits), or keep one job without select.",
        Level.WARNING,
        names,
    )


def _be(models: tuple[str, ...]) -> str:
    return "are" if len(models) > 1 else "is"
