"""The `bot` process: workers that handle what GitHub sent, and one that makes the rounds.

The rule: everything is opened after the fork, by whoever uses it. Of several workers the first is kept for what people
say: to read a project may take minutes, and who wants to cancel a run is not to wait for that. A worker that takes the
place of one that crashed gives back what that one held, so that nobody waits for its leases to run out.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from functools import partial

from bot.chatops.grammar import Request
from bot.errors import ExitCode, Unreachable
from bot.intake import foreman
from bot.intake.inboxes import Clerk
from bot.intake.rounds import Rounds, make
from bot.intake.tasks import employ
from bot.services import START, Services
from scheduler import loglines
from scheduler.errors import MeshbotError, Retryable, UserError
from scheduler.pulse import beating
from scheduler.queues import Queues
from scheduler.settings import Settings, load

PAUSE = 1.0
"""Seconds until an unreachable queue is tried again."""

POLITENESS = 10
"""How far workers stand back when processors are busy: `web` must answer at once, they need not."""

BEFOREHAND = (
    "bot.gh",
    "bot.graphs",
    "bot.intake.healing",
    "bot.handlers.followups",
    "bot.handlers.installations",
    "bot.handlers.pulls",
    "bot.handlers.push",
    "bot.handlers.talk",
)
"""What every worker will need: loaded once, before they are forked, so that they share its memory."""

_log = logging.getLogger("bot.intake.office")


def bot(_request: Request, _as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Be the `bot` until told to stop. Raises `UserError` when the settings do not name a GitHub App."""
    loglines.to_stderr("bot")
    run(load())
    return ExitCode.OK


def run(settings: Settings) -> None:
    """Keep the workers and the rounds going."""
    demand(settings)
    redis_url = Services(settings).redis_url
    if redis_url is None:
        raise Unreachable(f"starting the bot: there is no Valkey to work with; set MESHBOT_REDIS_URL, or {START}")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    for module in BEFOREHAND:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    me = f"{socket.gethostname()}:{secrets.token_hex(4)}"
    _log.info("bot begins: %d workers", settings.bot_workers)
    foreman.Foreman(foreman.posts(works(settings, redis_url, me))).run()
    _log.info("bot ends")


def works(settings: Settings, redis_url: str, me: str) -> dict[str, foreman.Work]:
    """Say what there is to do, each in a process of its own; `me` begins the names of those who do it."""
    found: dict[str, foreman.Work] = {"rounds": partial(_rounds, settings, f"{me}:rounds")}
    for number in range(1, settings.bot_workers + 1):
        is_kept = number == 1 < settings.bot_workers
        found[f"worker {number}"] = partial(_worker, settings, redis_url, f"{me}:{number}", talk_only=is_kept)
    return found


def demand(settings: Settings) -> None:
    """See that what the bot needs is set. Raises `UserError`."""
    if settings.github_app_id is None:
        raise UserError("starting the bot: MESHBOT_GITHUB_APP_ID is not set; it stands on the App's page on GitHub")
    _ = settings.private_key


def _worker(settings: Settings, redis_url: str, holder: str, *, talk_only: bool) -> None:
    stop = threading.Event()
    foreman.on_stop(stop)
    os.nice(POLITENESS)
    services = Services(settings)
    services.store.drop_leases(holder)
    employ(Clerk(services, holder, stop))
    try:
        _work(Queues(redis_url), stop, talk_only=talk_only)
    finally:
        services.close()


def _work(queues: Queues, stop: threading.Event, *, talk_only: bool) -> None:
    while not stop.is_set():
        try:
            queues.work_inboxes(stop, talk_only=talk_only)
        except Retryable as error:
            _log.warning("%s; trying again", error)
        foreman.on_stop(stop)  # the queue's library had its own handlers
        if not stop.is_set():
            stop.wait(PAUSE)


def _rounds(settings: Settings, holder: str) -> None:
    stop = threading.Event()
    foreman.on_stop(stop)
    services = Services(settings)
    _quietly(lambda: services.store.drop_leases(holder))
    try:
        with beating(services.store, "bot"):
            make(Rounds(services, holder), stop, settings.heal_interval)
    finally:
        services.close()


def _quietly(step: Callable[[], object]) -> None:
    try:
        step()
    except MeshbotError as error:
        _log.warning("%s; trying again", error)
