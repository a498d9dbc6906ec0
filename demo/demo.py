"""The main job of Meshbot in under two minutes: `make demo`.

A coffee shop's SQLMesh project lies in a Git repository, with its jobs in a committed file. Everything that is shown
here really runs, on a real Postgres and a real Valkey, in a folder that is gone afterwards. Each promise is checked.

The surprise: the clock fires at whole minutes, and nobody likes to wait for one. So its scene has no fixed place among
the scenes that are started by hand; it comes where the wait is short (`by_hand_and_by_the_clock`).
"""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kettle import BIN, PROJECT, together
from narrator import BrokenPromise, Narrator
from stage import Stage, ready, running_in, until
from words import by_status, counted, jobs_of, letter_text, models_by_cadence, moment, named, rows_twice, slice_of

MODELS = 15
BEHIND_PAYMENTS = ["finance.revenue_daily", "finance.revenue_hourly", "growth.forecast"]
# A commit that comes later than this before a minute is for the minute after it.
SOON = timedelta(seconds=5)
# What a scene may take on a slow machine. Whoever waits longer than that for the clock may as well play one meanwhile.
A_SCENE = timedelta(seconds=30)
# What plain SQLMesh may take, likewise.
PLAIN_RUNS = timedelta(seconds=15)


@dataclass
class Story:
    """What the scenes have in common: the stage, the voice, and what the last table says."""

    stage: Stage
    tell: Narrator
    results: list[tuple[str, str, str]] = field(default_factory=list)


def the_proposal(story: Story) -> None:
    """Have the jobs proposed from the models, and commit them."""
    stage, tell = story.stage, story.tell
    tell.chapter("Meshbot reads the models and proposes the jobs")
    tell.say(f"The project: {models_by_cadence()}, and no job file yet.")
    tell.say("(This needs no warehouse. Meanwhile a Postgres starts, and the models are planned there.)")
    tell.command("meshbot generate --write", stage.page("generate", "--write"))
    proposed = stage.ask("generate")
    selected = sorted(model for job in proposed["jobs"] if job["type"] == "run" for model in job["models"])
    tell.promise("each of the 15 models is in exactly one job", (len(selected), len(set(selected))), (MODELS, MODELS))
    stage.commit("The proposed jobs")


def the_job_file(story: Story) -> None:
    """Let the team modify the proposal: its own names, times and alerts."""
    stage, tell = story.stage, story.tell
    tell.chapter("The team modifies the proposal and commits it")
    file, before = stage.repository / "meshbot.yaml", stage.folder / "proposed.yaml"
    before.write_text(file.read_text())
    file.write_text((PROJECT / "meshbot.yaml").read_text())
    tell.source(jobs_of(file.read_text()), "yaml")
    stage.commit("The jobs as the team wants them")
    tell.command("git show HEAD~1:meshbot.yaml > proposed.yaml; meshbot diff proposed.yaml meshbot.yaml")
    tell.say(stage.page("diff", str(before), str(file)).rstrip())
    page, checked = stage.page_and_answer("validate")
    tell.command("meshbot validate", page)
    tell.promise("the file is valid", checked["ok"], expected=True)


def the_schedule(story: Story) -> None:
    """Show that the committed jobs are the schedule now, and stop the clock until its scene."""
    stage, tell = story.stage, story.tell
    tell.chapter("`meshbot up` takes the commit into the live schedule")
    page, answer = stage.page_and_answer("jobs")
    tell.command("meshbot jobs", page)
    scheduled = sorted(job["job"] for job in answer["jobs"])
    tell.promise("all four jobs are scheduled", scheduled, ["cleanup", "finance", "live", "nightly"])
    calm(story)
    tell.say("(The clock is paused until its turn comes: `meshbot pause`. The rest is started by hand.)")


def by_hand_and_by_the_clock(story: Story) -> None:
    """Play the scenes that are started by hand, and the clock's as soon as the next minute is near."""
    waiting = list(BY_HAND)
    while waiting and next_minute() - datetime.now(UTC) > A_SCENE:
        waiting.pop(0)(story)
    a_job_runs_on_cron(story)
    if waiting:
        calm(story)
        story.tell.say("(The clock is paused again.)")
    for scene in waiting:
        scene(story)


def plain_runs(story: Story) -> None:
    """Let two plain runs of SQLMesh overlap, on a copy of the warehouse, if they have not done so yet."""
    plain = story.stage.plain
    if plain.evaluations():
        return
    plain.switch("slow_seconds", 0.3)
    command = [BIN / "sqlmesh", "-p", story.stage.repository, "run", "prod", "--skip-janitor", "--end", this_minute()]
    with story.tell.during("on a copy of the warehouse: two plain `sqlmesh run prod` at the same time"):
        together([command, command], plain.env, story.stage.folder)


