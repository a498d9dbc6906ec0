"""A process that does nothing but keep others going: it forks them, starts those that crash again, and ends them.

The rule: it opens nothing and has no threads, so that it may fork at any time. Each child has a process group of its
own, so that Ctrl-C reaches only the foreman, who passes it on once; a child whose foreman is gone ends by itself.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from scheduler.errors import MeshbotError

FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_AFTER = 0.2, 30.0, 60.0
PATIENCE = 25.0
"""How many seconds children have to end: less than what systems give a service before they kill it."""

LOOK_EVERY = 0.1
ORPHAN_LOOKS_EVERY = 1.0
ASKED = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger("bot.intake.foreman")
Work = Callable[[], None]


@dataclass
class Post:
    """A piece of work that somebody is always to be at; `due` and `started` are seconds of the monotonic clock."""

    name: str
    work: Work
    pid: int | None = None
    started: float = 0.0
    due: float = 0.0
    crashes: int = 0

    def left(self, now: float) -> float:
        """Note that the child has ended; return the pause before the next one."""
        self.pid = None
        self.crashes = 1 if now - self.started > HEALTHY_AFTER else self.crashes + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.crashes - 1, 16))
        self.due = now + pause
        return pause


@dataclass
class Foreman:
    """Keeps one child at each post until it is told to stop."""

    posts: list[Post]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Go on until SIGTERM or SIGINT, then end all children: gently, and after `PATIENCE` by force."""
        for number in ASKED:
            signal.signal(number, lambda *_: self.stop.set())
        while not self.stop.is_set():
            self._tend(time.monotonic())
            self.stop.wait(LOOK_EVERY)
        self._end()

    def _tend(self, now: float) -> None:
        for post in self.posts:
            if post.pid is not None and (status := _ended(post.pid)) is not None:
                pause = post.left(now)
                _log.warning("%s ended with %s; another one begins in %.1f s", post.name, status, pause)
            if post.pid is None and now >= post.due:
                post.started, post.pid = now, _fork(post)

    def _end(self) -> None:
        self._send(signal.SIGTERM)
        deadline, pause = time.monotonic() + PATIENCE, threading.Event()
        while self._going():
            if time.monotonic() > deadline:
                self._send(signal.SIGKILL)
            pause.wait(0.02)

    def _going(self) -> bool:
        for post in self.posts:
            if post.pid is not None and _ended(post.pid) is not None:
                post.pid = None
        return any(post.pid is not None for post in self.posts)

    def _send(self, number: int) -> None:
        for post in self.posts:
            if post.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(post.pid, number)


def posts(works: Mapping[str, Work]) -> list[Post]:
    """Make a post of each piece of work."""
    return [Post(name, work) for name, work in works.items()]


def on_stop(stop: threading.Event) -> None:
    """Have this process told by SIGTERM and SIGINT."""
    for number in ASKED:
        signal.signal(number, lambda *_: stop.set())


def _fork(post: Post) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)  # a signal that comes now waits until the child has its own ears
    if (pid := os.fork()) == 0:
        _live(post, parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED)
    return pid


def _live(post: Post, parent: int) -> NoReturn:
    """Be the child: nothing of what the parent would do at its end is done here."""
    code = 1
    try:
        os.setpgid(0, 0)
        for number in ASKED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED)
        threading.Thread(target=_end_with, args=(parent,), name="orphan", daemon=True).start()
        post.work()
        code = 0
    except MeshbotError as error:
        _log.error("%s: %s", post.name, error)
    except BaseException:  # noqa: BLE001 - this process ends here, whatever it is
        _log.exception("%s crashed", post.name)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _end_with(parent: int) -> None:
    """End this process when the one that forked it is gone."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(ORPHAN_LOOKS_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    pause.wait(PATIENCE)
    os._exit(1)


def _ended(pid: int) -> str | None:
    """Say how a child has ended; None while it is alive."""
    done, status = os.waitpid(pid, os.WNOHANG)
    if done == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return f"code {code}" if code >= 0 else f"signal {-code}"
