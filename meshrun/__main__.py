"""The command line of a run: arguments, wiring, exit codes.

`meshrun run PATH ENVIRONMENT`, `meshrun janitor PATH`, `meshrun claims PATH [--release NAME]`, and
`meshrun describe PATH`, which prints a graph instead of report lines. Exit codes: 0 succeeded
or nothing to do, 1 failed, 2 the command or the project is wrong, 3 partial, 4 interrupted by a plan, 5 cancelled.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import environ
from .errors import ProjectError, root_cause
from .graph import describe
from .report import Report, stamp
from .stop import Cancelled, Stop
from .tenure import Row
from .work import InterruptedRunError

EXIT_CODES = {"succeeded": 0, "noop": 0, "failed": 1, "partial": 3, "interrupted": 4, "cancelled": 5}
USAGE = 2


@dataclass(frozen=True)
class Ended:
    """How a command ended, what is said about it, and when something is due next if nothing was."""

    outcome: str
    error: str | None = None
    next_due: datetime | None = None
    wrong: bool = False
    """Whether the command or the project is to be changed before it is worth trying again."""

    @property
    def code(self) -> int:
        """The exit code."""
        return USAGE if self.wrong else EXIT_CODES[self.outcome]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    if "describe" in options:
        return int(options.describe(options))
    report = Report(_take_stdout())
    try:
        stop = Stop(environ.GRACE.value())
    except ProjectError as problem:
        _say(str(problem))
        return USAGE
    code = _perform(options, report, stop)
    if stop.is_overdue:  # worker threads still hang in queries that nobody waits for any more
        sys.stderr.flush()
        os._exit(code)
    return code


def _perform(options: argparse.Namespace, report: Report, stop: Stop) -> int:
    began = time.monotonic()
    try:
        stop.listen()
        try:
            ended = _judged(lambda: options.command(options, report, stop))
        finally:
            stop.close()
    except Cancelled:
        ended = Ended("cancelled", "asked to stop")
    if ended.error:
        _say(ended.error)
    if options.command is not _claims:
        seconds = time.monotonic() - began
        report.end(ended.outcome, seconds=seconds, next_due=ended.next_due, error=ended.error)
    return ended.code


def _judged(command: Callable[[], Ended]) -> Ended:
    """Run a command; say how it ended also where it ended by an error."""
    try:
        return command()
    except Cancelled:
        raise
    except InterruptedRunError:
        return Ended("interrupted", "a plan changed the environment; the next run continues")
    except ProjectError as problem:
        return Ended("failed", str(problem), wrong=True)
    except Exception as problem:  # noqa: BLE001 - whatever a project raises ends it, and is said
        return Ended("failed", root_cause(problem))


def _run(options: argparse.Namespace, report: Report, stop: Stop) -> Ended:
    from . import project

    request = project.Request(
        path=options.path,
        environment=options.environment,
        select=tuple(options.select),
        job=options.job,
        run_id=options.run_id,
        retry_of=options.retry_of,
        width=options.max_concurrent_models or int(environ.WIDTH.value()),
        start=options.start,
        end=options.end,
    )
    result = project.run(request, report, stop)
    return Ended(result.outcome, next_due=result.next_due)


def _janitor(options: argparse.Namespace, _report: Report, _stop: Stop) -> Ended:
    from . import project

    project.janitor(options.path)
    return Ended("succeeded")


def _claims(options: argparse.Namespace, report: Report, _stop: Stop) -> Ended:
    from . import project

    rows = project.claims(options.path, options.release)
    for row in rows:
        report.claim(**_claim(row, released=options.release is not None))
    if options.release and not rows:
        return Ended("failed", f"releasing {options.release}: nobody holds it; `meshrun claims` lists what is held")
    return Ended("succeeded")


def _claim(row: Row, *, released: bool) -> dict[str, Any]:
    return {
        "name": row.key,
        "model": row.model,
        "run_id": row.run_id,
        "job": row.job,
        "taken_at": stamp(row.taken_at),
        "expires_at": stamp(row.expires_at),
        "expired": not row.held,
        "released": released,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - for a person who reads the log


def _take_stdout() -> int:
    """Keep standard output for report lines; whatever the project prints goes to standard error."""
    sys.stdout.flush()
    descriptor = os.dup(1)
    os.dup2(2, 1)
    return descriptor


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="meshrun", description="Run a SQLMesh project so that no model runs twice.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="evaluate what an environment owes")
    run.add_argument("path", type=Path, metavar="PATH", help="the project's folder")
    run.add_argument("environment", metavar="ENVIRONMENT", help="such as prod")
    run.add_argument("--select", action="append", default=[], metavar="S", help="a SQLMesh selector; may be repeated")
    run.add_argument("--job", metavar="NAME", help="later runs of one job leave to earlier ones what those hold")
    run.add_argument("--run-id", metavar="ID", help="processes with one id share one run")
    run.add_argument("--retry-of", metavar="ID", help="a run whose claims are waited for, although of the same job")
    run.add_argument("--start", help="first moment to consider")
    run.add_argument("--end", help="last moment to consider")
    run.add_argument(
        "--max-concurrent-models",
        type=_models,
        metavar="N",
        help=f"how many models are evaluated at once (default: {environ.WIDTH.name}, or {environ.WIDTH.default})",
    )
    run.set_defaults(command=_run)
    janitor = commands.add_parser("janitor", help="clean up what has expired")
    janitor.add_argument("path", type=Path, metavar="PATH", help="the project's folder")
    janitor.set_defaults(command=_janitor)
    claims = commands.add_parser("claims", help="list the held claims, or release one")
    claims.add_argument("path", type=Path, metavar="PATH", help="the project's folder")
    claims.add_argument("--release", metavar="NAME", help="a claim's or a model's name")
    claims.set_defaults(command=_claims)
    describe.add_command(commands)
    return parser


def _models(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of models; write 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
