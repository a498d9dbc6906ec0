"""A conversation on the fake GitHub: a repository whose schedule is live, people who write, and what is replied.

The rule: everything but the loading of models and the running of jobs is real.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakegithub.courier import Delivery as Carried
from fakegithub.people import Person, person
from fakegithub.world import Comment, Pull, Repository, ReviewComment
from hubdesk import Desk, desk
from pullworld import JOBS, SHOP, Sketches

from scheduler.runs import ModelResult, ModelStatus, Run, RunState
from scheduler.store import Ending, RunFilter

ENDS = {RunState.FAILED: 1, RunState.PARTIAL: 3}


@dataclass
class Talk:
    """What a test acts upon."""

    desk: Desk
    sketches: Sketches

    @property
    def repo(self) -> Repository:
        return self.desk.repo

    @property
    def ada(self) -> Person:
        return self.desk.ada

    def person(self, login: str, role: str | None = None) -> Person:
        found = person(self.desk.github, login)
        return found.may(self.repo, role) if role else found

    def pull(self, files: dict[str, str] | None = None, branch: str = "topic") -> Pull:
        """Let Ada open a pull request, and have it heard."""
        self.ada.pushes(self.repo, branch, files or {"models/shop/month.sql": "-- @weekly shop.week\n"})
        pull = self.ada.opens_pull(self.repo, branch)
        self.desk.catches_up()
        return pull

    def says(self, pull: Pull, body: str, who: Person | None = None) -> str:
        """Let somebody comment; return the reply, without what is hidden in it."""
        comment = (who or self.ada).comments(pull, body)
        self.desk.catches_up()
        return self.reply(comment)

    def reply(self, to: Comment) -> str:
        (one,) = self.replies(to)
        return re.sub(r"<!--.*?-->\n*", "", one.body).strip()

    def replies(self, to: Comment) -> list[Comment]:
        kind = "review_comment" if isinstance(to, ReviewComment) else "issue"
        there = self.repo.review_comments if isinstance(to, ReviewComment) else self.repo.comments
        return [one for one in there if one.by_app and one.body.startswith(f"<!-- meshbot:reply {kind}/{to.id} -->")]

    def reactions(self, to: Comment) -> set[str]:
        return {one.content for one in to.reactions}

    def carried(self, comment: Comment) -> Carried:
        """Take what GitHub says of a comment; what else it has said is heard."""
        waiting = self.desk.carried()
        mine = [one for one in waiting if one.payload.get("comment", {}).get("id") == comment.id]
        for one in waiting:
            if one not in mine:
                self.desk.receives(one)
        (found,) = mine
        return found

    def handles_again(self, carried: Carried) -> None:
        """Let what was handled be handled once more, as after a worker that was killed before it could say so."""
        from bot import events, handlers

        event = events.parse(carried.event, json.dumps(carried.payload).encode())
        assert event is not None
        handlers.handle(event, self.desk.services, self.desk.now())
        self.desk.works()

    def catches_up_in_time(self) -> None:
        """Hear and handle, also what must wait."""
        self.desk.hears()
        for _ in range(8):
            self.desk.works()
            self.desk.ahead += timedelta(minutes=1)

    def clock_moves(self, seconds: int) -> None:
        """Let time pass, on GitHub and here."""
        self.desk.ahead += timedelta(seconds=seconds)
        self.desk.github.ahead += timedelta(seconds=seconds)

    def runs(self) -> list[Run]:
        return self.desk.store.runs(RunFilter())

    def moves(self, run: Run, state: RunState, *results: ModelResult) -> None:
        """Let a run come into a state, and have that told."""
        from bot.intake.rounds import Rounds

        now = datetime.now(UTC)
        present = self.desk.store.run(run.id)
        assert present is not None
        moved = replace(present, state=state, since=now, started_at=present.started_at or now)
        if state.is_final:
            ended = replace(moved, ended_at=now + timedelta(seconds=42), exit_code=ENDS.get(state, 0))
            assert self.desk.store.finish(Ending(ended, present.state, tuple(results)))
        else:
            assert self.desk.store.move(moved, present.state)
        rounds = Rounds(self.desk.services, "the rounds")
        rounds.tell(self.desk.now())
        rounds.tell_failures(self.desk.now())
        self.desk.works()


EVALUATED = ModelResult("raw.orders", ModelStatus.EVALUATED, 2.5, 100)
BROKEN = ModelResult("shop.orders", ModelStatus.FAILED, 0.5, error="division by zero")


@contextlib.contextmanager
def talk(folder: Path, files: dict[str, str | bytes] | None = None) -> Iterator[Talk]:
    """A repository with the project `shop`, whose jobs are scheduled."""
    with desk(folder, {**SHOP, "meshbot.yaml": JOBS} if files is None else files) as made:
        sketches = Sketches()
        made.services.__dict__["graphs"] = sketches
        made.catches_up()
        yield Talk(made, sketches)
