"""What is said on a pull request, against the fake GitHub: allowed, done once, replied to, followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from pullworld import CONFIG, JOBS
from talkworld import BROKEN, EVALUATED, Talk, talk

from scheduler.runs import RunState

NEW_MODEL = {"models/shop/month.sql": "-- @weekly shop.week\n"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Talk]:
    with talk(tmp_path) as made:
        yield made


def test_a_command_gets_a_sign_at_once_and_one_reply(here: Talk) -> None:
    pull = here.pull()
    before = len(here.desk.github.seen)
    comment = here.ada.comments(pull, "Hello.\n\n/meshbot status\n")
    here.desk.catches_up()
    assert "| `shop/hourly` | every hour |" in here.reply(comment)
    assert here.reactions(comment) == {"rocket"}
    writes = [seen for seen in here.desk.github.seen[before:] if seen.changed and "access_tokens" not in seen.call]
    assert [(seen.body or {}).get("content") for seen in writes] == ["eyes", None, "rocket", None]


def test_several_commands_have_one_reply(here: Talk) -> None:
    pull = here.pull()
    comment = here.ada.comments(pull, "/meshbot pause hourly 2h an upgrade\n/meshbot puase x\n/meshbot help run")
    here.desk.catches_up()
    said = here.reply(comment)
    assert "**`/meshbot pause hourly 2h an upgrade`**\n\n✅ shop/hourly is paused until" in said
    assert "there is none; did you mean pause?" in said
    assert "/meshbot run JOB [--start WHEN] [--end WHEN]" in said
    assert here.reactions(comment) == {"confused"}
    row = here.desk.store.job("shop", "hourly")
    assert row is not None
    assert row.operator_pause is not None
    assert row.operator_pause.reason == "an upgrade (ada)"


def test_what_is_no_command_gets_nothing(here: Talk) -> None:
    pull = here.pull()
    issue = here.ada.opens_issue(here.repo)
    bot = here.person("dependabot[bot]", "write")
    comments = [
        here.ada.comments(pull, "> /meshbot run hourly"),
        here.ada.comments(pull, "```\n/meshbot run hourly\n```"),
        here.ada.comments(issue, "/meshbot run hourly"),
        bot.comments(pull, "/meshbot run hourly"),
    ]
    here.desk.catches_up()
    assert here.runs() == []
    assert [here.replies(one) for one in comments] == [[], [], [], []]
    assert [here.reactions(one) for one in comments] == [set()] * 4


def test_a_stranger_is_told_politely_what_is_missing(here: Talk) -> None:
    pull = here.pull()
    eve = here.person("eve", "read")
    said = here.says(pull, "/meshbot run hourly", eve)
    assert said.startswith(
        "🔒 Sorry, `eve`: this needs **write** permission on this repository, and you have **read**."
    )
    assert here.runs() == []
    assert "| `shop/hourly` |" in here.says(pull, "/meshbot jobs", eve)
    mallory = here.person("mallory")
    for command in ("jobs", "nonsense", "run hourly"):
        assert "none that GitHub tells us of" in here.says(pull, f"/meshbot {command}", mallory)


def test_permission_is_asked_of_github_when_it_matters(here: Talk) -> None:
    pull = here.pull()
    bob = here.person("bob", "write")
    comment = bob.comments(pull, "/meshbot run hourly")
    here.desk.hears()
    bob.may(here.repo, "read")
    here.desk.works()
    assert "**write** permission" in here.reply(comment)
    assert here.runs() == []


def test_a_protected_environment_is_for_those_on_the_list(here: Talk) -> None:
    pull = here.pull()
    here.desk.github.team("acme", "release", bob="active")
    settings = here.desk.services.settings
    here.desk.services.settings = settings.model_copy(update={"github_protected_people": "eve, acme/release"})
    bob = here.person("bob", "write")
    assert "the environment `prod` is protected" in here.says(pull, "/meshbot run hourly")
    assert "waits for its turn" in here.says(pull, "/meshbot run hourly", bob)
    assert [run.requested_by for run in here.runs()] == ["bob"]


def test_a_run_is_followed_to_its_end_in_the_reply(here: Talk) -> None:
    pull = here.pull()
    comment = here.ada.comments(pull, "/meshbot run hourly")
    here.desk.catches_up()
    (run,) = here.runs()
    assert run.requested_by == "ada"
    assert f"waits for its turn as `{run.id}`" in here.reply(comment)
    here.moves(run, RunState.STARTING)
    here.moves(run, RunState.RUNNING)
    assert f"**shop/hourly** runs as `{run.id}`" in here.reply(comment)
    here.moves(run, RunState.PARTIAL, EVALUATED, BROKEN)
    assert "| `shop.orders` | ❌ failed | 0.5 s |  | division by zero |" in here.reply(comment)
    assert f"`/meshbot retry {run.id} --failed`" in here.reply(comment)
    assert len(here.replies(comment)) == 1


def test_what_failed_is_run_again_and_its_log_is_shown(here: Talk) -> None:
    pull = here.pull()
    here.says(pull, "/meshbot run hourly")
    (run,) = here.runs()
    here.moves(run, RunState.STARTING)
    here.moves(run, RunState.PARTIAL, EVALUATED, BROKEN)
    here.desk.services.logs.keep(run.id, [b"\x1b[31mdivision by zero\x1b[0m\n<!-- meshbot:topology . -->\n"])
    said = here.says(pull, f"/meshbot logs {run.id}")
    assert "```text\ndivision by zero\n" in said
    assert "waits for its turn" in here.says(pull, f"/meshbot retry {run.id} --failed")
    again = next(one for one in here.runs() if one.retry_of == run.id)
    assert (again.spec.select, again.requested_by) == (("shop.orders",), "ada")


def test_the_same_comment_never_starts_a_second_run(here: Talk) -> None:
    pull = here.pull()
    here.says(pull, "/meshbot run hourly")
    (run,) = here.runs()
    here.moves(run, RunState.STARTING)
    here.moves(run, RunState.PARTIAL, BROKEN)
    comment = here.ada.comments(pull, f"/meshbot run hourly\n/meshbot run hourly\n/meshbot retry {run.id}")
    carried = here.carried(comment)
    here.desk.receives(carried)
    here.desk.works()
    assert len(here.runs()) == 4
    for again in here.runs():
        if again.id != run.id:
            here.moves(again, RunState.STARTING)
            here.moves(again, RunState.SUCCEEDED)
    here.handles_again(carried)
    assert len(here.runs()) == 4
    assert here.reply(comment).count("✅ **shop/hourly** succeeded") == 3


def test_what_was_cancelled_by_a_comment_that_is_handled_again_is_said_so(here: Talk) -> None:
    pull = here.pull()
    here.says(pull, "/meshbot run hourly")
    (run,) = here.runs()
    comment = here.ada.comments(pull, f"/meshbot cancel {run.id}")
    carried = here.carried(comment)
    here.desk.receives(carried)
    here.desk.works()
    assert "is asked to end" in here.reply(comment)
    here.moves(run, RunState.CANCELLED)
    here.handles_again(carried)
    assert f"✅ {run.id} was cancelled." in here.reply(comment)
    assert here.reactions(comment) == {"rocket"}


def test_an_edited_comment_is_not_carried_out_and_that_is_said_once(here: Talk) -> None:
    pull = here.pull()
    comment = here.ada.comments(pull, "/meshbot status")
    here.desk.catches_up()
    here.ada.edits(pull, comment, "/meshbot status\n\nThanks!")
    here.desk.catches_up()
    assert len([one for one in here.repo.comments if one.by_app]) == 2  # the topology, and the reply
    for body in ("/meshbot run hourly", "/meshbot run hourly\n/meshbot run weekly"):
        here.clock_moves(seconds=1)  # of two edits in one second, GitHub's times cannot tell which is which
        here.ada.edits(pull, comment, body)
        here.desk.catches_up()
    assert here.runs() == []
    (note,) = [one for one in here.repo.comments if one.by_app and "edited comment" in one.body]
    assert "Write a new comment" in note.body


def test_on_a_closed_pull_request_nothing_runs(here: Talk) -> None:
    pull = here.pull()
    here.ada.closes(pull)
    assert "This pull request is closed" in here.says(pull, "/meshbot run hourly")
    assert "| `shop/hourly` |" in here.says(pull, "/meshbot jobs")
    assert here.runs() == []


def test_people_see_and_steer_only_what_is_of_their_repository(here: Talk) -> None:
    other = here.desk.github.repository(
        "acme/secret", {"config.yaml": CONFIG, "meshbot.yaml": JOBS.replace("shop", "hq")}
    )
    here.ada.adds(here.desk.installed, other)
    here.desk.catches_up()
    assert {row.name for row in here.desk.store.projects()} == {"shop", "hq"}
    run = here.desk.store.manual_run("hq", "weekly", here.desk.now())
    assert run is not None
    pull = here.pull()
    assert "hq" not in here.says(pull, "/meshbot jobs") + here.says(pull, "/meshbot status") + here.says(
        pull, "/meshbot runs"
    )
    assert "waits for its turn" in here.says(pull, "/meshbot run hourly")
    for command in ("run hq/weekly", f"logs {run.id}", f"cancel {run.id}", "claims hq", "pause hq/weekly"):
        assert "there is none" in here.says(pull, f"/meshbot {command}")


def test_in_a_review_and_on_the_lines_of_a_job(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"0 6 * * 0"')})
    line = JOBS.splitlines().index("  weekly:") + 2
    comment = here.ada.comments_on_line(pull, "meshbot.yaml", line, "/meshbot run")
    here.desk.catches_up()
    assert "**shop/weekly** waits for its turn" in here.reply(comment)
    review = here.ada.reviews(pull, "COMMENTED", "Looks right.\n\n/meshbot status")
    here.desk.catches_up()
    (one,) = [one for one in here.repo.comments if f"meshbot:reply review/{review.id} " in one.body]
    assert "`shop/hourly`" in one.body


def test_what_there_is_to_see_of_a_pull_request(here: Talk) -> None:
    changed = JOBS.replace('"0 0 * * 0"', '"0 6 * * 0"')
    pull = here.pull({**NEW_MODEL, "meshbot.yaml": changed})
    assert "- **retimed** `weekly`: `0 0 * * 0 UTC` → `0 6 * * 0 UTC`" in here.says(pull, "/meshbot diff")
    said = here.says(pull, "/meshbot generate shop")
    assert "### Proposed changes to the jobs" in said
    assert "`/meshbot accept` commits this to the branch." in said
    assert "shop.month" in here.says(pull, "/meshbot validate .")
    assert "```mermaid" in here.says(pull, "/meshbot graph")
    assert "there is shop, ." in here.says(pull, "/meshbot diff nothing")


def test_a_diff_is_of_what_merging_does(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"0 6 * * 0"')})
    here.ada.pushes(here.repo, "main", {"meshbot.yaml": JOBS.replace('"0 * * * *"', '"30 * * * *"')})
    said = here.says(pull, "/meshbot diff")
    assert "`weekly`" in said
    assert "`hourly`" not in said
    here.ada.pushes(here.repo, "main", {"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"0 7 * * 0"')})
    assert "`main` has changed the same lines" in here.says(pull, "/meshbot diff")


def test_one_of_two_faults_in_a_comment_does_not_hide_the_other(here: Talk) -> None:
    pull = here.pull({"models/bad.sql": "broken\n"})
    said = here.says(pull, "/meshbot generate\n/meshbot claims nothing")
    assert "models/bad.sql does not load" in said
    assert "looking for project 'nothing'" in said.lower()


@pytest.mark.parametrize("fault", [Fault.BROKEN_AFTER, Fault.BROKEN_BEFORE, Fault.RESET_AFTER])
def test_when_github_fails_there_is_one_reply_in_the_end(here: Talk, fault: Fault) -> None:
    pull = here.pull()
    here.desk.goes_wrong(fault, "POST .*/comments", times=2)
    comment = here.ada.comments(pull, "/meshbot run hourly")
    here.catches_up_in_time()
    assert len(here.replies(comment)) == 1
    assert len(here.runs()) == 1
    assert here.reactions(comment) == {"rocket"}
