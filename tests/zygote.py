"""A process that has imported SQLMesh once and forks a process for every command, because the import takes seconds.

The forked process is a process of its own: it has its own environment, files and signals and can be killed. Run as a
program this file is the zygote; imported it is how a test talks to it: one JSON object per line, there and back.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class Zygote:
    """Starts the zygote when it is first needed; one per test process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self, program: str, arguments: list[str], environ: dict[str, str], out: Path, err: Path) -> int:
        """Fork a process that runs `program` (meshrun, sqlmesh, or an executable's path); return its pid."""
        request = {"program": program, "arguments": arguments, "environ": environ, "out": str(out), "err": str(err)}
        return int(self._ask(request))

    def poll(self, pid: int) -> int | None:
        """Ask for the exit code of a process, None while it runs, negative for a signal."""
        code: int | None = self._ask({"poll": pid})
        return code

    def _ask(self, request: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        with self._lock:
            if self._process is None:
                self._process = self._born()
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    @staticmethod
    def _born() -> subprocess.Popen[str]:
        environ = os.environ | {"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true", "MAX_FORK_WORKERS": "1"}
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
        )
        atexit.register(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


ZYGOTE = Zygote()


def _serve() -> None:
    import sqlmesh.cli.main  # noqa: F401 - paid once, here

    import meshrun.project  # noqa: F401 - the same

    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        answer = _reap(request["poll"]) if "poll" in request else _fork(request, replies.fileno())
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def _reap(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _fork(request: dict[str, Any], replies: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.close(replies)
        os.environ.clear()
        os.environ.update(request["environ"])
        for number, name, flags in ((0, "/dev/null", os.O_RDONLY), (1, request["out"], 0), (2, request["err"], 0)):
            descriptor = os.open(name, flags or os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(descriptor, number)
        os.chdir(Path(request["out"]).parent)  # SQLMesh leaves its logs where it is started
        program = request["program"]
        if Path(program).is_absolute():
            os.execv(program, [program, *request["arguments"]])  # noqa: S606 - a real program, for other versions
        code = _main(program, request["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the forked process must end here
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _main(program: str, arguments: list[str]) -> int:
    if program == "meshrun":
        from meshrun.__main__ import main

        return main(arguments)
    from sqlmesh.cli.main import cli

    cli(arguments, standalone_mode=True)
    return 0


if __name__ == "__main__":
    _serve()
