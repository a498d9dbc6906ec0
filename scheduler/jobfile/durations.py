"""Durations as people write them: `30s`, `15m`, `2h`, `1d`, `1h30m`.

Whole seconds only, and always with a unit: a bare 30 has been minutes to one reader and seconds to the next.
"""

from __future__ import annotations

import re
from datetime import timedelta

PATTERN = r"^(?=[0-9])([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


def read(text: str) -> timedelta | None:
    """Return the duration, or None when `text` is none."""
    if not re.fullmatch(PATTERN, text):
        return None
    parts = re.findall(r"([0-9]+)([dhms])", text)
    return sum((int(number) * UNITS[unit] for number, unit in parts), timedelta())


def say(duration: timedelta) -> str:
    """Return the shortest text that `read` reads as `duration` (whole seconds)."""
    said, rest = "", duration
    for letter, unit in UNITS.items():
        count, rest = divmod(rest, unit)
        said += f"{count}{letter}" if count else ""
    return said or "0s"