def a_job_runs_on_cron(story: Story) -> None:
    """Move a job to the next minute by a commit, and wait until the clock has fired it."""
    stage, tell = story.stage, story.tell
    tell.chapter("A commit moves a job; the clock fires it")
    stage.shop.restore()
    due = reschedule(story)
    tell.say(f"The `live` job is due at {due:%H:%M} UTC now. (It would have come within five minutes anyway.)")
    if due - datetime.now(UTC) > PLAIN_RUNS:
        plain_runs(story)
    with tell.during(f"waiting for the clock: it is {datetime.now(UTC):%H:%M:%S}"):
        until(lambda: datetime.now(UTC) > due, 150)
        run = until(lambda: ended_run(stage, due), 120)
    tell.command("meshbot runs live", stage.page("runs", "live"))
    tell.promise("the clock has made the run of that minute", moment(run["scheduled_for"]), due)
    tell.promise("and it succeeded", run["state"], "succeeded")
    story.results.append(
        ("a job on cron", run["state"], f"due {due:%H:%M:%S}, made {moment(run['created_at']):%H:%M:%S}")
    )


def overlapping_runs(story: Story) -> None:
    """Let two jobs overlap that owe the same models, and count."""
    stage, tell = story.stage, story.tell
    tell.chapter("Two overlapping runs evaluate each model once")
    plain_runs(story)
    stage.shop.restore()
    stage.shop.switch("slow_seconds", 0.3)
    end = this_minute()
    commands = [("run", job, "--end", end, "--wait") for job in ("finance", "nightly")]
    tell.command(" & ".join(f'meshbot run {job} --end "{end}" --wait' for job in ("finance", "nightly")))
    with tell.during("both run"):
        answers = stage.ask_together(*commands)
    tell.table(("what each run did", *(answer["run"]["job"] for answer in answers)), counted(answers))
    evaluations, doubles = stage.shop.evaluations(), stage.shop.double_rows()
    compare(story, evaluations, doubles)
    tell.promise("each of the 15 models was evaluated exactly once", list(evaluations.values()), [1] * MODELS)
    tell.promise("no row is there twice", doubles, {})
    states = {answer["run"]["state"] for answer in answers}
    tell.promise(
        "both runs ended well (`noop`: the other one did it all)", states <= {"succeeded", "noop"}, expected=True
    )


def compare(story: Story, evaluations: dict[str, int], doubles: dict[str, int]) -> None:
    """Show the count of evaluations, and the rows that are there twice, beside plain SQLMesh's."""
    plain, twice = story.stage.plain.evaluations(), story.stage.plain.double_rows()
    rows = [
        (model, str(plain.get(model, 0)), rows_twice(twice, model), str(count), rows_twice(doubles, model))
        for model, count in evaluations.items()
    ]
    total = ("all", *(str(sum(of.values())) for of in (plain, twice, evaluations, doubles)))
    headings = ("evaluations by two overlapping runs", "plain SQLMesh", "rows twice", "Meshbot", "rows twice")
    story.tell.table(headings, [*rows, total])
    story.results.append(("two overlapping runs: evaluations of 15 models", total[3], f"plain SQLMesh: {total[1]}"))
    story.results.append(("two overlapping runs: rows that are there twice", total[4], f"plain SQLMesh: {total[2]}"))


def a_model_fails(story: Story) -> None:
    """Have the payment provider send nonsense: an audit fails, and what is behind it is blocked, and nothing else."""
    stage, tell = story.stage, story.tell
    tell.chapter("A model fails: what is behind it is blocked, the rest goes on, people are told")
    stage.shop.restore()
    stage.shop.switch("provider_bug", 1)
    stage.slack.letters.clear()
    tell.say("The payment provider begins to send negative amounts. An audit of shop.payments does not let them pass.")
    tell.command("meshbot run nightly --wait")
    with tell.during("it runs"):
        answer = stage.ask("run", "nightly", "--wait")
    tell.table(("models", "how many", "which"), by_status(answer["models"]))
    tell.promise("the run is partial", answer["run"]["state"], "partial")
    tell.promise("one model failed", named(answer, "failed"), ["shop.payments"])
    tell.promise("three are blocked behind it", named(answer, "blocked"), BEHIND_PAYMENTS)
    tell.promise("the other 11 were evaluated", len(named(answer, "evaluated")), MODELS - 4)
    until(lambda: stage.slack.letters, 60)
    told = letter_text(stage.slack.letters[-1])
    tell.letter(told, "#kettle-data")
    told_all = [name in told for name in ("shop.payments", *BEHIND_PAYMENTS, f"meshbot retry {answer['run']['id']}")]
    tell.promise("people are told which, what is blocked, and the command to retry", told_all, [True] * 5)
    story.results.append(("a failing model", "1 failed, 3 blocked, 11 evaluated", "one alert"))
    the_model_recovers(story, answer["run"])


