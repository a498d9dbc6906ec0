"""GitHub's published example payloads, as an App would get them, and how to sign one."""

from __future__ import annotations

import copy
import functools
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

INSTALLATION = 957387
SECRET = "a-secret-of-the-webhook"  # noqa: S105 - made up
EXAMPLES = Path(__file__).parent / "data" / "github" / "examples.json"


@functools.cache
def _examples() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(EXAMPLES.read_text())
    return read


def names() -> list[str]:
    """List the examples: a kind, and mostly an action."""
    return sorted(_examples())


def kind_of(name: str) -> str:
    return name.split(maxsplit=1)[0]


def payload(name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of JSON
    """Return an example; `a__b=value` changes what stands at `a.b`."""
    made: dict[str, Any] = copy.deepcopy(_examples()[name])
    made.setdefault("installation", {"id": INSTALLATION})
    for where, value in changes.items():
        *path, last = where.split("__")
        part = made
        for key in path:
            part = part[key]
        part[last] = value
    return made


def body(name: str, **changes: Any) -> bytes:  # noqa: ANN401 - parts of JSON
    return json.dumps(payload(name, **changes)).encode()


def signed(content: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
