"""The graph of a project, asked of `meshrun describe`: a process of its own that may import the project's code.

The rule: that process gets a bare environment, none of our settings, and limits; this one gets a graph or a reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bot.errors import Refused, UsageFault
from scheduler import dagjson
from scheduler.dag import Graph

DESCRIBE = ("-P", "-m", "meshrun", "describe")
PASSED = ("PATH", "HOME", "XDG_CACHE_HOME", "LANG", "VIRTUAL_ENV", "TMPDIR", "MAX_FORK_WORKERS")
PATIENCE = 600
"""Seconds; meshrun's own limit on time ends it long before."""
CONFIGURATIONS = ("config.yaml", "config.yml", "config.py", "sqlmesh.yaml", "sqlmesh.yml", "dbt_project.yml")


def is_project(folder: Path) -> bool:
    """Say whether a SQLMesh project lies in a folder."""
    return any((folder / name).is_file() for name in CONFIGURATIONS)


def describe(folder: Path) -> Graph:
    """Return the graph of the project in a folder.

    Raises `UsageFault` when there is no project, `Refused` in meshrun's words when it does not load.
    """
    if not is_project(folder):
        raise UsageFault(
            f"looking for a SQLMesh project in {folder}: there is no {CONFIGURATIONS[0]} or {CONFIGURATIONS[2]}; "
            "name the folder that has it"
        )
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector
            [sys.executable, *DESCRIBE, str(folder.absolute())],
            env={name: os.environ[name] for name in PASSED if name in os.environ},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"describing {folder}: no answer within {PATIENCE} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Refused(said or f"describing {folder}: it ended with {done.returncode}")
    return dagjson.parse(done.stdout)
