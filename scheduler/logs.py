"""What runs have printed: live while they run, and kept after them. The only door to fsspec.

The rule: a kept log is never replaced by a shorter one, so keeping it twice, or once more when the run's place has been
cleared away already, does no harm. What arrives here is redacted: the keeper of a run takes the secrets out.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from scheduler.errors import Retryable, UserError

RUN_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
IN_MEMORY = 1 << 20
CHUNK = 1 << 20


def live_log(data_dir: Path, run_id: str) -> Path:
    """Say where the process launcher writes the log of a run that it has not forgotten yet."""
    return data_dir / "runs" / _checked(run_id) / "log"


class Logs:
    """The logs kept in the folder at an fsspec `url`; those of living runs are read in `data_dir`.

    Raises `UserError` when no file system fits the URL.
    """

    def __init__(self, url: str, data_dir: Path) -> None:
        import fsspec

        self._data_dir = data_dir
        try:
            self._files, folder = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UserError(f"opening the folder of logs, MESHBOT_LOGS_URL: {error}") from error
        self._folder = str(folder).rstrip("/")

    def keep(self, run_id: str, chunks: Iterable[bytes]) -> None:
        """Keep the log of a run. Harmless to repeat. Raises `Retryable` when the file system does not take it."""
        path = self._path(run_id)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
            for chunk in chunks:
                spool.write(chunk)
            size = spool.tell()
            try:
                if size > self._size(path):
                    spool.seek(0)
                    self._write(path, spool)
            except OSError as error:
                raise Retryable(f"keeping the log of {run_id}: {error}") from error

    def read(self, run_id: str, offset: int = 0) -> bytes:
        """Return what a run has printed from byte `offset` to now; empty when there is none.

        A run's live log and its kept one have the same bytes, so an offset stays true across its end.
        """
        try:
            with live_log(self._data_dir, run_id).open("rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return self._kept(run_id, offset)

    def tail(self, run_id: str, length: int) -> tuple[bytes, bool]:
        """Return the last bytes of what a run has printed so far, and whether there is more before them."""
        try:
            with live_log(self._data_dir, run_id).open("rb") as file:
                start = max(0, file.seek(0, io.SEEK_END) - length)
                file.seek(start)
                return file.read(length), start > 0
        except FileNotFoundError:
            start = max(0, self._size(self._path(run_id)) - length)
            return self._kept(run_id, start), start > 0

    def remove(self, run_id: str) -> None:
        """Remove the kept log of a run, if there is one. Raises `Retryable` when the file system does not let it go."""
        try:
            self._files.rm_file(self._path(run_id))
        except FileNotFoundError:
            return
        except OSError as error:
            raise Retryable(f"removing the log of {run_id}: {error}") from error

    def exists(self, run_id: str) -> bool:
        """Say whether the log of a run is kept."""
        return self._size(self._path(run_id)) >= 0

    def keep_promoted(self, place: tuple[str, str], at: datetime, models: Mapping[str, str]) -> None:
        """Keep what was promoted `at` a moment in an environment: `place` is the project and its name.

        What is kept of a later moment stays. Raises `Retryable` when the file system does not take it.
        """
        if (kept := self._promoted(place)) and str(kept["at"]) > at.isoformat():
            return
        project, environment = place
        text = json.dumps({"project": project, "environment": environment, "at": at.isoformat(), "models": {**models}})
        try:
            self._write(self._promoted_path(place), io.BytesIO(text.encode()))
        except OSError as error:
            raise Retryable(f"keeping what is promoted in {environment} of {project}: {error}") from error

    def promoted(self, project: str, environment: str) -> dict[str, str] | None:
        """Return what the last run that said it found promoted: models with the hash of their data; None if none did.

        Raises `Retryable` when the file system does not answer.
        """
        kept = self._promoted((project, environment))
        return None if kept is None else {str(name): str(of) for name, of in kept["models"].items()}

    def check(self) -> None:
        """Write, read and remove a file. Raises `Retryable` with the file system's words when that fails."""
        path = f"{self._folder}/.check-{uuid.uuid4().hex}"
        try:
            self._files.makedirs(self._folder, exist_ok=True)
            self._files.pipe_file(path, b"written to see whether logs can be kept")
            self._files.rm_file(path)
        except OSError as error:
            raise Retryable(f"writing into the folder of logs {self._folder}: {error}") from error

    def _kept(self, run_id: str, offset: int) -> bytes:
        try:
            if offset and self._size(self._path(run_id)) <= offset:
                return b""
            return bytes(self._files.cat_file(self._path(run_id), start=offset or None))
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Retryable(f"reading the log of {run_id}: {error}") from error

    def _promoted(self, place: tuple[str, str]) -> dict[str, Any] | None:
        try:
            found = json.loads(self._files.cat_file(self._promoted_path(place)))
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise Retryable(f"reading what is promoted in {place[1]} of {place[0]}: {error}") from error
        return found if isinstance(found, dict) and {"at", "models"} <= found.keys() else None

    def _promoted_path(self, place: tuple[str, str]) -> str:
        """Name the file by a hash: an environment may be called anything, also what no path may have."""
        return f"{self._folder}/promoted-{hashlib.sha256(json.dumps(place).encode()).hexdigest()[:32]}.json"

    def _write(self, path: str, spool: IO[bytes]) -> None:
        """Write the file aside and move it, where files are not whole from the start as objects in a store are."""
        is_local = "file" in _protocols(self._files)
        target = f"{path}.{uuid.uuid4().hex}" if is_local else path
        self._files.makedirs(self._folder, exist_ok=True)
        with self._files.open(target, "wb") as file:
            while chunk := spool.read(CHUNK):
                file.write(chunk)
        if target != path:
            Path(target).replace(path)

    def _size(self, path: str) -> int:
        """Return a file's size, -1 when there is none."""
        self._files.invalidate_cache()
        try:
            return int(self._files.size(path) or 0)
        except FileNotFoundError:
            return -1

    def _path(self, run_id: str) -> str:
        return f"{self._folder}/{_checked(run_id)}.log"


def _protocols(files: Any) -> tuple[str, ...]:  # noqa: ANN401 - fsspec has no types
    protocol = files.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _checked(run_id: str) -> str:
    if not RUN_ID.fullmatch(run_id):
        raise UserError(f"{run_id[:80]!r} is no run; `meshbot runs` lists them")
    return run_id
