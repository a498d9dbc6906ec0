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
from collections.abc import Sequence
from pathlib import Path

from . import describe
from .report import Report, stamp
from .stop import Cancelled, Stop

EXIT_CODES = {"succeeded": 0, "noop": 0, "failed": 1, "partial": 3, "interrupted": 4, "cancelled": 5}
USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    if "describe" in options:
        return int(options.describe(options))
    report = Report(_take_stdout())
    stop = Stop.from_environment()
    stop.listen()
    code = int(options.command(options, report, stop))
    if stop.is_overdue:  # worker threads still hang in queries that nobody waits for any more
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(options: argparse.Namespace, report: Report, stop: Stop) -> int:
    began = time.monotonic()
    next_due, error = None, None
    try:
        from . import project
        from .errors import root_cause
        from .work import InterruptedRunError

        request = project.Request(
            path=options.path,
            environment=options.environment,
            select=tuple(options.select),
            job=options.job,
            run_id=options.run_id,
            retry_of=options.retry_of,
            width=options.max_concurrent_models,
            start=options.start,
            end=options.end,
        )
        try:
            result = project.run(request, report, stop)
            outcome, next_due, code = result.outcome, result.next_due, EXIT_CODES[result.outcome]
        except InterruptedRunError:
            outcome, error = "interrupted", "a plan changed the environment; the next run continues"
            code = EXIT_CODES[outcome]
        except project.ProjectError as problem:
            outcome, error, code = "failed", str(problem), USAGE
        except Exception as problem:
            if isinstance(problem, Cancelled):
                raise
            outcome, error, code = "failed", root_cause(problem), EXIT_CODES["failed"]
    except Cancelled:
        outcome, error, code = "cancelled", "asked to stop", EXIT_CODES["cancelled"]
    if error:
        print(error, file=sys.stderr)  # noqa: T201 - for a person who reads the log
    report.end(outcome, seconds=time.monotonic() - began, next_due=next_due, error=error)
    return code


def _janitor(options: argparse.Namespace, report: Report, _stop: Stop) -> int:
    from . import project
    from .errors import root_cause

    began = time.monotonic()
    try:
        project.janitor(options.path)
    except Exception as problem:  # noqa: BLE001 - whatever a project raises ends it, and is said
        report.end("failed", seconds=time.monotonic() - began, error=root_cause(problem))
        return USAGE if isinstance(problem, project.ProjectError) else EXIT_CODES["failed"]
    report.end("succeeded", seconds=time.monotonic() - began)
    return EXIT_CODES["succeeded"]


def _claims(options: argparse.Namespace, report: Report, _stop: Stop) -> int:
    from . import project

    try:
        rows = project.claims(options.path, options.release)
    except project.ProjectError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - for a person
        return USAGE
    for row in rows:
        report.claim(
            name=row.key,
            model=row.model,
            run_id=row.run_id,
            job=row.job,
            taken_at=stamp(row.taken_at),
            expires_at=stamp(row.expires_at),
            expired=not row.held,
            released=options.release is not None,
        )
    if options.release and not rows:
        print(f"releasing {options.release}: nobody holds it", file=sys.stderr)  # noqa: T201 - for a person
        return EXIT_CODES["failed"]
    return EXIT_CODES["succeeded"]


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
        type=_positive,
        default=os.environ.get("MAX_CONCURRENT_MODELS") or "5",
        metavar="N",
        help="how many models are evaluated at once (default: MAX_CONCURRENT_MODELS, or 5)",
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


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of models; write 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
