"""Why a job is as it is, in one sentence, and what it would take to change it. Every sentence is a function here."""

from __future__ import annotations

from scheduler.topology.cadence import Cadence
from scheduler.topology.proposal import Group, Level, Note, Options

FEW = 5


def count(number: int, noun: str) -> str:
    """Say a number of things: `1 model`, `3,000 models`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def reason(group: Group, cadence: Cadence, *, mixed: bool, everything: bool) -> str:
    """Say what holds the models of a job together."""
    models = len(group.models)
    pace = f"run {cadence.words}" if models != 1 else f"runs {cadence.words}"
    if mixed:
        pace = f"of which the fastest runs {cadence.words}"
    they = "the fastest of them" if mixed else "they"
    if mixed and (group.share or (group.parts > 1 and not everything)):
        pace = f"runs {cadence.words}"
    if group.share:
        which = f"{models:,} of {group.share:,} models in parts without ties between them"
        return f"{which}, {group.first} to {group.last}; {they} {pace}."
    if group.parts > 1 and not everything:
        return (
            f"{group.parts:,} parts without ties between them, packed into one job of {models:,} models; {they} {pace}."
        )
    if models == 1:
        return f"1 model that depends on no other at its pace; it {pace}."
    if everything:
        return f"All {count(models, 'model')} of the project, {pace}." if mixed else f"All {models:,} models {pace}."
    return (
        f"{count(models, 'model')} that depend on each other, {pace}."
        if mixed
        else (f"{count(models, 'model')} that depend on each other and {pace}.")
    )


def shared_by_pods(pods: int, seconds: float) -> str:
    """Say why a run is shared by several pods instead of being cut."""
    return (
        f" {pods} pods share each run: one would need {duration(seconds)}, and cutting would tear dependencies apart."
    )


def change(group: Group, cadence: Cadence) -> str:
    """Say what it would take to change a job."""
    if group.share:
        return "Set a lower or higher limit of jobs, or tag models that belong together and select the tag."
    if group.parts > 1:
        return "Move models by editing `select`; a part leaves by itself when it grows or its cron changes."
    return f"A model leaves when its cron is no longer served by {cadence.schedule!r} or nothing here depends on it."


def one_writer(engine: str, models: int) -> str:
    """Say why there is only one run job."""
    return (
        f"All {count(models, 'model')} in one job: {engine} takes one writing process at a time, so a second job or "
        "pod would only wait for its lock or fail."
    )


def one_writer_change(engine: str) -> str:
    """Say what would allow parallel jobs."""
    return f"Move the warehouse and the state from {engine} to an engine that takes several writers, such as Postgres."


def kept(models: int) -> str:
    """Say that a committed job stays as it is."""
    return f"Kept as committed, {count(models, 'model')}."


def amended(models: int, placed: tuple[str, ...], pace: str) -> str:
    """Say what changes about a committed job."""
    new = f"{few(placed)} {'are' if len(placed) > 1 else 'is'} new and belongs here" if placed else ""
    new = new.replace("are new and belongs", "are new and belong")
    retimed = f"its most frequent model runs {pace}" if pace else ""
    why = "; ".join(text for text in (new, retimed) if text) or "its selectors no longer select what they did"
    return f"{count(models, 'model')}: {why}."


KEPT_CHANGE = "Edit it in meshbot.yaml; what is written there stays."
JANITOR_REASON = (
    "Expired tables and state are cleaned up on a schedule of their own, so a failed janitor stops no model."
)
JANITOR_CHANGE = "Any quiet time will do; it never runs as part of a run job."


def duration(seconds: float) -> str:
    """Say a duration to people: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:  # noqa: PLR2004 - the usual way to say it
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def few(names: tuple[str, ...]) -> str:
    """Name a few, and say how many more there are."""
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def too_fast(models: tuple[str, ...]) -> Note:
    """Say that a cron fires closer than 5 minutes."""
    return Note(
        Level.WARNING,
        "cadence-under-5-minutes",
        f"{count(len(models), 'model')} would be due closer than every 5 minutes: {few(models)}.",
        "The job runs every 5 minutes; set the cron to '*/5 * * * *', SQLMesh evaluates no faster either.",
        models,
    )


def unreadable(models: tuple[str, ...]) -> Note:
    """Say that a cron could not be read."""
    return Note(
        Level.WARNING,
        "cron-not-read",
        f"The cron of {count(len(models), 'model')} cannot be read and counts as daily: {few(models)}.",
        "Write five fields or an alias such as @hourly.",
        models,
    )


def without_cron(models: tuple[str, ...]) -> Note:
    """Say that models state no cron."""
    return Note(
        Level.NOTE,
        "no-cron",
        f"{count(len(models), 'model')} without a cron, which SQLMesh takes for daily at midnight UTC: {few(models)}.",
        "State the cron in the model, or model_defaults.cron in the configuration, if that is not what is meant.",
        models,
    )


def faster_than_parents(models: tuple[str, ...], example: str) -> Note:
    """Say that children are due oftener than what they read."""
    return Note(
        Level.WARNING,
        "faster-than-parents",
        f"{count(len(models), 'model')} due oftener than all they read, so most runs find nothing new: {example}.",
        "Give the child the cron of its fastest parent, or the parents the child's.",
        models,
    )


def hidden_reads(models: tuple[str, ...], example: tuple[str, str]) -> Note:
    """Say that reads in audits and statements are not waited for."""
    return Note(
        Level.NOTE,
        "hidden-reads",
        f"{count(len(models), 'model')} with reads in audits or statements that SQLMesh does not wait for: "
        f"{example[0]} reads {example[1]}.",
        "Name them in the model's depends_on, if the order matters.",
        models,
    )


def foreign_parents(models: tuple[str, ...], example: tuple[str, str]) -> Note:
    """Say that parents in another project are run elsewhere."""
    return Note(
        Level.NOTE,
        "parents-elsewhere",
        f"{count(len(models), 'model')} with parents in another project, which its own jobs run: "
        f"{example[0]} reads {example[1]}.",
        "Let the jobs here run a little after those of the other project.",
        models,
    )


def standalone_audits(names: tuple[str, ...]) -> Note:
    """Say that no selector reaches a standalone audit."""
    return Note(
        Level.WARNING,
        "audits-in-no-job",
        f"{count(len(names), 'standalone audit')} would never run, selectors select models only: {few(names)}.",
        "Attach them to a model (audits), or keep one job without select.",
        names,
    )


def inexpressible(models: tuple[str, ...]) -> Note:
    """Say that no selector can name a model."""
    return Note(
        Level.WARNING,
        "name-not-selectable",
        f"{count(len(models), 'model')} with a name that SQLMesh's selectors cannot write: {few(models)}.",
        "Tag the model and select the tag, or rename it.",
        models,
    )


def nothing_to_run() -> Note:
    """Say that the graph has no model that runs."""
    return Note(
        Level.WARNING, "nothing-to-run", "The project has no model that a run would evaluate.", "Add a model first."
    )


def assumptions(options: Options) -> str:
    """Say what durations were assumed."""
    return (
        f"{options.model_seconds:g} s per model ({options.view_seconds:g} s per view), {options.pod_seconds:g} s until "
        f"a pod begins, {options.max_concurrent_models} models at once"
    )
