"""Starts or watches a run of a cluster and kills itself at one call: `dyingpods.py WHAT POINT NUMBER before|after ...`.

`NUMBER` says at which call of the point it dies. What is left behind is for the test to look at.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podplaces import PROGRAM
from running import now

from scheduler.launchers.cluster import Cluster
from scheduler.launchers.kubernetes import KubernetesLauncher
from scheduler.logs import Logs
from scheduler.notify import NullNotifier
from scheduler.reconcile import Reconciler
from scheduler.store import Store
from scheduler.tasks import Starter
from scheduler.watch import Watch

OWNERS = {"Store": Store, "Cluster": Cluster, "Logs": Logs, "KubernetesLauncher": KubernetesLauncher}
TOKEN = "k9-of-the-repository"  # noqa: S105 - of a test


def dying(real: Callable[..., Any], number: int, *, after: bool) -> Callable[..., Any]:
    calls = 0

    def die(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the real one
        nonlocal calls
        calls += 1
        if calls < number or after:
            answer = real(*arguments, **named)
            if calls < number:
                return answer
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    return die


def main(what: str, point: str, number: str, when: str, *rest: str) -> None:
    url, root, run = rest
    owner, name = point.split(".")
    setattr(OWNERS[owner], name, dying(getattr(OWNERS[owner], name), int(number), after=when == "after"))
    store, data = Store(url), Path(root)
    kubeconfig, tenancy = pickle.loads((data / "tenancy").read_bytes())  # noqa: S301 - the test wrote it
    launcher = KubernetesLauncher(Cluster(kubeconfig), tenancy, program=PROGRAM, tokens=lambda _: TOKEN)
    reconciler = Reconciler(store, launcher, Logs((data / "logs").as_uri(), data))
    match what:
        case "start":
            Starter(store, launcher, reconciler).start(run, now())
        case "look":
            Watch(store, reconciler, launcher, NullNotifier()).look(now())


if __name__ == "__main__":
    main(*sys.argv[1:])
