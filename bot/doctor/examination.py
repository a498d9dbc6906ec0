"""`meshbot doctor`: looks at everything that Meshbot depends on, and says what to do.

The rule: a check changes nothing and never fails itself; what keeps it from looking is what it found. Whether the
clock, the workers and the watch are alive is told by what they leave undone, which shows a process that hangs, and
by their signs of life.
"""

from __future__ import annotations

import json
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Container, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bot import sandbox, shapes, versions
from bot.chatops.grammar import Request
from bot.doctor import githubchecks
from bot.doctor.checkup import BROKEN, OK, WARNING, check, looked
from bot.errors import ExitCode
from bot.services import START, Services
from scheduler import settings
from scheduler.errors import MeshbotError

if TYPE_CHECKING:
    from scheduler.runs import Run
    from scheduler.settings import Settings
    from scheduler.store import Heartbeat, JobRow, Store

LATE = timedelta(minutes=1)
LITTLE, TOO_LITTLE = 2 * 1024**3, 200 * 1024**2
PUBLIC = stat.S_IRWXG | stat.S_IRWXO


def doctor(_request: Request, as_json: bool) -> ExitCode:  # noqa: FBT001 - every entry is called alike
    """Look at everything and print what was found."""
    from bot.layouts import page
    from bot.pages import Clock
    from bot.terminal import Terminal

    terminal = Terminal()
    with terminal.progress("looking at everything"):
        checks = list(examine())
    answer: shapes.DoctorAnswer = {"ok": all(check["state"] != BROKEN for check in checks), "checks": checks}
    if as_json:
        print(json.dumps(answer, indent=2))  # noqa: T201
    else:
        terminal.show(page("doctor", answer, Clock(datetime.now(UTC))))
    return ExitCode.OK if answer["ok"] else ExitCode.FAILED


def examine() -> Iterator[shapes.Check]:
    """Look at one thing after the other; what depends on something broken is left out."""
    yield python(sys.version_info[:3])
    yield git()
    try:
        chosen = settings.load()
    except MeshbotError as error:
        yield sqlmesh()
        yield check("settings", BROKEN, str(error), "mend or unset the variables that are named")
        return
    if chosen.launcher == "process":
        yield sqlmesh()
    services = Services(chosen)
    yield looked("queue", partial(_queue, services))
    yield looked("logs", partial(_logs, services))
    yield disk(chosen.data_dir)
    yield slack(chosen)
    if chosen.github_app_id is not None:
        yield described(sandbox.why_not(chosen), "bubblewrap" if chosen.launcher == "process" else "pods")
        yield from githubchecks.examine(services, datetime.now(UTC))
    found = looked("database", partial(_database, services))
    yield found
    if found["state"] != BROKEN:
        yield from _of_store(chosen, services)
    services.close()


def python(version: Sequence[int]) -> shapes.Check:
    """Check the interpreter."""
    words = f"{platform.python_implementation()} {'.'.join(map(str, version))} in {sys.executable}"
    if tuple(version) < (3, 11):
        return check("python", BROKEN, words, "install Python 3.11 or newer, and Meshbot into it")
    return check("python", OK, words)


def git() -> shapes.Check:
    """Check that git is there and not ancient."""
    program = shutil.which("git")
    if program is None:
        return check("git", BROKEN, "it is not on PATH", "install git, or put it on PATH")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    found = versions.numbers(said)
    if found < (2, 31):
        return check("git", WARNING, said or "it does not say its version", "install git 2.31 or newer")
    return check("git", OK, said)


def sqlmesh() -> shapes.Check:
    """Check the SQLMesh of the interpreter in which local runs run."""
    wanted = versions.wanted("sqlmesh")
    try:
        found = metadata.version("sqlmesh")
    except metadata.PackageNotFoundError:
        return check("sqlmesh", BROKEN, f"none in {sys.prefix}", f"install it there: pip install 'sqlmesh{wanted}'")
    if not versions.fits(found, wanted):
        return check("sqlmesh", BROKEN, f"{found}; supported is {wanted}", f"pip install 'sqlmesh{wanted}'")
    return check("sqlmesh", OK, f"{found} (supported is {wanted})")


