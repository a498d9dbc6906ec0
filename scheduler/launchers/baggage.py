"""What travels into every pod: two zipapps, the keeper's and meshrun's, the same bytes for the same code; and a file.

The rule: a ConfigMap with them is named by the hash of its content and never changes, so a run keeps the code that it
began with while another version of Meshbot starts the next one. The keeper and meshrun are two, because a project may
have a folder `scheduler` of its own, and meshrun must not shadow it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEEPER = (
    "scheduler/__init__.py",
    "scheduler/errors.py",
    "scheduler/observations.py",
    "scheduler/places.py",
    "scheduler/launchers/__init__.py",
    "scheduler/launchers/aboard.py",
    "scheduler/launchers/crew.py",
    "scheduler/launchers/folder.py",
    "scheduler/launchers/redaction.py",
    "scheduler/launchers/tree.py",
)
EPOCH = (1980, 1, 1, 0, 0, 0)
START = "import sys\nfrom {module} import main\nsys.exit(main())\n"


@cache
def contents() -> dict[str, bytes]:
    """Build both zipapps; the file is what describes projects."""
    keeper = [(name, (ROOT / name).read_bytes()) for name in KEEPER if (ROOT / name).exists()]
    return {
        "hermit.py": (ROOT / "scheduler/launchers/hermit.py").read_bytes(),
        "keeper.pyz": _zip([*keeper, ("__main__.py", START.format(module="scheduler.launchers.aboard").encode())]),
        "meshrun.pyz": _zip([*_meshrun(), ("__main__.py", START.format(module="meshrun.__main__").encode())]),
    }


@cache
def name() -> str:
    """Name the ConfigMap by what is in it."""
    digest = hashlib.sha256()
    for key, data in sorted(contents().items()):
        digest.update(key.encode() + b"\0" + hashlib.sha256(data).digest())
    return f"meshbot-code-{digest.hexdigest()[:16]}"


def manifest(namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return the ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name(), "namespace": namespace, "labels": labels},
        "immutable": True,
        "binaryData": {key: base64.b64encode(data).decode() for key, data in contents().items()},
    }


def _meshrun() -> Iterator[tuple[str, bytes]]:
    folder = ROOT / "meshrun"
    for path in sorted(folder.rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_bytes()


def _zip(files: list[tuple[str, bytes]]) -> bytes:
    """Write a zip archive that is the same for the same files: no times, no modes, no order of a disk."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, EPOCH), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()
