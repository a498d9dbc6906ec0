"""Puts the parts of a process together, as the settings say; each part is built when it is first asked for.

The rule: this is the only place that chooses. The parts themselves take what they need as arguments.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from scheduler.errors import UserError
from scheduler.launchers import tenancy as tenants
from scheduler.launchers.cluster import Cluster
from scheduler.launchers.kubernetes import KubernetesLauncher
from scheduler.launchers.process import SLOTS, ProcessLauncher
from scheduler.logs import Logs
from scheduler.queues import Queues
from scheduler.reconcile import Reconciler
from scheduler.settings import Settings, load
from scheduler.store import Store


class Assembly:
    """The parts of one process of the scheduler."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load()
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)

    @cached_property
    def store(self) -> Store:
        """Meshbot's own database."""
        return Store(self.settings.database)

    @cached_property
    def queues(self) -> Queues:
        """The queue. Raises `UserError` when none is set."""
        if self.settings.redis_url is None:
            raise UserError(
                "opening the queue: none is set; set MESHBOT_REDIS_URL=redis://host:6379/0, or use `meshbot up`"
            )
        return Queues(self.settings.redis_url.get_secret_value())

    @cached_property
    def launcher(self) -> ProcessLauncher | KubernetesLauncher:
        """The place where runs run."""
        if self.settings.launcher == "kubernetes":
            return self._kubernetes()
        slots = self.settings.local_runs or SLOTS
        return ProcessLauncher(self.settings.data_dir, self.settings.secrets, slots=slots)

    def _kubernetes(self) -> KubernetesLauncher:
        file = self.settings.kubernetes_file
        if file is None:
            raise UserError(
                "opening the cluster: nothing says what projects get there; "
                "set MESHBOT_KUBERNETES_FILE to a file like config/kubernetes/operator.yaml"
            )
        try:
            tenancy = tenants.parse(file.read_text(), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"reading MESHBOT_KUBERNETES_FILE: {error}") from error
        kubeconfig = os.environ.get("KUBECONFIG")
        return KubernetesLauncher(Cluster(Path(kubeconfig) if kubeconfig else None), tenancy, keep=self.logs.keep)

    @cached_property
    def logs(self) -> Logs:
        """Where logs are kept."""
        return Logs(self.settings.logs, self.settings.data_dir)

    @cached_property
    def reconciler(self) -> Reconciler:
        """The one that ends runs."""
        return Reconciler(self.store, self.launcher, self.logs)

    def close(self) -> None:
        """Give back what was opened."""
        for name in ("store", "queues"):
            if name in self.__dict__:
                getattr(self, name).close()
