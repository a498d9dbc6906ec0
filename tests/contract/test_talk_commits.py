"""`accept`, `set`, `merge`, `ok-to-test` and the buttons, against the fake GitHub and real git."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakegithub.world import Pull
from pullworld import JOBS, SHOP
from talkworld import Talk, talk

from scheduler import jobfile

NEW_MODEL = {"models/shop/month.sql": "-- @weekly shop.week\n"}
COMMENTED = JOBS.replace("  weekly:\n", "  # for the Monday meeting\n  weekly:\n")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Talk]:
    with talk(tmp_path) as made:
        yield made


def file(pull: Pull) -> str:
    assert pull.head_repo is not None
    found = pull.head_repo.bare.read(pull.head_ref, "meshbot.yaml")
    assert found is not None
    return found.decode()


def commits(here: Talk, pull: Pull) -> int:
    return int(here.repo.bare.git("rev-list", "--count", f"main..{pull.head_ref}"))


def test_set_is_a_commit_of_ours_with_a_co_author(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": COMMENTED})
    said = here.says(pull, '/meshbot set weekly schedule="0 6 * * 0" owner=anna')
    assert "✅ Committed as" in said
    assert "- **retimed** `weekly`" in said
    assert "# for the Monday meeting" in file(pull)
    weekly = next(job for job in jobfile.parse(file(pull)).jobs if job.name == "weekly")
    assert (weekly.schedule, weekly.owner) == ("0 6 * * 0", "anna")
    message = here.repo.bare.git("log", "-1", "--format=%B", "topic")
    assert f"Co-authored-by: ada <{here.ada.account.id}+ada@users.noreply." in message
    assert message.startswith("Set schedule, owner of weekly\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('set weekly schedule="* * * * *"', "apart"),
        ("set weekly timezone=Atlantis", "Atlantis"),
        ("set nobody owner=x", "there is none; there is shop/hourly, shop/weekly, shop/janitor"),
        ("set hourly secrets=TOKEN", "'secrets' cannot be set here"),
        ("accept nobody", "nothing is proposed for it"),
    ],
)
def test_what_does_not_fit_is_not_committed(here: Talk, command: str, words: str) -> None:
    pull = here.pull()
    assert words in here.says(pull, f"/meshbot {command}").replace("\\", "")
    assert commits(here, pull) == 1


def test_accept_commits_what_the_comment_shows(here: Talk) -> None:
    pull = here.pull({**NEW_MODEL, "models/web/hits.sql": "-- @daily\n"})
    (shown,) = [one.body for one in here.repo.comments if one.body.startswith("<!-- meshbot:topology")]
    yaml = shown.split("```yaml\n")[1].split("```")[0]
    assert "✅ Committed as" in here.says(pull, "/meshbot accept")
    assert file(pull) == yaml
    assert "has what is proposed already" in here.says(pull, "/meshbot accept")
    assert commits(here, pull) == 2


def test_accept_takes_single_jobs(here: Talk) -> None:
    pull = here.pull({**NEW_MODEL, "models/web/hits.sql": "-- @daily\n"})
    here.says(pull, "/meshbot accept shop/weekly")
    jobs = {job.name: job for job in jobfile.parse(file(pull)).jobs}
    assert "shop.month" in jobs["weekly"].select
    assert set(jobs) == {"hourly", "weekly", "janitor"}


def test_accept_begins_the_job_file_where_there_is_none(tmp_path: Path) -> None:
    with talk(tmp_path, {"README.md": "# Empty\n"}) as here:
        pull = here.pull({f"warehouse/{path}": text for path, text in SHOP.items()})
        assert "✅ Committed as" in here.says(pull, "/meshbot accept")
        found = here.repo.bare.read("topic", "warehouse/meshbot.yaml")
        assert found is not None
        assert {job.name for job in jobfile.parse(found.decode()).jobs} >= {"janitor"}
        assert "✅ Committed as" in here.says(pull, "/meshbot set janitor owner=anna")


def test_of_two_projects_the_one_that_is_meant_is_named(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"{name}/{path}": text.replace("project: shop", f"project: {name}")
        for name in ("a", "b")
        for path, text in {**SHOP, "meshbot.yaml": JOBS}.items()
    }
    with talk(tmp_path, files) as here:
        pull = here.pull({f"{name}/models/shop/month.sql": "-- @weekly shop.week\n" for name in ("a", "b")})
        assert "2 projects have one; write a/weekly or b/weekly" in here.says(pull, "/meshbot set weekly owner=x")
        assert "`b/meshbot.yaml`" in here.says(pull, "/meshbot set b/weekly owner=x")
        assert "2 projects have one" in here.says(pull, "/meshbot accept weekly")
        assert "`a/meshbot.yaml`." in here.says(pull, "/meshbot accept a/weekly")
        said = here.says(pull, "/meshbot diff")
        assert "#### `a`" in said
        assert "#### `b`" in said
        assert "`b/meshbot.yaml`" in here.says(pull, "/meshbot accept")


def test_accept_and_set_in_one_comment_are_two_commits(here: Talk) -> None:
    pull = here.pull(NEW_MODEL)
    said = here.says(pull, "/meshbot accept\n/meshbot set weekly owner=anna")
    here.catches_up_in_time()
    assert said.count("✅ Committed as") == 2
    assert commits(here, pull) == 3


def test_a_comment_that_comes_again_commits_nothing_again(here: Talk) -> None:
    pull = here.pull(NEW_MODEL)
    comment = here.ada.comments(pull, "/meshbot accept\n/meshbot set weekly owner=anna")
    carried = here.carried(comment)
    here.desk.receives(carried)
    here.desk.works()
    assert commits(here, pull) == 3
    here.handles_again(carried)
    assert commits(here, pull) == 3
    assert here.reply(comment).count("✅ Committed as") == 2


def test_a_fork_that_cannot_be_pushed_to_gets_the_file_to_copy(here: Talk) -> None:
    bob = here.person("bob", "read")
    fork = here.desk.github.fork(here.repo, "bob")
    bob.pushes(fork, "topic", NEW_MODEL)
    pull = bob.opens_pull(here.repo, "topic", source=fork)
    here.desk.catches_up()
    said = here.says(pull, "/meshbot set weekly owner=anna")
    assert "This branch cannot be pushed to" in said
    assert "    owner: anna\n" in said
    assert "ok-to-test" in here.says(pull, "/meshbot accept")
    assert here.repo.review_comments == []  # the diff does not show these lines


def test_lines_of_a_fork_that_the_diff_shows_are_suggested_once(here: Talk) -> None:
    bob = here.person("bob", "read")
    fork = here.desk.github.fork(here.repo, "bob")
    bob.pushes(fork, "topic", {"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"0 6 * * 0"')})
    pull = bob.opens_pull(here.repo, "topic", source=fork)
    here.desk.catches_up()
    comment = here.ada.comments(pull, '/meshbot set weekly schedule="0 7 * * 0"')
    carried = here.carried(comment)
    here.desk.receives(carried)
    here.desk.works()
    here.handles_again(carried)
    (suggestion,) = here.repo.review_comments
    assert '```suggestion\n    schedule: "0 7 * * 0"\n```' in suggestion.body
    assert suggestion.line == JOBS.splitlines().index("  weekly:") + 2
    assert here.reactions(comment) == {"rocket"}


def test_nothing_is_committed_to_the_branch_that_is_scheduled(here: Talk) -> None:
    here.ada.pushes(here.repo, "release", {"README.md": "# Release\n"})
    here.ada.pushes(here.repo, "main", {"README.md": "# Main\n"})
    pull = here.ada.opens_pull(here.repo, "main", base="release")
    here.desk.catches_up()
    assert "that is the branch that is scheduled" in here.says(pull, "/meshbot set weekly owner=anna")


def test_merge_waits_for_an_approval_of_this_very_file(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": COMMENTED})
    bob, eve = here.person("bob", "write"), here.person("eve", "read")
    assert "somebody who may write has to approve it" in here.says(pull, "/meshbot merge")
    eve.reviews(pull, "APPROVED")
    assert "somebody who may write has to approve it" in here.says(pull, "/meshbot merge")
    bob.reviews(pull, "APPROVED")
    here.ada.pushes(here.repo, "topic", {"meshbot.yaml": COMMENTED.replace('"0 0 * * 0"', '"0 6 * * 0"')})
    assert "the job files have changed since `bob` approved them" in here.says(pull, "/meshbot merge")
    assert not pull.merged_at
    bob.reviews(pull, "APPROVED")
    here.ada.pushes(here.repo, "topic", {"README.md": "# Shop, again\n"})
    assert "✅ Merged into `main`" in here.says(pull, "/meshbot merge")
    assert pull.merged_at
    here.desk.catches_up()
    assert here.desk.jobs()["shop/weekly"] == "0 6 * * 0"


def test_merge_heeds_who_asks_for_changes_and_what_is_red(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": COMMENTED})
    bob, cleo = here.person("bob", "write"), here.person("cleo", "maintain")
    bob.reviews(pull, "APPROVED")
    cleo.reviews(pull, "CHANGES_REQUESTED", "No.")
    assert "`cleo` asks for changes" in here.says(pull, "/meshbot merge")
    cleo.reviews(pull, "COMMENTED", "Hm.")
    assert "`cleo` asks for changes" in here.says(pull, "/meshbot merge")
    cleo.reviews(pull, "APPROVED")
    here.ada.makes_draft(pull)
    assert "it is a draft" in here.says(pull, "/meshbot merge")
    here.ada.makes_draft(pull, draft=False)
    comment = here.ada.comments(pull, "/meshbot merge")
    carried = here.carried(comment)
    here.desk.receives(carried)
    here.desk.works()
    here.handles_again(carried)
    assert here.reply(comment).startswith("✅ Merged into `main`")


def test_merge_waits_for_the_checks_that_the_branch_requires(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": COMMENTED})
    here.person("bob", "write").reviews(pull, "APPROVED")
    here.repo.required_checks["main"] = ["build"]
    assert "the check `build` is required, and is not green" in here.says(pull, "/meshbot merge")
    assert not pull.merged


def test_a_job_file_that_would_have_a_fault_once_merged_is_not_merged(here: Talk) -> None:
    late = "  late:\n    schedule: '0 6 * * 0'\n    select: [raw.orders]\n"
    pull = here.pull({"meshbot.yaml": JOBS.replace("jobs:\n", f"jobs:\n{late}")})
    here.person("bob", "write").reviews(pull, "APPROVED")
    here.ada.pushes(here.repo, "main", {"meshbot.yaml": JOBS.replace("  janitor: {", f"{late}  janitor: {{")})
    said = here.says(pull, "/meshbot merge")
    assert "`meshbot.yaml` has a fault together with what `main` has changed: merge `main` into this branch" in said
    assert not pull.merged


def test_a_permission_that_the_app_lacks_is_named_once(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": COMMENTED})
    del here.desk.installed.permissions["contents"]
    here.desk.github.revoke_tokens()
    said = here.says(pull, "/meshbot merge")
    assert said.count("grant") == 1
    assert "`Contents: read`" in said


def test_a_protected_merge_is_for_those_on_the_list(here: Talk) -> None:
    pull = here.pull({"meshbot.yaml": JOBS.replace("environment: prod", "environment: dev")})
    here.person("bob", "write").reviews(pull, "APPROVED")
    settings = here.desk.services.settings
    here.desk.services.settings = settings.model_copy(update={"github_protected_people": "bob"})
    assert "the environment `prod` is protected" in here.says(pull, "/meshbot merge")


def outside(here: Talk) -> Pull:
    bob = here.person("bob", "read")
    fork = here.desk.github.fork(here.repo, "bob")
    bob.pushes(fork, "topic", NEW_MODEL)
    pull = bob.opens_pull(here.repo, "topic", source=fork)
    here.desk.catches_up()
    return pull


def test_a_pull_request_from_outside_is_read_once_somebody_answers_for_it(here: Talk) -> None:
    pull = outside(here)
    loaded = [sha for sha, _ in here.sketches.loaded]
    assert pull.head_sha not in loaded
    bob = here.person("bob")
    assert "**write** permission" in here.says(pull, "/meshbot ok-to-test", bob)
    here.clock_moves(seconds=2)
    assert "`ada` answers for" in here.says(pull, "/meshbot ok-to-test")
    assert pull.head_sha in [sha for sha, _ in here.sketches.loaded]


def test_nobody_answers_for_a_commit_that_they_have_not_seen(here: Talk) -> None:
    pull = outside(here)
    here.clock_moves(seconds=2)
    carried = here.carried(here.ada.comments(pull, "/meshbot ok-to-test"))
    old = pull.head_sha
    here.clock_moves(seconds=2)
    assert pull.head_repo is not None
    here.person("bob").pushes(pull.head_repo, "topic", {"models/shop/month.sql": "-- @daily\n"})
    here.desk.catches_up()
    here.desk.receives(carried)
    here.desk.works()
    said = here.says(pull, f"/meshbot ok-to-test {old[:12]}")
    assert "Which commit did you look at?" in said
    replied = [one.body for one in here.repo.comments if one.by_app and "Which commit" in one.body]
    assert len(replied) == 2
    assert not here.desk.store.trusted(here.repo.id, pull.number, pull.head_sha)
    here.clock_moves(seconds=2)
    assert "answers for" in here.says(pull, f"/meshbot ok-to-test {pull.head_sha[:12]}")


def test_the_buttons_are_the_commands(here: Talk) -> None:
    pull = here.pull(NEW_MODEL)
    (check,) = here.desk.checks(pull.head_sha)
    here.person("eve", "read").presses(here.repo, check, "accept")
    here.desk.catches_up()
    (reply,) = [one for one in here.repo.comments if "meshbot:reply button" in one.body]
    assert "Sorry, `eve`" in reply.body
    here.ada.presses(here.repo, check, "accept")
    here.desk.catches_up()
    assert "✅ Committed as" in reply.body
    assert commits(here, pull) == 2
    here.ada.presses(here.repo, check, "accept")
    here.desk.catches_up()
    assert commits(here, pull) == 2
    before = len(here.sketches.loaded)
    (check,) = here.desk.checks(pull.head_sha)
    here.ada.presses(here.repo, check, "regenerate")
    here.desk.catches_up()
    assert len(here.sketches.loaded) > before


def test_the_button_of_an_older_commit_does_nothing(here: Talk) -> None:
    pull = here.pull(NEW_MODEL)
    (check,) = here.desk.checks(pull.head_sha)
    here.ada.pushes(here.repo, "topic", {"README.md": "# Later\n"})
    here.desk.catches_up()
    here.ada.presses(here.repo, check, "accept")
    here.desk.catches_up()
    assert commits(here, pull) == 2
    assert any("That check is about an older commit" in one.body for one in here.repo.comments)
