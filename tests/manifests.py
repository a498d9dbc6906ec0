"""The manifests of `config/kubernetes`, rendered by kubectl and read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[1] / "config" / "kubernetes"
SMALL = FOLDER / "overlays" / "small"
OLDEST = 5
"""The first kustomize of which kubectl (since 1.27) has what the manifests are written for."""

Manifest = dict[str, Any]


@cache
def why_not_rendered() -> str | None:
    """Say why nothing can be rendered here; None when it can."""
    if not shutil.which("kubectl"):
        return "no kubectl to render the manifests with"
    said = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, check=True)
    version = json.loads(said.stdout).get("kustomizeVersion", "v0")
    is_new = int(re.sub(r"^v", "", version).split(".")[0]) >= OLDEST
    return None if is_new else f"the kustomize of kubectl is {version}; the manifests need v{OLDEST}"


@cache
def rendered(folder: Path = SMALL) -> str:
    """Render a kustomization."""
    return subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True).stdout


def objects(text: str) -> list[Manifest]:
    """Read every object of a text."""
    return [one for one in YAML(typ="safe").load_all(text) if one]