def disk(folder: Path) -> shapes.Check:
    """Check the space that is left for the data folder."""
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    words = f"{free / 1024**3:.1f} GiB free for {folder}"
    if free < LITTLE:
        state = BROKEN if free < TOO_LITTLE else WARNING
        return check("disk", state, words, "make room, or set MESHBOT_DATA_DIR to a folder with more")
    return check("disk", OK, words)


def slack(chosen: Settings) -> shapes.Check:
    """Check that alerts have somewhere to go."""
    if chosen.slack_bot_token is not None:
        where = f"a bot token; alerts that name no channel go to {chosen.slack_channel or 'nobody'}"
        remedy = None if chosen.slack_channel else "set MESHBOT_SLACK_CHANNEL, so that every alert has a channel"
        return check("slack", WARNING if remedy else OK, where, remedy)
    if chosen.slack_webhook_url is not None:
        return check("slack", OK, "an incoming webhook; channels chosen per job, and threads, need a bot token")
    return check(
        "slack", WARNING, "not set up: alerts are kept and told to nobody",
        "set MESHBOT_SLACK_WEBHOOK_URL, or MESHBOT_SLACK_BOT_TOKEN and MESHBOT_SLACK_CHANNEL",
    )  # fmt: skip


def described(reason: str | None, where: str = "bubblewrap") -> shapes.Check:
    """Check that the projects of pull requests can be described; `reason` is why there is no sandbox."""
    if reason is not None:
        found, _, remedy = reason.partition("; ")
        return check("sandbox", BROKEN, f"pull requests are not described: {found}", remedy)
    return check("sandbox", OK, f"projects of pull requests are described in {where}")


def secrets(folder: Path, jobs: Sequence[JobRow]) -> shapes.Check:
    """Check that every secret that a job names was granted, and that nobody else can read them."""
    named = sorted({(row.project, name) for row in jobs for name in row.job.secrets})
    missing = [f"{project}/{name}" for project, name in named if not (folder / project / name).is_file()]
    if missing:
        remedy = f"put each value into a file of that name in {folder}, or take the name out of the job"
        return check("secrets", BROKEN, f"not granted: {', '.join(missing)}", remedy)
    if not folder.exists():
        return check("secrets", OK, "no job names one")
    if open_ones := [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & PUBLIC]:
        words = f"others may read {open_ones[0]}{f' and {len(open_ones) - 1} more' if open_ones[1:] else ''}"
        return check("secrets", WARNING, words, f"chmod -R go= {folder}")
    return check("secrets", OK, f"{len(named)} named by jobs, all granted")


def clock(next_due: datetime | None, now: datetime) -> shapes.Check:
    """Check that ticks are served."""
    if next_due is not None and now - next_due > LATE:
        return check(
            "clock", BROKEN, f"a job is due since {next_due:%Y-%m-%d %H:%M} UTC", f"start `meshbot clock`, or {START}"
        )
    return check("clock", OK, "no job is overdue")


def worker(waiting: Sequence[str]) -> shapes.Check:
    """Check that queued runs are started; `waiting` has waited for longer than `LATE`."""
    if waiting:
        words = f"{len(waiting)} queued and not started, the oldest is {waiting[0]}"
        return check("worker", BROKEN, words, f"start `meshbot worker`, or {START}")
    return check("worker", OK, "no run waits to be started")


def watch(late: Sequence[str]) -> shapes.Check:
    """Check that runs are followed; `late` are starting for longer than they may, or ran past their timeout."""
    if late:
        words = f"{len(late)} {'runs are' if late[1:] else 'run is'} not followed to the end: {late[0]}"
        return check("watch", BROKEN, words, f"start `meshbot watch`, or {START}")
    return check("watch", OK, "every run is followed")


