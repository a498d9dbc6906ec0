"""The environment variables that meshrun reads for itself. Pure but for the reading.

The rule: each is a number with a least value, empty means its default, and anything else is refused with its name.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from .errors import ProjectError


@dataclass(frozen=True)
class Variable:
    """One variable: its name, what counts when it is unset, its least value, and what it means."""

    name: str
    default: str
    least: float
    meaning: str

    def value(self) -> float:
        """Read it; raises `ProjectError` if it is not a number that it may be."""
        text = os.environ.get(self.name) or self.default
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not self.least <= number < math.inf:
            raise ProjectError(f"reading {self.name}: {text!r} is not a number of at least {self.least:g}")
        return number


LEASE = Variable("MESHRUN_LEASE", "60", 1, "For how many seconds a claim lasts without being renewed.")
GRACE = Variable("MESHRUN_GRACE", "30", 0, "For how many seconds running models may go on after SIGTERM or SIGINT.")
WIDTH = Variable("MAX_CONCURRENT_MODELS", "5", 1, "How many models one process evaluates at once.")
VARIABLES = (LEASE, GRACE, WIDTH)
