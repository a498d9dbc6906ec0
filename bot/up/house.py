"""`meshbot up` from the inside: Valkey, the processes, and the local branch or the GitHub App that is listened to.

The rule: what it knows is in the database, so it may be killed at any instant and goes on from there. It ends in the
order in which things need each other: first nothing new begins, then runs end, then what records their end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from bot import beacon, checkout, daemons
from bot.errors import ExitCode, Unreachable, exit_code
from bot.events import WEBHOOK_PATH
from bot.pages import Cell, Clock, Line, Tone
from bot.terminal import Terminal
from bot.up import news, processes
from bot.up.follower import Follower
from bot.up.household import Household
from bot.up.voice import Voice
from scheduler import embedded, settings
from scheduler.errors import MeshbotError, Retryable, UserError
from scheduler.places import place_of
from scheduler.queues import Queues
from scheduler.settings import Settings
from scheduler.store import Store

PARTS = ("clock", "worker", "watch")
GITHUB_PARTS = ("web", "bot")
ROUND, LOOK_AT_BRANCH, LOOK_AT_RUNS, LOOK_AT_QUEUE = 0.25, 1.0, 1.0, 5.0
PATIENCE = 45.0
"""How many seconds runs have to end: what meshrun itself gives its models, and some more."""


@dataclass(frozen=True)
class Plan:
    """What was asked for on the command line, and the process that watches over this one."""

    repository: str | None
    branch: str | None
    as_json: bool
    parent: int


class Stop:
    """How urgently we are asked to end: not at all, gracefully, or at once."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._forced = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # we are no foreground process, and write all the same

    def force(self) -> None:
        """End at once."""
        self._forced = True
        self.event.set()

    def forced(self) -> bool:
        """Say whether everything is to end at once."""
        return self._forced

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self.event.is_set() or number == signal.SIGHUP:
            self._forced = True
        self.event.set()


class House:
    """Everything that `up` runs, as long as its Valkey lives; `queues` is None when that is not ours to keep alive."""

    def __init__(
        self,
        household: Household,
        follower: Follower | None,
        store: Store,
        queues: Queues | None,
        voice: Voice,
        place: str,
    ) -> None:
        self._household, self._follower, self._store, self._queues = household, follower, store, queues
        self._voice = voice
        self._place = place
        self._newsroom = news.Newsroom(store)
        self._next: dict[str, float] = {}

    def live(self, stop: Stop, parent: int) -> None:
        """Go on until asked to stop, or until the Valkey is gone."""
        while not stop.event.is_set():
            self._tend()
            if self._due("branch", LOOK_AT_BRANCH):
                self._follow()
            if self._due("queue", LOOK_AT_QUEUE):
                processes.reap_orphans(spare=self._household.pids)
                if not self._queue_answers():
                    return
            if os.getppid() != parent:
                stop.force()
            stop.event.wait(ROUND)

    def move_out(self) -> None:
        """End the processes that cannot go on without their Valkey; runs are not touched."""
        self._voice.say(_told("! ", "the Valkey is gone; starting another: nothing is lost", Tone.WARNING))
        self._household.stop(*GITHUB_PARTS, *PARTS)

    def leave(self, stop: Stop) -> None:
        """Begin nothing new, let the runs end, then end the rest."""
        if stop.forced():
            return
        self._household.stop(*GITHUB_PARTS, "clock", "worker")
        with self._mended():
            self._cancel_runs()
            deadline, pause = time.monotonic() + PATIENCE, threading.Event()
            while not stop.forced() and time.monotonic() < deadline and self._going():
                self._tend()
                pause.wait(ROUND)
        self._tell()
        self._household.stop("watch")

    def _cancel_runs(self) -> None:
        going = self._going()
        if going:
            count = f"{len(going)} run{'s' * (len(going) > 1)}"
            self._voice.say(_told("◼ ", f"ending {count} gracefully; Ctrl-C again ends by force"))
        for run_id in going:
            self._store.request_cancel(run_id, datetime.now(UTC))

    def _going(self) -> list[str]:
        return [run.id for run in self._store.observable(self._place) if run.state.value != "queued"]

    def _tend(self) -> None:
        for crash in self._household.tend():
            self._voice.say(news.crashed(crash, _clock()))
        if self._due("runs", LOOK_AT_RUNS):
            self._tell()

    def _tell(self) -> None:
        with self._mended():
            self._voice.say(*self._newsroom.lines(_clock()))

    def _follow(self) -> None:
        if self._follower is None:
            return
        with self._mended():
            done = self._follower.poll(datetime.now(UTC))
            if done is not None:
                self._voice.say(*news.pushed(done, self._store.jobs(), _clock()))

    def _queue_answers(self) -> bool:
        try:
            if self._queues is not None:
                self._queues.ping()
        except Retryable:
            return False
        return True

    @contextmanager
    def _mended(self) -> Iterator[None]:
        """Say what does not work and go on: the next round tries again."""
        try:
            yield
        except MeshbotError as error:
            self._voice.once(_told("! ", f"{error}; trying again", Tone.WARNING))

    def _due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every
        return True


