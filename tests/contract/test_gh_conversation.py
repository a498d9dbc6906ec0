"""Comments, replies, suggestions and reactions: each is there once, whatever GitHub answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakegithub.mischief import Fault
from ghworld import World
from ghworld import world as a_world

from bot.gh import Gone, Suggestion
from scheduler.errors import Retryable

MARKER = "<!-- meshbot:topology shop -->"
AMBIGUOUS = [Fault.BROKEN_AFTER, Fault.RESET_AFTER]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def test_a_comment_is_made_once_and_edited_in_place(world: World) -> None:
    pull = world.pull()
    first = world.door.put_comment(pull.number, MARKER, f"{MARKER}\nfirst")
    second = world.door.put_comment(pull.number, MARKER, f"{MARKER}\nsecond")
    assert (first.id, second.id, first.author) == (second.id, first.id, "meshbot[bot]")
    assert [one.body for one in world.door.comments(pull.number)] == [f"{MARKER}\nsecond"]


def test_an_equal_body_is_not_written(world: World) -> None:
    pull = world.pull()
    world.door.put_comment(pull.number, MARKER, f"{MARKER}\nsame\n")
    world.door.put_comment(pull.number, MARKER, f"{MARKER}\nsame")
    assert world.calls("PATCH") == []


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_comment_that_github_made_and_would_not_tell_is_found(world: World, fault: Fault) -> None:
    pull = world.pull()
    world.goes_wrong(fault, "POST .*/comments")
    with pytest.raises(Retryable):
        world.door.put_comment(pull.number, MARKER, f"{MARKER}\nhello")
    world.door.put_comment(pull.number, MARKER, f"{MARKER}\nhello")
    assert len(world.repo.comments) == 1


def test_nobody_elses_marker_counts(world: World) -> None:
    pull = world.pull()
    forged = world.ada.comments(pull, f"{MARKER}\nI am the bot")
    made = world.door.put_comment(pull.number, MARKER, f"{MARKER}\nthe bot")
    assert made.id != forged.id
    assert forged.body.endswith("I am the bot")


def test_a_comment_is_found_behind_hundreds_of_others(world: World) -> None:
    pull, world.github.page = world.pull(), 3
    for number in range(10):
        world.ada.comments(pull, f"words {number}")
    made = world.door.put_comment(pull.number, MARKER, MARKER)
    for number in range(10):
        world.ada.comments(pull, f"more {number}")
    assert world.door.put_comment(pull.number, MARKER, f"{MARKER} again").id == made.id
    assert len(world.door.comments(pull.number)) == 21


def test_a_comment_that_was_deleted_is_made_anew(world: World) -> None:
    pull = world.pull()
    world.door.put_comment(pull.number, MARKER, MARKER)
    world.ada.deletes(pull, world.repo.comments[0])
    world.door.put_comment(pull.number, MARKER, MARKER)
    assert len(world.repo.comments) == 1


def test_a_comment_that_is_too_long_is_cut(world: World) -> None:
    pull = world.pull()
    made = world.door.put_comment(pull.number, MARKER, MARKER + "\n" + "ü" * 70_000)
    assert "Cut here" in made.body
    assert world.door.put_comment(pull.number, MARKER, MARKER + "\n" + "ü" * 70_000).id == made.id
    assert world.calls("PATCH") == []


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_reply_stands_once_in_the_thread_of_a_review_comment(world: World, fault: Fault) -> None:
    pull, marker = world.pull(), "<!-- meshbot:reply 7 -->"
    asked = world.ada.comments_on_line(pull, "meshbot.yaml", 2, "/meshbot set")
    again = world.ada.replies(pull, asked, "/meshbot status")
    world.goes_wrong(fault, "POST .*/replies")
    with pytest.raises(Retryable):
        world.door.put_reply(pull.number, "review_comment", again.id, marker, f"{marker}\nqueued")
    made = world.door.put_reply(pull.number, "review_comment", again.id, marker, f"{marker}\nrunning")
    mine = [one for one in world.door.review_comments(pull.number) if one.author == "meshbot[bot]"]
    assert [(one.id, one.reply_to, one.body) for one in mine] == [(made.id, asked.id, f"{marker}\nrunning")]
    assert world.door.edit_reply("review_comment", made.id, f"{marker}\ndone").body.endswith("done")


@pytest.mark.parametrize("kind", ["issue", "review"])
def test_other_replies_stand_in_the_conversation(world: World, kind: str) -> None:
    pull, marker = world.pull(), "<!-- meshbot:reply 8 -->"
    for words in ("queued", "queued", "done"):
        world.door.put_reply(pull.number, kind, 8, marker, f"{marker}\n{words}")  # type: ignore[arg-type]
    assert [one.body for one in world.door.comments(pull.number)] == [f"{marker}\ndone"]


def test_replying_to_a_review_comment_that_is_gone_says_so(world: World) -> None:
    pull = world.pull()
    asked = world.ada.comments_on_line(pull, "meshbot.yaml", 2, "/meshbot set")
    world.ada.deletes(pull, asked)
    with pytest.raises(Gone):
        world.door.put_reply(pull.number, "review_comment", asked.id, "<!-- m -->", "<!-- m -->")


def suggestion(line: int, start: int | None = None) -> Suggestion:
    marker = f"<!-- meshbot:suggestion {line} -->"
    return Suggestion("meshbot.yaml", start, line, f"{marker}\n```suggestion\nx\n```", marker)


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_suggestions_are_one_review_and_none_is_posted_twice(world: World, fault: Fault) -> None:
    pull = world.pull()
    world.goes_wrong(fault, "POST .*/reviews")
    with pytest.raises(Retryable):
        world.door.put_suggestions(pull.number, pull.head_sha, [suggestion(2), suggestion(4, 3)])
    assert world.door.put_suggestions(pull.number, pull.head_sha, [suggestion(2), suggestion(4, 3)]) == 0
    assert world.door.put_suggestions(pull.number, pull.head_sha, [suggestion(2), suggestion(3)]) == 1
    assert [(one.line, one.start_line) for one in world.door.review_comments(pull.number)] == [
        (2, None),
        (4, 3),
        (3, None),
    ]
    assert len(world.repo.reviews) == 2


def test_a_suggestion_on_a_line_that_the_diff_does_not_show_is_left_out(world: World) -> None:
    pull = world.pull()
    assert world.door.put_suggestions(pull.number, pull.head_sha, [suggestion(2), suggestion(400)]) == 1
    assert world.door.put_suggestions(pull.number, pull.head_sha, [suggestion(400)]) == 0
    assert [one.line for one in world.door.review_comments(pull.number)] == [2]


@pytest.mark.parametrize("kind", ["issue", "review_comment"])
def test_a_reaction_comes_and_goes(world: World, kind: str) -> None:
    pull = world.pull()
    written = world.ada.comments(pull, "hi")
    if kind == "review_comment":
        written = world.ada.comments_on_line(pull, "meshbot.yaml", 2, "hi")
    for _ in range(2):
        world.door.react(kind, written.id, "eyes")  # type: ignore[arg-type]
    world.door.react(kind, written.id, "rocket")  # type: ignore[arg-type]
    for _ in range(2):
        world.door.unreact(kind, written.id, "eyes")  # type: ignore[arg-type]
    assert [(one.content, one.author.login) for one in written.reactions] == [("rocket", "meshbot[bot]")]


def test_reacting_to_a_review_or_to_a_comment_that_is_gone_is_nothing(world: World) -> None:
    pull = world.pull()
    written = world.ada.comments(pull, "hi")
    world.ada.deletes(pull, written)
    world.door.react("issue", written.id, "eyes")
    world.door.unreact("issue", written.id, "eyes")
    before = len(world.calls())
    world.door.react("review", 1, "eyes")
    world.door.unreact("review", 1, "eyes")
    assert len(world.calls()) == before
