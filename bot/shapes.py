"""The shapes of what `--json` prints: the interface for programs.

The rule: a key is never removed and never changes its meaning; the reference page is generated from these types. All
moments are ISO 8601 in UTC; what is not known is null.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from bot.topologyshapes import DiffAnswer, Finding, GenerateAnswer, GraphAnswer


class Interval(TypedDict):
    """A stretch of time, [start, end)."""

    start: Annotated[str | None, "First moment of it."]
    end: Annotated[str | None, "First moment after it."]


class Pause(TypedDict):
    """Why and for how long a job is not scheduled."""

    reason: Annotated[str, "What was given as the reason."]
    until: Annotated[str | None, "When it ends by itself; null when somebody must resume it."]
    in_file: Annotated[bool, "Whether `meshbot.yaml` says it (then only a commit ends it)."]


class Job(TypedDict):
    """A job of the live schedule."""

    project: Annotated[str, "The project's name."]
    job: Annotated[str, "The job's name."]
    type: Annotated[str, "`run` or `janitor`."]
    environment: Annotated[str, "The SQLMesh environment."]
    schedule: Annotated[str, "The cron expression."]
    timezone: Annotated[str, "The zone in which the expression is read."]
    words: Annotated[str, "The schedule in words."]
    select: Annotated[list[str], "The selectors; empty means every model."]
    next_tick: Annotated[str | None, "When it is due next; null while it is paused."]
    last_tick: Annotated[str | None, "When it was due last."]
    paused: Annotated[Pause | None, "Null when it is scheduled."]
    sha: Annotated[str, "The commit from which the job was taken."]


class Run(TypedDict):
    """A run."""

    id: Annotated[str, "The run's id."]
    project: Annotated[str, "The project's name."]
    job: Annotated[str, "The job's name."]
    state: Annotated[
        str,
        "`queued`, `starting`, `running`, or how it ended: `succeeded`, `partial`, `failed`, `noop`, `interrupted`, "
        "`cancelled`, `timed_out`, `lost`.",
    ]
    trigger: Annotated[str, "`cron`, `manual`, `retry` or `catch_up`."]
    attempt: Annotated[int, "1 for the first, more for retries."]
    scheduled_for: Annotated[str, "The tick that it serves."]
    created_at: Annotated[str | None, "When the run was made."]
    started_at: Annotated[str | None, "When its process began."]
    ended_at: Annotated[str | None, "When it ended."]
    exit_code: Annotated[int | None, "The exit code of meshrun."]
    message: Annotated[str | None, "One sentence about how it ended."]
    sha: Annotated[str, "The commit that it uses."]


class Model(TypedDict):
    """What became of one model in one run."""

    model: Annotated[str, "The model's name."]
    status: Annotated[str, "`evaluated`, `up_to_date`, `claimed_elsewhere`, `blocked` or `failed`."]
    seconds: Annotated[float, "How long it took."]
    rows: Annotated[int | None, "How many rows were written, when the engine says it."]
    error: Annotated[str | None, "What went wrong."]
    blocked_by: Annotated[list[str], "The failed models upstream of it."]
    held_by: Annotated[str | None, "The run that holds it."]


class Fault(TypedDict):
    """Something wrong in a `meshbot.yaml`."""

    line: Annotated[int, "Where: the line, from 1."]
    column: Annotated[int, "Where: the column, from 1."]
    path: Annotated[str, "Where: the keys that lead to it."]
    problem: Annotated[str, "What is wrong."]
    remedy: Annotated[str, "What to write instead."]


class File(TypedDict):
    """A `meshbot.yaml` that was read."""

    path: Annotated[str, "The file."]
    project: Annotated[str | None, "The project's name; null when the file is faulty."]
    jobs: Annotated[list[str], "The names of its jobs."]
    faults: Annotated[list[Fault], "Everything that is wrong in it."]
    findings: Annotated[list[Finding], "What the linter says of it and the models."]


class Claim(TypedDict):
    """A model that a run holds."""

    project: Annotated[str, "The project's name."]
    model: Annotated[str, "The model's name."]
    run: Annotated[str | None, "The run that holds it."]
    job: Annotated[str | None, "The job of that run."]
    taken_at: Annotated[str | None, "Since when."]
    expires_at: Annotated[str | None, "Until when, unless it is renewed."]


class Check(TypedDict):
    """One thing that `doctor` looked at."""

    name: Annotated[str, "What was looked at."]
    state: Annotated[str, "`ok`, `warning` or `broken`."]
    found: Annotated[str, "What was found."]
    remedy: Annotated[str | None, "What to do; null when nothing is wrong."]


class Incident(TypedDict):
    """A job that fails, from its first failure until it is well again."""

    project: Annotated[str, "The project's name."]
    job: Annotated[str, "The job's name."]
    since: Annotated[str | None, "Since when."]
    run: Annotated[str | None, "The run with which it began."]


class ValidateAnswer(TypedDict):
    """What `validate` prints."""

    ok: Annotated[bool, "Whether no file has a fault."]
    files: Annotated[list[File], "Every file that was read."]


class JobsAnswer(TypedDict):
    """What `jobs` prints."""

    jobs: Annotated[list[Job], "The live schedule, by project and job."]


class RunAnswer(TypedDict):
    """What `run`, `retry` and `cancel` print."""

    run: Annotated[Run, "The run: with `--wait`, as it ended."]
    models: Annotated[list[Model], "What became of each model so far."]


class RunsAnswer(TypedDict):
    """What `runs` prints."""

    runs: Annotated[list[Run], "The newest first."]


class JobAnswer(TypedDict):
    """What `pause` and `resume` print."""

    job: Annotated[Job, "The job as it stands now."]


class StatusAnswer(TypedDict):
    """What `status` prints."""

    jobs: Annotated[int, "How many jobs there are."]
    paused: Annotated[list[Job], "The jobs that are paused."]
    next: Annotated[list[Job], "The jobs that are due next, the soonest first."]
    active: Annotated[list[Run], "The runs that have not ended."]
    ended: Annotated[list[Run], "The last runs that ended, the newest first."]
    incidents: Annotated[list[Incident], "The jobs that fail."]


class LogLine(TypedDict):
    """What `logs` prints: one such object a line."""

    run: Annotated[str, "The run's id."]
    line: Annotated[str, "One line as the run printed it, secrets redacted."]


class ClaimsAnswer(TypedDict):
    """What `claims` prints."""

    claims: Annotated[list[Claim], "Every model that is held; with `--release`, what was released."]


class HelpCommand(TypedDict):
    """A command, as `help` tells of it."""

    name: Annotated[str, "The command's name."]
    synopsis: Annotated[str, "The command with its arguments."]
    summary: Annotated[str, "What it does."]
    permission: Annotated[str, "Who may give it in a comment: `read`, `write` or `protected`."]


class HelpAnswer(TypedDict):
    """What `help` prints."""

    commands: Annotated[list[HelpCommand], "Every command, or the one that was asked for."]


class DoctorAnswer(TypedDict):
    """What `doctor` prints."""

    ok: Annotated[bool, "Whether nothing is broken."]
    checks: Annotated[list[Check], "Everything that was looked at."]


class SetupAnswer(TypedDict):
    """What `setup-github` prints."""

    ok: Annotated[bool, "Whether nothing is broken."]
    app: Annotated[int, "The number of the GitHub App."]
    settings: Annotated[list[str], "What to set for the new App, `NAME=value`; empty when one was only checked."]
    checks: Annotated[list[Check], "Everything that was looked at."]


class CommitAnswer(TypedDict):
    """What `accept` and `set` bring about."""

    sha: Annotated[str | None, "The commit; null when there was nothing to change."]


class MergeAnswer(TypedDict):
    """What `merge` brings about."""

    sha: Annotated[str, "The commit that the pull request became."]


class TrustAnswer(TypedDict):
    """What `ok-to-test` brings about."""

    sha: Annotated[str, "The commit whose models may be read."]


class ErrorDetail(TypedDict):
    """What went wrong."""

    message: Annotated[str, "What was being done, what is wrong, and what to do instead."]
    exit_code: Annotated[int, "The exit code that follows."]


class ErrorAnswer(TypedDict):
    """What every command prints (on standard output) when it fails without an answer."""

    error: Annotated[ErrorDetail, "What went wrong."]


Answer = (
    ValidateAnswer
    | GenerateAnswer
    | DiffAnswer
    | GraphAnswer
    | JobsAnswer
    | RunAnswer
    | RunsAnswer
    | JobAnswer
    | StatusAnswer
    | LogLine
    | ClaimsAnswer
    | HelpAnswer
    | DoctorAnswer
    | SetupAnswer
    | CommitAnswer
    | MergeAnswer
    | TrustAnswer
)