def main() -> int:
    """Run the house that `bot.up.guard` asked for."""
    plan = Plan(**json.loads(sys.argv[1]))
    stop = Stop()
    processes.adopt_orphans()
    try:
        with beacon.owned((chosen := settings.load()).data_dir):
            return _run(plan, chosen, stop)
    except MeshbotError as error:
        code = exit_code(error) if isinstance(error, UserError) else ExitCode.UNREACHABLE
        if plan.as_json:
            print(json.dumps({"error": {"message": str(error), "exit_code": int(code)}}))  # noqa: T201
        else:
            Terminal().error(str(error))
        return int(code)
    finally:
        processes.end_descendants()


@dataclass(frozen=True)
class Local:
    """The branch of a local repository that is followed."""

    mirror: checkout.Mirror
    repository: str
    branch: str


def _local(plan: Plan, chosen: Settings) -> Local | None:
    """Find the repository to follow; none is needed where GitHub says what is pushed, unless one is asked for."""
    if chosen.has_github and plan.repository is None and plan.branch is None:
        return None
    repository = checkout.repository_at(Path(plan.repository or "."))
    branch = checkout.checked_branch(plan.branch or checkout.current_branch(repository))
    mirror = checkout.Mirror(chosen.data_dir.resolve() / "mirrors", str(repository), checkout.LOCAL)
    return Local(mirror, str(repository), branch)


def _run(plan: Plan, chosen: Settings, stop: Stop) -> int:
    local = _local(plan, chosen)
    daemons.migrated(chosen)
    store = Store(chosen.database)
    follower = Follower(local.mirror, store, local.repository, local.branch) if local else None
    followed = (local.repository, local.branch) if local else ("", "")
    voice = Voice(as_json=plan.as_json)
    while not stop.event.is_set():
        with _valkey(chosen) as redis_url:
            beacon.light(chosen.data_dir, beacon.Beacon(os.getpid(), redis_url, *followed))
            voice.say(*_greeting(chosen, local, redis_url))
            ours = Queues(redis_url) if chosen.redis_url is None else None
            house = House(_household(chosen, redis_url), follower, store, ours, voice, place_of(chosen.data_dir))
            house.live(stop, plan.parent)
            if stop.event.is_set():
                house.leave(stop)
            else:
                house.move_out()
            if stop.forced():
                processes.end_descendants()
    store.close()
    voice.say(_told("◼ ", "ended; `meshbot up` goes on from here"))
    return int(ExitCode.INTERRUPTED if stop.forced() else ExitCode.OK)


def _household(chosen: Settings, redis_url: str) -> Household:
    household = Household(chosen.data_dir.resolve() / "processes", daemons.environment(chosen, redis_url))
    for part in PARTS:
        household.add(part, *daemons.SCHEDULER, part)
    for part in GITHUB_PARTS if chosen.has_github else ():
        household.add(part, *daemons.BOT, part)
    return household


@contextmanager
def _valkey(chosen: Settings) -> Iterator[str]:
    """Give the URL of the Valkey that the settings name, or of one of our own."""
    if chosen.redis_url is not None:
        yield chosen.redis_url.get_secret_value()
        return
    folder = chosen.data_dir.resolve() / "valkey"
    processes.send(processes.living_in(folder, "valkey-server"), signal.SIGKILL)  # of an `up` that could not end it
    with ExitStack() as stack:
        try:
            url = stack.enter_context(embedded.valkey(folder))
        except Exception as error:
            raise Unreachable(
                f"starting the embedded Valkey in {folder}: {error}; "
                "see valkey.log there, or set MESHBOT_REDIS_URL to a Valkey of yours"
            ) from error
        yield url


def _greeting(chosen: Settings, local: Local | None, redis_url: str) -> list[Line]:
    own = " (embedded)" if chosen.redis_url is None else ""
    kind = chosen.database.split(":", 1)[0].split("+", 1)[0]
    webhook = f"http://{chosen.web_bind}{WEBHOOK_PATH} takes the webhooks of App {chosen.github_app_id}"
    rows = (
        *((("follows", f"{local.branch} of {local.repository}"),) if local else ()),
        *((("GitHub", webhook),) if chosen.has_github else ()),
        ("database", f"{kind}{f' in {chosen.data_dir}' if chosen.database_url is None else ''}"),
        ("queue", f"{redis_url.rsplit('@', 1)[-1]}{own}"),
        ("more", "`meshbot status` in another terminal; Ctrl-C ends everything, the next `up` goes on from there"),
    )
    return [Line((Cell(f"{name:>9}  ", Tone.FAINT), Cell(words))) for name, words in rows]


def _told(mark: str, words: str, tone: Tone = Tone.PLAIN) -> Line:
    return news.told(_clock(), Cell(mark, tone), Cell(words, tone))


def _clock() -> Clock:
    return Clock(datetime.now(UTC))


if __name__ == "__main__":
    sys.exit(main())
