"""All that runs a job except the clock: a real store, a real place, and one step at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from places import Place
from schedules import job, jobfile
from waiting import until

from scheduler import notify
from scheduler.alerts import Alert
from scheduler.jobfile import Job
from scheduler.launchers import Launcher
from scheduler.launchers.folder import RunFolder
from scheduler.logs import Logs
from scheduler.reconcile import Reconciler
from scheduler.runs import Run, RunState, Trigger, run_id
from scheduler.store import Origin, RunFilter, Store
from scheduler.tasks import Starter
from scheduler.watch import Watch

GOOD = ("start", "say=working", "model=evaluated", "end=succeeded")
BAD = ("start", "model=failed", "end=failed", "exit=1")
TICK = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@dataclass
class Running:
    """A scheduler without clock and queue: runs are made, started and looked at by hand."""

    store: Store
    place: Place
    launcher: Launcher | None = None
    notifier: notify.Notifier = field(default_factory=notify.NullNotifier)
    ticks: int = 0

    @property
    def logs(self) -> Logs:
        return Logs((self.place.root / "logs").as_uri(), self.place.root)

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.store, self.launcher or self.place.launcher, self.logs)

    @property
    def starter(self) -> Starter:
        return Starter(self.store, self.launcher or self.place.launcher, self.reconciler)

    @property
    def watch(self) -> Watch:
        return Watch(self.store, self.reconciler, self.place.launcher, self.notifier)

    def push(self, *jobs: Job) -> None:
        """Take a job file into the schedule."""
        origin = Origin(str(self.place.repository), "project", "main", self.place.sha)
        self.store.merge_schedule(jobfile(*jobs, project="shop"), origin, now())

    def job(self, *steps: str, **fields: object) -> Job:
        """Put a job into the schedule that does these steps."""
        made = job(select=list(steps), **fields)
        self.push(made)
        return made

    def tick(self, spec: Job, *, start: bool = True, trigger: Trigger = Trigger.CRON) -> str:
        """Make a run of the job, as the clock does; start it, as a worker does."""
        at = TICK + timedelta(hours=self.ticks)
        self.ticks += 1
        run = Run(
            id=run_id("shop", spec.name, at),
            project="shop",
            job=spec.name,
            spec=spec,
            repository=str(self.place.repository),
            path="project",
            sha=self.place.sha,
            scheduled_for=at,
            trigger=trigger,
            created_at=now(),
            since=now(),
        )
        assert self.store.create_run(run)
        if start:
            self.start(run.id)
        return run.id

    def start(self, run: str, after: timedelta = timedelta()) -> None:
        self.starter.start(run, now() + after)

    def look(self, after: timedelta = timedelta()) -> None:
        self.watch.look(now() + after)

    def run(self, run: str) -> Run:
        found = self.store.run(run)
        assert found
        return found

    def is_in(self, run: str, state: RunState) -> bool:
        self.look()
        return self.run(run).state is state

    def ended(self, run: str) -> Run:
        """Watch until the run has ended."""

        def over() -> bool:
            self.look()
            return self.run(run).state.is_final

        until(over)
        return self.run(run)

    def working(self, run: str) -> None:
        """Watch until the run runs and has said so."""
        until(lambda: self.is_in(run, RunState.RUNNING) and b"working" in self.logs.read(run))

    def others(self, *known: str) -> list[Run]:
        return [run for run in self.store.runs(RunFilter("shop")) if run.id not in known]

    def told(self) -> list[str]:
        return [Alert.from_json(alert.payload).kind.value for alert in reversed(self.store.alerts(unsent_only=False))]

    def folder(self, run: str) -> Path:
        return RunFolder(self.place.root, run).path

    def with_place(self, launcher: Launcher) -> Running:
        return replace(self, launcher=launcher)


def now() -> datetime:
    return datetime.now(UTC)
