"""GitHub and Meshbot as two worlds that know each other by addresses and secrets alone.

The rule: the fake (`fakegithub/`) is nothing but HTTP to Meshbot's processes; their environment configures them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fakegithub.github import GitHub
from fakegithub.server import fake_github


@contextlib.contextmanager
def conforming_github(folder: Path) -> Iterator[GitHub]:
    """Run a fake GitHub; at the end, see that everything which passed fits GitHub's own descriptions."""
    with fake_github(folder) as github:
        yield github
        assert github.unfit() == []
