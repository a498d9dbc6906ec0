"""What an environment has promoted: each model with the hash of its data, told once per plan and day.

The rule: it costs one query where it was told before, never makes a run wait, and is complete or not counted: each line
says how many models there are in all. A model is called what the graph of `meshrun describe` calls it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from .claims import ClaimTable
from .once import once_or_leave_it
from .report import Report
from .tenure import Runner


def tell(table: ClaimTable, runner: Runner, report: Report, key: tuple[str, str], snapshots: Iterable[Any]) -> None:
    """Report what is promoted, unless it was, under this `key`: the environment and the plan that changed it last."""
    environment, plan = key
    once_or_leave_it(
        table,
        runner,
        f"promoted:{environment}:{plan}",
        lambda: report.promoted(environment, hashes(snapshots)),
    )


def hashes(snapshots: Iterable[Any]) -> dict[str, str]:
    """Map each model to the hash of its data; two of one name, in two catalogs, are told apart by all of their parts.

    The hash is the first half of the `fingerprint` that `describe` gives: the other half is written otherwise in the
    state than it is computed of a project.
    """
    models = [snapshot for snapshot in snapshots if snapshot.is_model]
    count = Counter(snapshot.node.name for snapshot in models)
    return {
        (snapshot.node.name if count[snapshot.node.name] == 1 else snapshot.name.replace('"', "")): str(
            snapshot.fingerprint.data_hash
        )
        for snapshot in models
    }
