"""Puts the parts of a process together, as the settings say; each part is built when it is first asked for.

The rule: this is the only place that chooses. The parts themselves take what they need as arguments.
"""

from __future__ import annotations

from functools import cached_property

from scheduler.errors import UserError
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
    def launcher(self) -> ProcessLauncher:
        """The place where runs run."""
        slots = self.settings.local_runs or SLOTS
        return ProcessLauncher(self.settings.data_dir, self.settings.secrets, slots=slots)

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
