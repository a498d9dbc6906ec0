"""Starts or watches a run and kills itself before or after one named call: `dying.py WHAT POINT before|after ...`.

A crash is tested by a crash. What is left behind is for the test to look at.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from places import PROGRAM
from running import now

from scheduler.launchers.process import ProcessLauncher
from scheduler.logs import Logs
from scheduler.notify import NullNotifier
from scheduler.reconcile import Reconciler
from scheduler.store import Store
from scheduler.tasks import Starter
from scheduler.watch import Watch

OWNERS = {"Store": Store, "ProcessLauncher": ProcessLauncher, "Logs": Logs, "NullNotifier": NullNotifier}


def dying(real: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def die(*arguments: object, **named: object) -> None:
        if after:
            real(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return die


def main(what: str, point: str, when: str, url: str, root: str, run: str) -> None:
    owner, name = point.split(".")
    setattr(OWNERS[owner], name, dying(getattr(OWNERS[owner], name), after=when == "after"))
    store, data = Store(url), Path(root)
    launcher = ProcessLauncher(data, data / "secrets", program=PROGRAM)
    reconciler = Reconciler(store, launcher, Logs((data / "logs").as_uri(), data))
    watch = Watch(store, reconciler, launcher, NullNotifier())
    match what:
        case "start":
            Starter(store, launcher, reconciler).start(run, now())
        case "look":
            watch.look(now())
        case "deliver":
            watch.deliver(now)


if __name__ == "__main__":
    main(*sys.argv[1:])
