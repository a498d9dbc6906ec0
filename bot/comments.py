"""Every sentence of the comment that a pull request gets: what changes when it merges, then the topology.

The rule: pure, and bounded. The first line of each comment is its marker, by which it is found again; no other line can
be taken for one, whatever a file or a model is called.
"""

from __future__ import annotations

from urllib.parse import quote

OPENING = "<!-- meshbot:"


def marker(kind: str, key: str) -> str:
    """Return the hidden line that tells our comments apart: `<!-- meshbot:topology warehouse -->`.

    Two different pairs have different markers, and nothing in a key ends the line early.
    """
    return f"{OPENING}{kind} {quote(key, safe='/').replace('--', '-%2D')} -->"


def marked(mark: str, text: str) -> str:
    """Return a body that begins with its marker and holds no other."""
    return f"{mark}\n{text.replace(OPENING, OPENING.replace(':', ' :'))}"
