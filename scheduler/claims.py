"""Lists and releases the claims of a project, for an operator.

The claims are in the project's own SQLMesh state, which only its code can open. So meshrun is run for it at the
project's place, with what the project's jobs are granted, exactly as a run would be.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from scheduler.errors import UserError
from scheduler.launchers import Launcher, Order, Source
from scheduler.observations import Exited
from scheduler.store import ProjectRow, Store

TIMEOUT = timedelta(minutes=5)
LOOK_EVERY = 0.1
LAST_WORDS = 20
"""Lines of the log that are shown when it fails."""


def claims(store: Store, launcher: Launcher, project: str, release: str | None = None) -> list[dict[str, Any]]:
    """Return the claims of a project; with `release`, release that claim (or model) and return what was released.

    Raises `UserError` with the project's own words when they cannot be read.
    """
    row = store.project(project)
    if row is None or row.removed_at is not None:
        known = ", ".join(found.name for found in store.projects()) or "none"
        raise UserError(f"reading the claims of {project}: there is no such project; known are: {known}")
    order = _order(store, row, release)
    launcher.launch(order)
    try:
        end = _ended(launcher, order.run_id)
        lines = b"".join(launcher.logs(order.run_id)).decode(errors="replace").splitlines()
    finally:
        launcher.cancel(order.run_id)
        _ended(launcher, order.run_id)
        launcher.forget(order.run_id)
    if end.code != 0:
        said = [line for line in lines if not line.startswith('{"meshrun"')]
        words = "\n".join(said[-LAST_WORDS:]) or end.detail or f"exit code {end.code}"
        raise UserError(f"reading the claims of {project}: {words}")
    return [_claim(project, fields) for fields in _reported(lines)]


def _order(store: Store, row: ProjectRow, release: str | None) -> Order:
    jobs = [found.job for found in store.jobs(row.name)]
    return Order(
        run_id=f"claims--{uuid.uuid4().hex[:16]}",
        project=row.name,
        job="claims",
        source=Source(row.repository, row.sha, row.path),
        arguments=("claims", ".", *([f"--release={release}"] if release is not None else [])),
        timeout=TIMEOUT,
        env={name: value for job in jobs for name, value in job.env.items()},
        secrets=tuple(sorted({name for job in jobs for name in job.secrets})),
        image=next((job.image for job in jobs if job.image), None),
    )


def _ended(launcher: Launcher, run_id: str) -> Exited:
    pause = threading.Event()
    while not isinstance(seen := launcher.observe(run_id), Exited):
        pause.wait(LOOK_EVERY)
    return seen


def _reported(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith('{"meshrun"'):
            fields = json.loads(line)
            if fields.get("event") == "claim":
                yield fields


def _claim(project: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Keep what an operator needs, under the names that the rest of Meshbot uses."""
    kept = ("name", "model", "job", "taken_at", "expires_at", "expired", "released")
    return {"project": project, "run": fields.get("run_id"), **{name: fields.get(name) for name in kept}}
