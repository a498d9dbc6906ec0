"""What a pull request gets, against the fake GitHub and real git: once each, in place, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakegithub.mischief import Fault, Mischief
from fakegithub.people import person
from pullworld import CONFIG, JOBS, SHOP, World, world

from bot.durations import NOTHING
from bot.errors import Refused
from bot.gh import Repository
from bot.handlers import pullreading
from scheduler import jobfile
from scheduler.errors import Retryable
from scheduler.jobfile import JobFileError
from scheduler.store import Origin


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


NOW = datetime(2026, 12, 1, 12, 2, tzinfo=UTC)
NEW_MODEL = {"models/shop/month.sql": "-- @weekly shop.week\n"}
RETIMED = {"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"0 6 * * 0"')}
FAULTY = {"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"*/4 * * * *"')}


def test_a_pull_request_gets_its_comment_and_its_check_once_and_in_place(here: World) -> None:
    here.ada.pushes(here.repo, "more", NEW_MODEL)
    pull = here.ada.opens_pull(here.repo, "more")
    assert here.hears(pull).startswith("1 comment at")
    first, text = here.comments(pull)[0].id, here.comment(pull)
    assert "### `shop`: a change is proposed" in text
    assert "`shop.month`: no job → `weekly`" in text
    check = here.check(pull.head_sha)
    assert (check.status, check.conclusion, check.external_id) == ("completed", "failure", f"pull:{pull.number}")
    assert [one["identifier"] for one in check.actions] == ["accept", "regenerate"]
    here.ada.pushes(here.repo, "more", {"meshbot.yaml": JOBS.replace("[shop.week]", "[shop.week, shop.month]")})
    here.hears(pull, "synchronize")
    assert [one.id for one in here.comments(pull)] == [first]
    assert "**other models selected** by `weekly`" in here.comment(pull)
    assert here.check(pull.head_sha).conclusion == "success"


def test_the_same_head_is_handled_once_and_again_when_asked(here: World) -> None:
    here.ada.pushes(here.repo, "more", RETIMED)
    pull = here.ada.opens_pull(here.repo, "more")
    here.hears(pull)
    before, written = len(here.github.seen), here.writes()
    assert here.hears(pull, "synchronize").startswith("nothing")
    assert len(here.github.seen) - before <= 3
    here.hears(pull, "edited", here.github.now())
    assert [call for call in here.writes()[len(written) :] if "comments" not in call] == []
    here.remakes(pull)
    assert len(here.comments(pull)) == 1


def test_a_closed_pull_request_gets_nothing(here: World) -> None:
    here.ada.pushes(here.repo, "more", RETIMED)
    pull = here.ada.opens_pull(here.repo, "more")
    here.ada.closes(pull)
    assert here.hears(pull).startswith("nothing")
    assert here.writes() == []
    row = here.services.store.pull(here.repo.id, pull.number)
    assert row is not None
    assert row.state == "closed"
    assert here.sketches.loaded == []


def test_the_present_head_counts_and_not_that_of_the_event(here: World) -> None:
    old = here.ada.pushes(here.repo, "more", RETIMED)
    pull = here.ada.opens_pull(here.repo, "more")
    here.ada.pushes(here.repo, "more", FAULTY)
    here.hears(pull)
    assert {sha for sha, _ in here.sketches.loaded} == {pull.head_sha} != {old}
    assert "has 1 fault" in here.comment(pull)


def test_what_touches_no_project_gets_no_comment(here: World) -> None:
    here.ada.pushes(here.repo, "docs", {"README.md": "# Shop\n", ".github/CODEOWNERS": "* @ada\n"})
    pull = here.ada.opens_pull(here.repo, "docs")
    here.hears(pull)
    assert here.comments(pull) == []
    assert here.check(pull.head_sha).conclusion == "success"


def test_a_comment_follows_when_the_change_is_taken_back(here: World) -> None:
    here.ada.pushes(here.repo, "more", {**RETIMED, "notes.md": "x"})
    pull = here.ada.opens_pull(here.repo, "more")
    here.hears(pull)
    assert "the schedule changes" in here.comment(pull)
    here.ada.pushes(here.repo, "more", {"meshbot.yaml": JOBS})
    here.hears(pull, "synchronize")
    assert "nothing changes" in here.comment(pull)


def test_a_stranger_waits_and_nothing_of_theirs_is_loaded(here: World) -> None:
    eve = person(here.github, "eve")
    fork = here.github.fork(here.repo, "eve")
    eve.pushes(fork, "evil", {**NEW_MODEL, **RETIMED})
    pull = eve.opens_pull(here.repo, "evil", source=fork)
    here.hears(pull)
    text = here.comment(pull)
    assert f"`/meshbot ok-to-test {pull.head_sha[:12]}`" in text
    assert "**retimed** `weekly`" in text
    assert here.check(pull.head_sha).conclusion == "neutral"
    assert here.sketches.loaded == []
    with pytest.raises(Refused, match="ok-to-test"):
        ground(here, pull.number).graph(".")


def test_ok_to_test_holds_for_one_commit(here: World) -> None:
    eve = person(here.github, "eve")
    fork = here.github.fork(here.repo, "eve")
    eve.pushes(fork, "more", NEW_MODEL)
    pull = eve.opens_pull(here.repo, "more", source=fork, maintainer_can_modify=False)
    here.services.store.trust(here.repo.id, pull.number, pull.head_sha, "ada", here.github.now())
    here.hears(pull)
    assert "a change is proposed" in here.comment(pull)
    assert "replies with the file to copy" in here.comment(pull)
    loaded = len(here.sketches.loaded)
    eve.pushes(fork, "more", {"models/shop/year.sql": "-- @weekly\n"})
    here.hears(pull, "synchronize")
    assert "somebody must answer" in here.comment(pull)
    assert len(here.sketches.loaded) == loaded


def test_a_branch_here_by_somebody_who_may_not_write_waits_too(here: World) -> None:
    here.ada.pushes(here.repo, "more", NEW_MODEL)
    pull = person(here.github, "eve").may(here.repo, "triage").opens_pull(here.repo, "more")
    here.hears(pull)
    assert here.sketches.loaded == []


def test_a_fork_waits_also_when_its_author_may_write_here(here: World) -> None:
    fork = here.github.fork(here.repo, "ada")
    here.ada.pushes(fork, "more", NEW_MODEL)
    here.hears(here.ada.opens_pull(here.repo, "more", source=fork))
    assert here.sketches.loaded == []


def test_a_job_file_learns_nothing_of_another_repositorys_project(here: World) -> None:
    file, url = jobfile.parse(JOBS), door(here).clone_url
    here.services.store.merge_schedule(file, Origin("https://else.example/o/n.git", ".", "main", "a" * 40), NOW)
    assert pullreading.asking(here.services, url)("shop") is NOTHING
    here.services.store.move_repository("https://else.example/o/n.git", url)
    assert pullreading.asking(here.services, url)("shop") is not NOTHING


def test_a_faulty_file_is_said_noted_and_mended_by_a_suggestion_once(here: World) -> None:
    here.ada.pushes(here.repo, "more", FAULTY)
    pull = here.ada.opens_pull(here.repo, "more")
    here.hears(pull)
    assert "`meshbot.yaml` has 1 fault" in here.comment(pull)
    assert "| `weekly` | at 00:00 on Sundays, UTC |" in here.comment(pull)
    (note,) = here.check(pull.head_sha).annotations
    assert (note["start_line"], note["annotation_level"]) == (9, "failure")
    here.remakes(pull)
    (suggested,) = [one for one in here.repo.review_comments if one.number == pull.number]
    assert '```suggestion\n    schedule: "*/5 * * * *"\n```' in suggested.body
    found = ground(here, pull.number)
    with pytest.raises(JobFileError):
        pullreading.propose(found, ".", found.graph("."))


def test_suggestions_stand_in_the_diff_also_when_the_base_has_moved_on(here: World) -> None:
    here.ada.pushes(here.repo, "main", FAULTY)
    here.ada.pushes(here.repo, "more", {"meshbot.yaml": FAULTY["meshbot.yaml"].replace("weekly:", "weekly: # slow")})
    pull = here.ada.opens_pull(here.repo, "more")
    here.ada.pushes(here.repo, "main", {"meshbot.yaml": JOBS})
    here.hears(pull)
    assert "has 1 fault" in here.comment(pull)
    assert here.repo.review_comments == []


HOURLY = JOBS.replace('"0 * * * *"', '"30 * * * *"')
LATE = "  late:\n    schedule: '0 6 * * 0'\n    select: [raw.orders]\n"
BOTH = {
    "other lines": (
        RETIMED["meshbot.yaml"],
        HOURLY,
        "**When this merges, the schedule changes:** 1 job retimed.\n\n- **retimed** `weekly`",
    ),
    "the same line": (
        RETIMED["meshbot.yaml"],
        JOBS.replace('"0 0 * * 0"', '"0 3 * * 0"'),
        "`main` has changed the same lines of `meshbot.yaml` meanwhile",
    ),
    "a fault together": (
        JOBS.replace("jobs:\n", f"jobs:\n{LATE}"),
        JOBS.replace("  janitor: {", f"{LATE}  janitor: {{"),
        "the file has a fault, and would change nothing: `jobs.late` ",
    ),
}


@pytest.mark.parametrize("both", BOTH.values(), ids=BOTH)
def test_a_job_file_that_the_base_has_changed_meanwhile_is_told_as_merging_leaves_it(
    here: World, both: tuple[str, str, str]
) -> None:
    mine, theirs, said = both
    here.ada.pushes(here.repo, "more", {"meshbot.yaml": mine})
    pull = here.ada.opens_pull(here.repo, "more")
    here.ada.pushes(here.repo, "main", {"meshbot.yaml": theirs})
    here.hears(pull)
    assert said in here.comment(pull)


def test_a_name_that_another_repository_keeps_is_said_before_it_is_merged(here: World) -> None:
    other = Origin("https://else.example/o/n.git", ".", "main", "a" * 40)
    here.services.store.merge_schedule(jobfile.parse(JOBS), other, NOW)
    here.ada.pushes(here.repo, "more", RETIMED)
    pull = here.ada.opens_pull(here.repo, "more")
    here.hears(pull)
    assert "another repository keeps a project called shop; give this one another name" in here.comment(pull)
    assert [note["start_line"] for note in here.check(pull.head_sha).annotations] == [2]
    assert "else.example" not in here.comment(pull)


def test_two_projects_get_a_comment_each_and_one_check(tmp_path: Path) -> None:
    other = {f"pot/{path}": text for path, text in SHOP.items()}
    with world(tmp_path, {**SHOP, "meshbot.yaml": JOBS, **other}) as here:
        here.ada.pushes(here.repo, "more", {**NEW_MODEL, "pot/models/shop/month.sql": "-- @weekly\n"})
        pull = here.ada.opens_pull(here.repo, "more")
        here.hears(pull)
        assert [one.body.splitlines()[1] for one in here.comments(pull)] == [
            "### `shop`: a change is proposed",
            "### `pot`: jobs are proposed",
        ]
        assert here.check(pull.head_sha).title == "shop: a change is proposed; pot: jobs are proposed"


def test_of_many_projects_a_few_get_a_comment_and_the_check_says_so(here: World) -> None:
    many = {f"p{number:02}/{path}": text for number in range(12) for path, text in SHOP.items()}
    here.ada.pushes(here.repo, "many", many)
    pull = here.ada.opens_pull(here.repo, "many")
    here.hears(pull)
    assert len(here.comments(pull)) == 10
    assert "2 more projects have no comment of their own here" in (here.check(pull.head_sha).summary or "")


def test_a_project_that_is_not_touched_is_heard_of_when_its_file_no_longer_fits(here: World) -> None:
    here.ada.pushes(here.repo, "main", NEW_MODEL)
    here.ada.pushes(here.repo, "docs", {"README.md": "# More\n"})
    pull = here.ada.opens_pull(here.repo, "docs")
    here.hears(pull)
    assert "`shop.month`: no job → `weekly`" in here.comment(pull)


def test_a_project_that_is_removed_is_said(here: World) -> None:
    here.ada.pushes(here.repo, "less", {**dict.fromkeys(SHOP), "meshbot.yaml": None})
    pull = here.ada.opens_pull(here.repo, "less")
    here.hears(pull)
    assert "### `shop`: the project leaves" in here.comment(pull)
    assert here.comment(pull).count("**removed**") == 3


def test_a_project_that_moves_keeps_its_jobs(here: World) -> None:
    moved = {f"pot/{path}": text for path, text in {**SHOP, "meshbot.yaml": JOBS}.items()}
    here.ada.pushes(here.repo, "move", {**dict.fromkeys(SHOP), "meshbot.yaml": None, **moved})
    pull = here.ada.opens_pull(here.repo, "move")
    here.hears(pull)
    assert sorted(one.body.splitlines()[1] for one in here.comments(pull)) == [
        "### `shop`: nothing changes",
        "### `shop`: the project moves to `pot/meshbot.yaml`",
    ]


def test_models_that_do_not_load_are_said(here: World) -> None:
    here.ada.pushes(here.repo, "bad", {"models/shop/bad.sql": "SELECT\n"})
    pull = here.ada.opens_pull(here.repo, "bad")
    here.hears(pull)
    assert "models/shop/bad.sql does not load" in here.comment(pull)
    assert here.check(pull.head_sha).conclusion == "neutral"


def test_a_folder_that_only_looks_like_a_project_is_left_alone(here: World) -> None:
    here.ada.pushes(here.repo, "odd", {"odd/config.yaml": CONFIG, "odd/models/x.sql": "SELECT\n"})
    pull = here.ada.opens_pull(here.repo, "odd")
    here.hears(pull)
    assert here.comments(pull) == []


def test_what_is_accepted_is_what_the_comment_shows(here: World) -> None:
    here.ada.pushes(here.repo, "more", NEW_MODEL)
    pull = here.ada.opens_pull(here.repo, "more")
    here.hears(pull)
    found = ground(here, pull.number)
    made = pullreading.propose(found, ".", found.graph("."))
    assert made.text == JOBS.replace("[shop.week]", '["shop.week", "shop.month"]')
    assert f"```yaml\n{made.text}```" in here.comment(pull)


def test_a_missing_permission_is_named_and_keeps_nothing_else_from_being_done(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        del here.installed.permissions["checks"]
        here.ada.pushes(here.repo, "more", FAULTY)
        pull = here.ada.opens_pull(here.repo, "more")
        assert "grant `Checks: " in here.hears(pull)
        assert "has 1 fault" in here.comment(pull)
        assert len(here.repo.review_comments) == 1
        row = here.services.store.pull(here.repo.id, pull.number)
        assert row is not None
        assert row.handled_head == pull.head_sha


EFFECTS = ["POST .*/check-runs", "POST .*/comments", "PATCH .*/check-runs/.*", "POST .*/reviews"]


@pytest.mark.parametrize("fault", [Fault.BROKEN_BEFORE, Fault.BROKEN_AFTER, Fault.RESET_AFTER])
@pytest.mark.parametrize("call", EFFECTS)
def test_whatever_fails_in_between_there_is_one_of_each(here: World, fault: Fault, call: str) -> None:
    here.ada.pushes(here.repo, "more", {**FAULTY, **NEW_MODEL})
    pull = here.ada.opens_pull(here.repo, "more")
    here.github.mischiefs.add(Mischief(fault, call))
    with pytest.raises(Retryable):
        here.hears(pull)
    here.hears(pull)
    assert len(here.comments(pull)) == 1
    assert here.check(pull.head_sha).status == "completed"
    assert len([one for one in here.repo.review_comments if one.number == pull.number]) == 1


def door(here: World) -> Repository:
    return here.services.github.repository(here.installed.id, here.repo.id)


def ground(here: World, number: int) -> pullreading.Ground:
    pull = door(here).pull(number)
    assert pull is not None
    return pullreading.ground(here.services, door(here), pull)
