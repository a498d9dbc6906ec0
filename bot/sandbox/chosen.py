"""Which sandbox there is, by the settings: bubblewrap on this machine, or pods where runs are pods.

The rule: nothing of the cluster is imported where runs are processes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bot.sandbox.readiness import ready

if TYPE_CHECKING:
    from scheduler.settings import Settings


def chosen(settings: Settings) -> tuple[Callable[[Path, str], str], str]:
    """Return what describes projects, and a name of what reads them there, besides what is installed here."""
    if settings.launcher == "kubernetes":
        from bot.sandbox import pods
        from scheduler import describing

        return pods.describing(describing.describer(settings)), f"image {describing.reader(settings)}"
    from bot import sandbox

    return sandbox.describe, ""


def why_not(settings: Settings) -> str | None:
    """Say why no project can be described, with what to change after a semicolon; None when all is well.

    Of a cluster only what the settings say is looked at: what it says itself comes with the first pull request.
    """
    if settings.launcher == "kubernetes":
        from scheduler import describing

        return describing.why_not(settings)
    return ready()
