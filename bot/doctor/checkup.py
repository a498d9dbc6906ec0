"""How a check is written down, for `doctor` and for `setup-github`.

The rule: a check never fails itself; what keeps it from looking is what it found. Errors say the way out after their
last semicolon, and that becomes the remedy.
"""

from __future__ import annotations

from collections.abc import Callable

from bot import shapes
from scheduler.errors import MeshbotError

OK, WARNING, BROKEN = "ok", "warning", "broken"


def check(name: str, state: str, found: str, remedy: str | None = None) -> shapes.Check:
    """Write down what was found."""
    return {"name": name, "state": state, "found": found, "remedy": remedy}


def looked(name: str, look: Callable[[], shapes.Check]) -> shapes.Check:
    """Look, and write down what was found, or what kept us from looking."""
    try:
        return look()
    except MeshbotError as error:
        found, _, remedy = str(error).rpartition("; ")
        return check(name, BROKEN, found or remedy, remedy if found else None)
    except OSError as error:
        return check(name, BROKEN, str(error), "mend that, and ask again")