def living(found: shapes.Check, beats: Sequence[Heartbeat], silent: timedelta, now: datetime) -> shapes.Check:
    """Check also that there is such a process, where it has left nothing undone so far."""
    mine = [one for one in beats if one.process == found["name"]]
    alive = sum(now - one.at <= silent for one in mine)
    if found["state"] != OK or alive:
        return {**found, "found": f"{found['found']}; {alive} alive"}
    last = f", the last one was heard of at {mine[0].at:%Y-%m-%d %H:%M} UTC" if mine else ""
    return check(found["name"], BROKEN, f"none is alive{last}", f"start `meshbot {found['name']}`, or {START}")


def alerts(unsent: Sequence[tuple[str, str | None]]) -> shapes.Check:
    """Check that alerts reach people; `unsent` are those that were tried in vain, with the reason."""
    if unsent:
        return check(
            "alerts", WARNING, f"{len(unsent)} not sent: {unsent[0][1]}", "mend that; they are kept, and tried again"
        )
    return check("alerts", OK, "none is stuck")


def repositories(paths: Sequence[str]) -> shapes.Check:
    """Check that the repositories from which runs are fetched are still there."""
    gone = [path for path in paths if path.startswith("/") and not Path(path).exists()]
    if gone:
        return check(
            "repository", BROKEN, f"{gone[0]} is gone", "bring it back, or follow another one with `meshbot up`"
        )
    return check("repository", OK, ", ".join(paths) or "none is followed yet")


def _of_store(chosen: Settings, services: Services) -> Iterator[shapes.Check]:
    from scheduler.store import SILENT

    store, now = services.store, datetime.now(UTC)
    active, beats = store.active(), store.heartbeats()
    paused = {(row.project, row.name) for row in store.jobs() if row.paused(now)}
    queued = [run.id for run in active if _should_have_started(run, now) and (run.project, run.job) not in paused]
    watched = {one.place for one in beats if one.process == "watch" and now - one.at <= SILENT}
    late = [run.id for run in active if _is_unfollowed(run, watched, now)]
    unsent = [(alert.key, alert.last_error) for alert in store.alerts() if alert.last_error]
    yield looked("clock", lambda: living(clock(store.next_due(), now), beats, SILENT, now))
    yield looked("worker", lambda: living(worker(queued), beats, SILENT, now))
    yield looked("watch", lambda: living(watch(late), beats, SILENT, now))
    yield looked("alerts", lambda: alerts(unsent))
    if chosen.launcher == "process":
        yield looked("secrets", lambda: secrets(chosen.secrets, store.jobs()))
    yield looked("repository", lambda: repositories(sorted({row.repository for row in store.projects()})))


def _should_have_started(run: Run, now: datetime) -> bool:
    return run.state.value == "queued" and now - max(run.since, run.not_before or run.since) > LATE


def _is_unfollowed(run: Run, watched: Container[str | None], now: datetime) -> bool:
    """Whether nobody looks at the place of the run, or it is long past the time that it may take."""
    if run.state.value == "queued" or now - run.since < LATE:
        return False
    is_past = run.started_at is not None and now - run.started_at > run.spec.timeout + 5 * LATE
    return is_past or (run.place is not None and run.place not in watched)


def _queue(services: Services) -> shapes.Check:
    if services.queues is None:
        return check(
            "queue", BROKEN, "no Valkey is set, and no `meshbot up` runs here", f"{START}, or set MESHBOT_REDIS_URL"
        )
    services.queues.ping()
    return check("queue", OK, (services.redis_url or "").rsplit("@", 1)[-1])


def _logs(services: Services) -> shapes.Check:
    services.logs.check()
    return check("logs", OK, services.settings.logs)


def _database(services: Services) -> shapes.Check:
    store: Store = services.store
    try:
        store.projects()
        store.alerts(limit=1)
    except MeshbotError as error:
        return check("database", BROKEN, str(error), "run `meshbot migrate`")
    return check("database", OK, services.settings.database.rsplit("@", 1)[-1])
