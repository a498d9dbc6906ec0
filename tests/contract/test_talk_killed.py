"""kill -9 of the worker after each of its writes: in the end one reply, one commit, one run, one merge."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from fakegithub.github import Seen
from pullworld import JOBS
from talkworld import Talk, talk

VICTIM = Path(__file__).parents[1] / "talkvictim.py"
CHANGED = {"meshbot.yaml": JOBS.replace('"0 0 * * 0"', '"0 6 * * 0"')}


@dataclass(frozen=True)
class Victims:
    """Workers that are killed after some writes."""

    here: Talk
    orders: IO[str]
    answers: IO[str]

    def handle(self, writes: int) -> bool:
        """Let a worker handle what waits, and kill it after so many writes; whether it came to its end."""
        left, pids = itertools.count(1), list[int]()

        def after(seen: Seen) -> None:
            if seen.changed and "access_tokens" not in seen.call and next(left) == writes:
                os.kill(pids[0], signal.SIGKILL)

        self.here.desk.github.after = after
        with self.here.desk.github.lock:  # no call is answered before it is known whose it is
            self.orders.write(f"{self.here.desk.ahead.total_seconds()}\n")
            self.orders.flush()
            pids.append(int(self.answers.readline()))
        code = int(self.answers.readline())
        self.here.desk.github.after = lambda _seen: None
        self.here.desk.store.drop_leases("the victim")
        assert code in {0, -signal.SIGKILL}
        return code == 0


@contextlib.contextmanager
def victims(here: Talk) -> Iterator[Victims]:
    settings, app = here.desk.services.settings, here.desk.github.app
    said = {
        "app": app.id,
        "key": app.private_key,
        "secret": app.secret,
        "api": settings.github_api_url,
        "data": str(settings.data_dir),
        "database": settings.database,
    }
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(VICTIM.parent), str(VICTIM.parents[1])])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, VICTIM], **pipes, text=True, env=environ) as process:  # type: ignore[call-overload]
        process.stdin.write(f"{json.dumps(said)}\n")
        yield Victims(here, process.stdin, process.stdout)
        process.stdin.close()


def counted(here: Talk) -> tuple[int, int]:
    return len(here.runs()), int(here.repo.bare.git("rev-list", "--count", "topic"))


@pytest.mark.slow
def test_a_comment_is_carried_out_once_wherever_its_worker_is_killed(tmp_path: Path) -> None:
    with talk(tmp_path) as here, victims(here) as workers:
        pull = here.pull(CHANGED)
        bob = here.person("bob", "write")
        for writes in itertools.count(1):
            runs, commits = counted(here)
            comment = here.ada.comments(pull, f"/meshbot run hourly\n/meshbot set weekly owner=anna{writes}")
            here.desk.hears()
            ended = workers.handle(writes)
            here.catches_up_in_time()
            (reply,) = here.replies(comment)
            assert "waits for its turn" in reply.body
            assert "✅ Committed as" in reply.body
            assert here.reactions(comment) == {"rocket"}
            assert counted(here) == (runs + 1, commits + 1)
            if ended:
                break
        assert writes > 7  # a sign, the commit in three, the reply, another sign, and the first one taken back
        bob.reviews(pull, "APPROVED")
        comment = here.ada.comments(pull, "/meshbot merge")
        here.desk.hears()
        assert not workers.handle(2)  # merged, and nobody was told
        here.catches_up_in_time()
        assert here.reply(comment).startswith("✅ Merged into `main`")
        assert here.desk.jobs()["shop/weekly"] == "0 6 * * 0"
