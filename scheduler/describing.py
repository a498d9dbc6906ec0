"""How the bot has a project described in a pod, without knowing of the cluster: the port, and what stands behind it.

The rule: what comes out is `Told`, `Impossible` or `Retryable`, whatever the cluster says. Nothing is opened before it
is needed, so that a bot starts while its cluster is away, or is not set up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from scheduler.errors import UserError
from scheduler.launchers import tenancy as tenants
from scheduler.launchers.cluster import Cluster
from scheduler.launchers.describer import Describer, Impossible, Told
from scheduler.launchers.seclusion import Allowed
from scheduler.launchers.tenancy import Tenancy
from scheduler.settings import Settings

__all__ = ["Allowed", "Impossible", "Told", "describer", "reader", "why_not"]

Describe = Callable[[Path, str, Allowed], Told]


def describer(settings: Settings) -> Describe:
    """Return what describes a project in a pod of the cluster that the settings name."""

    @cache
    def opened() -> Describer:
        tenancy = _tenancy(settings)
        kubeconfig = os.environ.get("KUBECONFIG")
        return Describer(Cluster(Path(kubeconfig) if kubeconfig else None), tenancy)

    def describe(tree: Path, path: str, allowed: Allowed) -> Told:
        try:
            found = opened()
        except UserError as error:
            raise Impossible(str(error)) from error
        return found.describe(tree, path, allowed)

    return describe


def reader(settings: Settings) -> str:
    """Name the image in which projects are read: another one may read them differently."""
    try:
        return _tenancy(settings).defaults.image or ""
    except UserError:
        return ""


def why_not(settings: Settings) -> str | None:
    """Say what in the settings keeps projects from being described, without asking the cluster; None for nothing."""
    try:
        found = _tenancy(settings)
    except UserError as error:
        return str(error)
    if not found.defaults.image:
        return f"there is no image; name one with Python and SQLMesh in {found.where}: `defaults: {{image: ...}}`"
    return None


def _tenancy(settings: Settings) -> Tenancy:
    file = settings.kubernetes_file
    if file is None:
        raise UserError(
            "nothing says what pods get; set MESHBOT_KUBERNETES_FILE to a file like config/kubernetes/operator.yaml"
        )
    try:
        return tenants.parse(file.read_text(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"reading MESHBOT_KUBERNETES_FILE: {error}") from error
