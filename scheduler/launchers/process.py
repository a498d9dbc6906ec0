"""The process launcher: each run is a process of this machine, watched over by a keeper of its own.

The rule: whoever launches may die at any moment, and whoever observes may too; what is true stands in the run's folder
and its locks. The surprise: all runs have the same user id, so a run that means harm can look at another one
(`/proc/<pid>/environ`). Projects that do not trust each other need pods.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from scheduler.errors import Retryable, UserError
from scheduler.launchers import Order, folder, tree
from scheduler.launchers.crew import kill_holders
from scheduler.launchers.folder import RunFolder
from scheduler.launchers.keeper import Commission
from scheduler.observations import Absent, Exited, Observation, Pending, Running
from scheduler.places import MIRRORS, mirror_name, place_of

GRACE = timedelta(seconds=30)
KEEP_TREES = timedelta(days=1)
KEEP_NAMES = timedelta(days=14)
LAUNCH_TIMEOUT = 60
CHUNK = 1 << 16
CROWD = 8
"""So many times its slots a machine takes runs; a keeper that waits is small, but a thousand of them are not."""
SLOTS = max(8, 2 * (os.cpu_count() or 1))
PROJECT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

MESHRUN = (sys.executable, "-P", "-m", "meshrun")
"""Without the working directory on the path: a project may have a folder of that name."""

_ROOT = str(Path(__file__).parents[2])
_BOOT = f"import sys; sys.path.append({_ROOT!r}); from scheduler.launchers.keeper import main; main()"
KEEPER = (sys.executable, "-I", "-S", "-c", _BOOT)


class ProcessLauncher:
    """Runs below `data_dir`, with secrets from `secrets_dir`.

    `program` is what a run executes, with the arguments of its order; `grace` is between SIGTERM and SIGKILL; at most
    `slots` runs work at once, and more of them wait as `Pending`.
    """

    def __init__(
        self,
        data_dir: Path,
        secrets_dir: Path,
        *,
        program: Sequence[str] = MESHRUN,
        grace: timedelta = GRACE,
        slots: int = SLOTS,
        keeper: Sequence[str] = KEEPER,
    ) -> None:
        self._root = data_dir.resolve()
        self._secrets = secrets_dir
        self._program = tuple(program)
        self._grace = grace
        self._keeper = tuple(keeper)
        self._slots = slots

    @cached_property
    def place(self) -> str:
        """The name of the data folder; it stays when the folder moves."""
        return place_of(self._root)

    def launch(self, order: Order) -> None:
        """Start the run in a detached keeper, unless it was started, cancelled or forgotten before.

        Raises `UserError` when a secret is not granted, `Retryable` when no process can be started, or when so many
        runs wait here that more would only take memory.
        """
        place = RunFolder(self._root, order.run_id)
        if place.gone.exists() or place.started.exists():
            return
        commission = self._commission(order)
        if not place.path.exists() and len(self.known()) >= CROWD * self._slots:
            raise Retryable(
                f"starting {order.run_id}: {CROWD * self._slots} runs work or wait on this machine; "
                f"MESHBOT_LOCAL_RUNS={self._slots} decides that"
            )
        place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            done = subprocess.run(  # noqa: S603 - an argument vector, never a shell
                [*self._keeper, order.run_id],
                input=commission.to_json().encode(),
                env={"PATH": commission.search_path},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=self._root,
                timeout=LAUNCH_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Retryable(f"starting the keeper of run {order.run_id}: {type(error).__name__}: {error}") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise Retryable(f"starting the keeper of run {order.run_id}: exit code {done.returncode}: {said}")

    def observe(self, run_id: str) -> Observation:
        """Say how the run stands. What a killed keeper left alive is killed here."""
        place = RunFolder(self._root, run_id)
        end = folder.read(place.exit)
        if end is None and not place.started.exists():
            return Absent()
        if end is None and folder.is_held(place.lock):
            if not folder.is_held(place.keeper):
                kill_holders(place.lock)
            running = folder.read(place.running)
            return Running(datetime.fromisoformat(running["at"])) if running else Pending()
        end = end or folder.read(place.exit)  # it may have been written between our two looks
        if end is None:
            return Exited(None, _last_sign(place), "lost", "its keeper was killed")
        return Exited(end["code"], datetime.fromisoformat(end["ended_at"]), end["reason"], end["detail"])

    def logs(self, run_id: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield what the run has printed from byte `offset` to now, redacted; nothing when it is not there."""
        with suppress(FileNotFoundError), RunFolder(self._root, run_id).log.open("rb") as log:
            log.seek(offset)
            while chunk := log.read(CHUNK):
                yield chunk

    def cancel(self, run_id: str) -> None:
        """Ask the run to end; one that has not begun never begins."""
        place = RunFolder(self._root, run_id)
        if not place.gone.exists():
            place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.cancel.touch()

    def forget(self, run_id: str) -> None:
        """Remove the folder of an ended run; its name stays for a while, so that a late launch does nothing."""
        place = RunFolder(self._root, run_id)
        place.gone.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.gone.touch()
        shutil.rmtree(place.path, ignore_errors=True)

    def known(self) -> list[str]:
        """List the runs that have a folder, ended ones that are not forgotten among them."""
        with suppress(FileNotFoundError):
            return sorted(
                entry.name for entry in os.scandir(self._root / "runs") if folder.RUN_ID.fullmatch(entry.name)
            )
        return []

    def prune(self, now: datetime) -> None:
        """Remove work trees that no run uses any more, and the names of runs that were forgotten long ago."""
        tree.prune(self._root / "trees", (now - KEEP_TREES).timestamp())
        for name in (self._root / "runs" / ".gone").glob("*"):
            if name.stat().st_mtime < (now - KEEP_NAMES).timestamp():
                name.unlink(missing_ok=True)

    def _commission(self, order: Order) -> Commission:
        source, repository = order.source, _absolute(order.source.repository)
        return Commission(
            root=str(self._root),
            run_id=order.run_id,
            repository=repository,
            sha=source.sha,
            path=source.path,
            program=(*self._program, *order.arguments),
            parallelism=order.parallelism,
            slots=self._slots,
            timeout=order.timeout.total_seconds(),
            grace=self._grace.total_seconds(),
            search_path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            env={**order.env, "MESHRUN_GRACE": f"{self._grace.total_seconds() * 0.8:g}"},  # it ends before it is ended
            secrets={name: self._secret(order, name) for name in order.secrets},
            mirror=str(self._root / MIRRORS / mirror_name(repository)),
        )

    def _secret(self, order: Order, name: str) -> str:
        """Read a granted secret; one line end at its end is the editor's, not the secret's."""
        if not PROJECT.fullmatch(order.project) or not NAME.fullmatch(name):
            raise UserError(
                f"starting {order.run_id}: {order.project!r} or {name!r} is no name of a project and a secret"
            )
        path = self._secrets / order.project / name
        doing = f"starting {order.run_id}: the secret {name}"
        try:
            value = path.read_bytes().decode(errors="surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(
                f"{doing} is not granted to project {order.project}; the operator writes its value into {path}"
            ) from None
        except OSError as error:
            raise UserError(f"{doing} cannot be read from {path}: {error.strerror}; mend its permissions") from error
        if "\0" in value:
            raise UserError(f"{doing} has a zero byte in it, which no environment can hold; encode it in {path}")
        return value.removesuffix("\n").removesuffix("\r")


def _absolute(repository: str) -> str:
    """Resolve a local path here: the keeper lives elsewhere."""
    could_be = repository and "://" not in repository and not repository.startswith("-")
    is_local = could_be and Path(repository).exists()
    return str(Path(repository).resolve()) if is_local else repository


def _last_sign(place: RunFolder) -> datetime:
    """Return when a vanished run was last seen alive: the same moment, whoever asks and whenever."""
    signs = [path.stat().st_mtime for path in (place.started, place.running, place.log) if path.exists()]
    return datetime.fromtimestamp(max(signs), UTC)
