"""A place where runs run, with a real git repository, for the tests of launchers and of what drives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from waiting import until

from scheduler.launchers import Order, Source, folder
from scheduler.launchers.folder import RunFolder
from scheduler.launchers.process import ProcessLauncher
from scheduler.observations import Exited, Running

PROGRAM = (sys.executable, "-I", "-S", str(Path(__file__).parent / "data" / "program.py"))


def git(*arguments: str, at: Path) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=at, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_repository(path: Path, files: dict[str, str] | None = None) -> str:
    """Make a repository with one commit and return its hash."""
    path.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main", at=path)
    return commit(path, files or {"project/marker.txt": "first"})


def commit(path: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    git("add", "--all", at=path)
    git("commit", "--quiet", "--message", "a change", at=path)
    return git("rev-parse", "HEAD", at=path)


@dataclass
class Place:
    """A launcher in a folder, and orders for it."""

    root: Path
    launcher: ProcessLauncher
    repository: Path
    sha: str
    launched: list[str] = field(default_factory=list)

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    def grant(self, name: str, value: str, project: str = "shop") -> None:
        path = self.secrets / project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)

    def order(self, run_id: str, *steps: str, **fields: Any) -> Order:  # noqa: ANN401 - any field of an order
        source = Source(str(self.repository), self.sha, "project")
        order = Order(run_id, "shop", "hourly", source, tuple(steps), timedelta(seconds=60))
        return replace(order, **fields)

    def launch(self, run_id: str, *steps: str, **fields: Any) -> str:  # noqa: ANN401 - the same
        self.launcher.launch(self.order(run_id, *steps, **fields))
        self.launched.append(run_id)
        return run_id

    def ended(self, run_id: str) -> Exited:
        """Wait for the end of a run."""

        def look() -> Exited | None:
            seen = self.launcher.observe(run_id)
            return seen if isinstance(seen, Exited) else None

        return until(look)  # type: ignore[return-value]

    def running(self, run_id: str) -> Running:
        def look() -> Running | None:
            seen = self.launcher.observe(run_id)
            return seen if isinstance(seen, Running) else None

        return until(look)  # type: ignore[return-value]

    def log(self, run_id: str) -> str:
        return b"".join(self.launcher.logs(run_id)).decode(errors="replace")

    def keeper(self, run_id: str) -> int:
        """Return the keeper's process id, once its run runs."""
        fact = until(lambda: folder.read(RunFolder(self.root, run_id).running))
        assert fact
        return int(fact["keeper"])

    def program(self, run_id: str) -> int | None:
        """Return the process id of the first process of a run, once it has been started."""
        listed = Path("/proc/{0}/task/{0}/children".format(self.keeper(run_id)))
        children = listed.read_text().split()
        return int(children[0]) if children else None

    def close(self) -> None:
        """End whatever still runs here, and see that it has."""
        for path in (self.root / "runs").glob("*"):
            if path.is_dir() and not path.name.startswith("."):
                self.launcher.cancel(path.name)
        until(lambda: alive_below(self.root) == [], timeout=20)


def make_place(root: Path, **options: Any) -> Place:  # noqa: ANN401 - of the launcher
    repository = root / "repository"
    sha = make_repository(repository)
    data = root / "data"
    data.mkdir()
    launcher = ProcessLauncher(
        data, data / "secrets", **{"program": PROGRAM, "grace": timedelta(seconds=0.5), **options}
    )
    return Place(data, launcher, repository, sha)


def alive_below(root: Path) -> list[int]:
    """List the processes that work in a folder below `root`, or have a file of it open."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _touches(entry, str(root))]


def _touches(process: Path, root: str) -> bool:
    if int(process.name) == os.getpid():
        return False
    with suppress(OSError):
        if str((process / "cwd").readlink()).startswith(root):
            return True
        return any(str(name.readlink()).startswith(root) for name in (process / "fd").iterdir())
    return False


def is_alive(pid: int) -> bool:
    """Say whether a process is there and not merely waiting to be taken leave of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
