"""What a command comes to: a text in Markdown, and whether it worked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """What there is to say about one command."""

    text: str
    ok: bool = True
