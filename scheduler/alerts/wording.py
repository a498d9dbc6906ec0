"""Every sentence that an alert says, one named function for each kind of alert.

An alert says what happened, since when, what stands behind it, and the exact command to type next. A failing janitor is
told in words of its own: it leaves no data behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from scheduler.alerts.message import Command, Message, Part, Quote, Words, count, first_lines, listing, moment, span
from scheduler.alerts.outbreaks import WINDOW, Outbreak, Trouble
from scheduler.incidents import Missed
from scheduler.jobfile import Job, JobType
from scheduler.runs import ModelResult, ModelStatus, Run, Trigger

QUOTES = 10

BAD, GOOD, WARN, DONE = "🔴", "🟢", "🟡", "🔵"


@dataclass(frozen=True)
class Scene:
    """What a sentence may speak of: the run that ended, its results, its incident now, and as it was before."""

    run: Run
    results: tuple[ModelResult, ...]
    outbreak: Outbreak
    before: Outbreak | None = None

    @property
    def failed(self) -> tuple[ModelResult, ...]:
        """The models that failed in this run."""
        return tuple(r for r in self.results if r.status is ModelStatus.FAILED)


def opened(scene: Scene) -> Message:
    """Tell the first failure of an incident."""
    parts = (Words(_what(scene)), *_damage(scene), *_retry(scene.run))
    return Message(BAD, f"{_name(scene.run)} {_verb(scene)}", _facts(scene.run, scene.outbreak), parts)


def changed(scene: Scene) -> Message:
    """Tell that an incident goes on with other models failing, or in another way."""
    before = set(scene.before.models) if scene.before else set()
    new, gone = sorted(set(scene.outbreak.models) - before), sorted(before - set(scene.outbreak.models))
    news = [f"New: {listing(new)}."] if new else []
    news += [f"Good again: {listing(gone)}."] if gone else []
    parts = (Words(" ".join([_what(scene), *news])), *_damage(scene), *_retry(scene.run))
    return Message(BAD, f"{_name(scene.run)} fails differently now", _facts(scene.run, scene.outbreak), parts)


def reminder(scene: Scene) -> Message:
    """Tell once a day that an incident is still open."""
    since = span(scene.outbreak.last_failure_at - scene.outbreak.opened_at)
    so_far = Words(f"{count(scene.outbreak.failures, 'failed run')} so far. {_what(scene)}")
    parts = (so_far, *_damage(scene), *_retry(scene.run))
    return Message(BAD, f"{_name(scene.run)} still fails, for {since}", _facts(scene.run, scene.outbreak), parts)


def reopened(scene: Scene) -> Message:
    """Tell that a job fails again shortly after its recovery, and how long it will now be quiet."""
    rule = (
        f"It flaps: it had recovered less than {span(WINDOW)} before. It counts as recovered after "
        f"{scene.outbreak.calm_needed} good runs in a row, or the first good run {span(WINDOW)} after its last failure."
    )
    parts = (Words(_what(scene)), Words(rule), *_damage(scene), *_retry(scene.run))
    return Message(BAD, f"{_name(scene.run)} fails again", _facts(scene.run, scene.outbreak), parts)


def recovered(scene: Scene) -> Message:
    """Tell that an incident is over."""
    outbreak = scene.outbreak
    lasted = span(outbreak.last_failure_at - outbreak.opened_at) if outbreak.failures > 1 else ""
    text = f"It had failed since {moment(outbreak.opened_at)}: {count(outbreak.failures, 'failed run')}"
    text += f" in {lasted}." if lasted else "."
    if outbreak.reopened:
        text += f" It had flapped; this is good run {outbreak.calm} in a row."
    if scene.before and scene.before.models:
        text += f" Good again: {listing(scene.before.models)}."
    return Message(GOOD, f"{_name(scene.run)} works again", _facts(scene.run), (Words(text),))


def succeeded(run: Run, results: Sequence[ModelResult]) -> Message:
    """Tell a good run, for jobs that want to hear of each."""
    done = sum(r.status is ModelStatus.EVALUATED for r in results)
    text = "Expired state was cleaned up" if _is_janitor(run) else f"{count(done, 'model')} evaluated"
    took = f" in {span(run.ended_at - run.started_at)}" if run.started_at and run.ended_at else ""
    return Message(DONE, f"{_name(run)} succeeded", _facts(run), (Words(f"{text}{took}."),))


def longer_than(run: Run, took: str, limit: str) -> Message:
    """Tell that a run takes, or took, longer than its job should."""
    if run.state.is_final:
        title, text = "took long", f"It took {took} and ended {run.state}; its job wants to hear of more than {limit}."
        return Message(WARN, f"{_name(run)} {title}", _facts(run), (Words(text), _log(run)))
    timeout = span(run.spec.timeout)
    text = f"It has run for {took}; its job wants to hear of more than {limit}. It is ended after {timeout}."
    watch, end = Command("Watch it", f"meshbot logs {run.id} -f"), Command("End it", f"meshbot cancel {run.id}")
    parts = (Words(text), watch, end)
    return Message(WARN, f"{_name(run)} takes long", _facts(run), parts)


def missed(job: Job, gaps: Sequence[Missed]) -> Message:
    """Tell of ticks of one job that will never run."""
    total = sum(gap.count for gap in gaps)
    first, last = min(gap.first for gap in gaps), max(gap.last for gap in gaps)
    when = f"due at {moment(first)}" if first == last else f"due between {moment(first)} and {moment(last)}"
    text = (
        f"{count(total, 'tick')}, {when}, will not run: the scheduler was down then, or could not start them in time, "
        f"and the job's catch_up leaves them out. A run now brings everything up to date."
    )
    project = gaps[0].project
    facts = (("Project", project), ("Job", job.name), ("Environment", job.environment))
    parts = (Words(text), _again(project, job.name))
    return Message(WARN, f"{project}/{job.name} missed {count(total, 'tick')}", facts, parts)


def _name(run: Run) -> str:
    return f"{run.project}/{run.job}"


def _is_janitor(run: Run) -> bool:
    return run.spec.type is JobType.JANITOR


def _verb(scene: Scene) -> str:
    if _is_janitor(scene.run):
        return "could not clean up (no data is affected)"
    match scene.outbreak.trouble:
        case Trouble.MODELS:
            return f"failed in {scene.run.spec.environment}: {count(len(scene.failed), 'model')}"
        case Trouble.ERROR:
            return f"failed in {scene.run.spec.environment}"
        case Trouble.TIMED_OUT:
            return f"ran out of time in {scene.run.spec.environment}"
        case Trouble.LOST:
            return f"was lost in {scene.run.spec.environment}"
        case Trouble.INTERRUPTED:
            return f"keeps being interrupted in {scene.run.spec.environment}"
        case _:
            assert_never(scene.outbreak.trouble)


def _what(scene: Scene) -> str:
    if _is_janitor(scene.run):
        return f"{_janitor(scene.outbreak.trouble)} Models go on in other jobs; only expired state stays."
    match scene.outbreak.trouble:
        case Trouble.MODELS:
            return f"{count(len(scene.failed), 'model')} failed. What does not depend on them was not held up."
        case Trouble.ERROR:
            return "The run as a whole failed."
        case Trouble.TIMED_OUT:
            return f"It was ended after its timeout, {span(scene.run.spec.timeout)}. What it had finished is kept."
        case Trouble.LOST:
            return "It vanished without a last word (killed, or its machine went away). What it had finished is kept."
        case Trouble.INTERRUPTED:
            return (
                f"A plan changed the environment while it ran, {scene.outbreak.interruptions} runs in a row. "
                "Nothing failed; what was left undone is due again at the next run."
            )
        case _:
            assert_never(scene.outbreak.trouble)


def _janitor(trouble: Trouble) -> str:
    match trouble:
        case Trouble.TIMED_OUT:
            return "The janitor ran out of time."
        case Trouble.LOST:
            return "The janitor vanished without a last word."
        case Trouble.INTERRUPTED:
            return "The janitor was interrupted."
        case Trouble.MODELS | Trouble.ERROR:
            return "The janitor failed."
        case _:
            assert_never(trouble)


def _damage(scene: Scene) -> tuple[Part, ...]:
    """Quote the errors and list what they hold up."""
    failed = sorted(scene.failed, key=lambda r: r.model)
    parts: list[Part] = [Quote(r.model, first_lines(r.error) or ("no error text",)) for r in failed[:QUOTES]]
    if len(failed) > QUOTES:
        parts.append(Words(f"Failed also: {listing([r.model for r in failed[QUOTES:]])}."))
    if scene.run.message and not failed and scene.outbreak.trouble is not Trouble.TIMED_OUT:
        parts.append(Quote("detail", first_lines(scene.run.message)))
    untried = sorted(set(scene.outbreak.models) - {r.model for r in failed})
    if untried:
        parts.append(Words(f"Failed before and not evaluated since: {listing(untried)}."))
    return (*parts, *_blocked(scene.results))


def _blocked(results: Sequence[ModelResult]) -> tuple[Part, ...]:
    blocked = sorted((r for r in results if r.status is ModelStatus.BLOCKED), key=lambda r: r.model)
    if not blocked:
        return ()
    names = [f"{r.model} (behind {listing(r.blocked_by, 3)})" if r.blocked_by else r.model for r in blocked]
    return (Words(f"Blocked behind them ({len(blocked)}): {listing(names)}."),)


def _facts(run: Run, outbreak: Outbreak | None = None) -> tuple[tuple[str, str], ...]:
    facts = [("Project", run.project), ("Job", run.job), ("Environment", run.spec.environment), ("Run", run.id)]
    if run.attempt > 1:
        facts.append(("Attempt", f"{run.attempt}, the last"))
    if run.trigger is Trigger.MANUAL and run.requested_by:
        facts.append(("Started by", run.requested_by))
    if outbreak is not None:
        facts.append(("Failing since", moment(outbreak.opened_at)))
    return tuple(facts)


def _retry(run: Run) -> tuple[Part, ...]:
    return (Command("Retry it", f"meshbot retry {run.id}"), _log(run))


def _again(project: str, job: str) -> Command:
    return Command("Run it now", f"meshbot run {project}/{job}")


def _log(run: Run) -> Command:
    return Command("Read its log", f"meshbot logs {run.id}")
