"""Claims, listed and released in a process of the scheduler: they lie in the project's own state database.

The rule: that process gets what was granted to the project, this one gets a list. The project is never loaded here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from bot import shapes
from bot.chatops.actions import ListClaims, ReleaseClaim
from bot.daemons import SCHEDULER, environment
from bot.errors import Refused

if TYPE_CHECKING:
    from bot.services import Services

TIMEOUT = 120


def perform(action: ListClaims | ReleaseClaim, services: Services) -> shapes.ClaimsAnswer:
    """List who holds what, or release a model and list what was released.

    Raises `Refused` when the project's state cannot be read, in the words of the one who tried.
    """
    if isinstance(action, ReleaseClaim):
        return {"claims": _asked(action.project, services, f"--release={action.model}")}
    return {"claims": [claim for project in action.projects for claim in _asked(project, services)]}


def _asked(project: str, services: Services, *options: str) -> list[shapes.Claim]:
    arguments = [sys.executable, *SCHEDULER, "claims", project, *options]
    doing = f"reading the claims of {project}"
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector; both names were checked
            arguments,
            env=dict(environment(services.settings, services.redis_url)),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{doing}: no answer within {TIMEOUT} s; is the project's state database reachable?") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Refused(f"{doing}: {said[-1] if said else f'it ended with {done.returncode}'}")
    return [_claim(project, json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def _claim(project: str, row: dict[str, str | None]) -> shapes.Claim:
    return {
        "project": project,
        "model": row.get("model") or "",
        "run": row.get("run_id") or row.get("run"),
        "job": row.get("job"),
        "taken_at": row.get("taken_at"),
        "expires_at": row.get("expires_at"),
    }