def the_model_recovers(story: Story, failed: dict[str, Any]) -> None:
    """Mend the cause and retry: only what is owed is done, and people are told that it is over."""
    stage, tell = story.stage, story.tell
    stage.shop.switch("provider_bug", 0)
    tell.say("The provider mends it.")
    tell.command(f"meshbot retry {failed['id']} --wait")
    with tell.during("it runs"):
        answer = stage.ask("retry", failed["id"], "--wait")
        until(lambda: len(stage.slack.letters) > 1, 60)
    tell.letter(letter_text(stage.slack.letters[-1]), "#kettle-data")
    owed, done = [*BEHIND_PAYMENTS, "shop.payments"], named(answer, "evaluated")
    if slice_of(failed["started_at"]) != slice_of(answer["run"]["ended_at"]):
        tell.say("(Another five minutes have passed meanwhile, so that models of that cadence were due again.)")
        done = [model for model in done if model in owed]
    tell.promise("the retry did what was still owed, and nothing twice", done, owed)
    tell.promise("it succeeded", answer["run"]["state"], "succeeded")
    tell.promise("two alerts in all: it fails, it works again", len(stage.slack.letters), 2)
    story.results.append(("the retry after the cause is mended", "4 evaluated", "one word of recovery"))


def the_end(story: Story) -> None:
    """Show what was promised and found, all in one table."""
    story.tell.chapter("What was shown")
    story.tell.command("meshbot status", story.stage.page("status"))
    story.tell.table(("what", "Meshbot", "beside it"), story.results)


# The story, in order. Each scene is a function of the story so far; a new one takes its place in one of these lists. A
# scene by hand puts the warehouse back first, and leaves no run behind: the clock's may follow any of them.
BY_HAND = (overlapping_runs, a_model_fails)
SCENES = (the_schedule, by_hand_and_by_the_clock, the_end)


def reschedule(story: Story) -> datetime:
    """Commit a new schedule for `live` that begins with the next minute, and wait until it is taken over."""
    while True:
        due = next_minute()
        schedule = f"{due.minute % 5}-59/5 * * * *"
        file = story.stage.repository / "meshbot.yaml"
        file.write_text(
            re.sub(r'(  live:\n.*?schedule: )"[^"]*"', rf'\1"{schedule}"', file.read_text(), flags=re.DOTALL)
        )
        story.stage.commit(f"Run live at {due:%H:%M}")
        story.tell.command(f'git commit -m "Run live at {due:%H:%M}"', f"live: schedule: {schedule}")
        until(lambda schedule=schedule: scheduled(story.stage, "live", schedule), 30)
        # Resumed only now, so that nothing comes of the schedule that it had.
        story.tell.command("meshbot resume live")
        live = story.stage.ask("resume", "live")["job"]
        if moment(live["next_tick"]) == due:
            return due


def next_minute() -> datetime:
    """Return the first whole minute for which there is still time to commit."""
    return (datetime.now(UTC) + SOON).replace(second=0, microsecond=0) + timedelta(minutes=1)


def scheduled(stage: Stage, name: str, schedule: str) -> dict[str, Any] | None:
    """Return the job once it has this schedule."""
    found = (job for job in stage.ask("jobs")["jobs"] if (job["job"], job["schedule"]) == (name, schedule))
    return next(found, None)


def ended_run(stage: Stage, due: datetime) -> dict[str, Any] | None:
    """Return the run of `live` that the clock made for that minute, once it has ended."""
    mine = [run for run in stage.ask("runs", "live")["runs"] if moment(run["scheduled_for"]) == due]
    return next((run for run in mine if run["trigger"] == "cron" and run["ended_at"]), None)


def calm(story: Story) -> None:
    """Stop the clock's part in the story, so that what follows is the same at each minute of the day."""
    names = ("live", "finance", "nightly")
    story.stage.ask_together(*(("pause", name, "--reason", "the demo starts it by hand") for name in names))
    until(lambda: not story.stage.ask("status")["active"], 120)


def this_minute() -> str:
    """Return the minute that it is, for `--end`: so nothing new becomes due in the middle of a scene."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"


def play(tell: Narrator) -> Path:
    """Tell the whole story and return the folder in which it took place."""
    tell.say("Meshbot, on the warehouse of a coffee shop. Everything here is real, and gone when it ends.")
    with ready(tell) as stage:
        story = Story(stage, tell)
        the_proposal(story)
        the_job_file(story)
        with tell.during("the project is planned on the Postgres as of yesterday, so that a day is due"):
            stage.warehouses.result()
        with stage.up():
            for scene in SCENES:
                scene(story)
    return stage.folder


def main() -> int:
    """Play, look whether anything is left, and say what to try next."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tell = Narrator()
    try:
        folder = play(tell)
        tell.promise("nothing is left: no process, no file", (running_in(folder), folder.exists()), ([], False))
    except BrokenPromise as error:
        tell.say(f"✖ {error}")
        return 1
    tell.say(f"\nThat took {tell.seconds:.0f} seconds. What to try next, in a Git repository with a SQLMesh project:\n")
    tell.table(
        ("command", "what it does"),
        (
            ("meshbot doctor", "checks everything that Meshbot needs, and says what to do"),
            ("meshbot up", "follows the repository and runs its jobs"),
            ("meshbot run JOB --wait", "runs a job now"),
            ("make bench", "measures all of this against plain SQLMesh"),
        ),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
