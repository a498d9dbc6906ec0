"""The `web` process: gunicorn, in this process, around the web application.

The rule: two processes with a few threads each serve what GitHub sends to two processors; on SQLite, which has one
writer at a time, one process does. Its own access log is off: it would show paths and queries, which anybody may
write; `bot.intake.app` logs what is answered.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Any

from gunicorn.app.base import BaseApplication

from bot.chatops.grammar import Request
from bot.errors import ExitCode
from bot.intake import app
from bot.services import Services
from scheduler import loglines, settings
from scheduler.errors import MeshbotError
from scheduler.pulse import LAST_WORD, beating
from scheduler.settings import Settings
from scheduler.store import BEAT_EVERY

PROCESSES, THREADS = 2, 8
SWITCH = 0.0005
"""So many seconds a thread may go on while another one, which has its answer from the database, wants to."""

GRACE = 20
"""So many seconds requests have to end when the process is told to."""


class Life:
    """Lets this process be heard of, as soon as there is a database that hears it."""

    def __init__(self, services: Services) -> None:
        self._services, self._over = services, threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin, in the process that serves: a thread that was made before a fork is taken for dead after it."""
        self._thread = threading.Thread(target=self._go_on, name="life", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Say the last word, if that does not take long."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(LAST_WORD)

    def _go_on(self) -> None:
        while not self._over.is_set():
            with suppress(MeshbotError), beating(self._services.store, "web"):
                self._over.wait()
            self._over.wait(BEAT_EVERY.total_seconds())


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn with our settings, and with no others: it reads neither files nor variables of its own."""

    def __init__(self, chosen: Settings) -> None:
        self._settings = chosen
        self._life = Life(Services(chosen))
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn how to serve."""
        options: dict[str, Any] = {
            "bind": self._settings.web_bind,
            "workers": 1 if self._settings.database.startswith("sqlite") else PROCESSES,
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 75,
            "timeout": 30,
            "graceful_timeout": GRACE,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "meshbot web",
            "limit_request_line": 2048,
            "control_socket_disable": True,
            "worker_exit": lambda _server, _worker: self._life.end(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> object:
        """Make the application, in each process its own."""
        sys.setswitchinterval(SWITCH)
        self._life.begin()
        return app.create_app(self._settings)


def web(_request: Request, _as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Be the `web` process until told to stop. Raises `UserError` when what it needs is not set."""
    loglines.to_stderr("bot")
    chosen = settings.load()
    app.demand(chosen)
    Server(chosen).run()
    return ExitCode.OK
