"""The processes of the scheduler: `python -m scheduler worker|clock|watch`; `claims` for people, `heard` for a probe.

The rule: each imports only what it needs, says one line for each thing that happens on standard error, and ends within
seconds of SIGTERM: nothing that it leaves undone is lost.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from scheduler import loglines
from scheduler.assembly import Assembly
from scheduler.errors import MeshbotError, Retryable, UserError

FAILED, INTERRUPTED = 1, 130
PAUSE = 1.0
"""Seconds until an unreachable queue is tried again."""

_log = logging.getLogger("scheduler")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one process until it is told to stop; return its exit code."""
    options = _parser().parse_args(arguments)
    loglines.to_stderr("scheduler")
    stop = threading.Event()
    _listen(stop)
    try:
        parts = Assembly()
        try:
            options.process(parts, stop, options)
        finally:
            parts.close()
    except MeshbotError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for whoever started it
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _worker(parts: Assembly, stop: threading.Event, _options: argparse.Namespace) -> None:
    from scheduler import tasks  # noqa: F401 - what the queue calls is loaded before the first call

    with _alive("worker", parts, parts.launcher.place):
        while not stop.is_set():
            try:
                parts.queues.work()
            except Retryable as error:
                _listen(stop)  # the queue's library had its own handlers
                _log.warning("%s; trying again", error)
                stop.wait(PAUSE)
            else:
                return


def _clock(parts: Assembly, stop: threading.Event, _options: argparse.Namespace) -> None:
    from scheduler import clock

    with _alive("clock", parts):
        clock.run(parts.store, parts.queues, stop)


def _watch(parts: Assembly, stop: threading.Event, _options: argparse.Namespace) -> None:
    from scheduler import notify, watch

    watching = watch.Watch(parts.store, parts.reconciler, parts.launcher, notify.notifier(parts.settings))
    with _alive("watch", parts, parts.launcher.place):
        watch.run(watching, stop, parts.settings.watch_interval, parts.settings.keep)


def _claims(parts: Assembly, _stop: threading.Event, options: argparse.Namespace) -> None:
    from scheduler.claims import claims

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an operator waits: stop, and clear up
    for claim in claims(parts.store, parts.launcher, options.project, options.release):
        print(json.dumps(claim))  # noqa: T201 - the answer


def _heard(parts: Assembly, _stop: threading.Event, options: argparse.Namespace) -> None:
    """See that the database has heard of such a process of this machine, or pod. Raises `UserError` when it has not."""
    from scheduler.pulse import is_heard

    if not is_heard(parts.store, options.of):
        raise UserError(
            f"looking for a {options.of} of this machine: nothing was heard of one lately; see what it logs"
        )


@contextmanager
def _alive(name: str, parts: Assembly, place: str | None = None) -> Iterator[None]:
    from scheduler.pulse import beating

    _log.info("%s begins", name)
    with beating(parts.store, name, place):
        yield


def _listen(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scheduler", description="The processes of Meshbot's scheduler.")
    commands = parser.add_subparsers(required=True, metavar="PROCESS")
    processes: dict[str, tuple[Callable[..., None], str]] = {
        "worker": (_worker, "start the runs that are queued"),
        "clock": (_clock, "queue a run for each tick that comes due"),
        "watch": (_watch, "follow each run to its end, and tell people"),
        "claims": (_claims, "list the claims of a project, one JSON object a line"),
        "heard": (_heard, "say by the exit code whether a process of this machine is heard of"),
    }
    for name, (process, what) in processes.items():
        commands.add_parser(name, help=what).set_defaults(process=process)
    claims = commands.choices["claims"]
    claims.add_argument("project", metavar="PROJECT")
    commands.choices["heard"].add_argument("of", metavar="PROCESS", choices=("worker", "clock", "watch", "bot"))
    claims.add_argument("--release", metavar="NAME", help="release the claim, or the model's claim, of this name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
