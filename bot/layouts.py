"""Answers laid out as pages, one layout for each command that has something to show.

The rule: a page says in words what the answer that `--json` prints says, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from bot import proposals, shapes, topologyshapes
from bot.chatops.grammar import Reply
from bot.pages import CHECKS, MODELS, STATES, Cell, Clock, Line, Page, Table, Tone, duration

if TYPE_CHECKING:
    from scheduler import draw


def state(name: str) -> Cell:
    """Show the state of a run."""
    return Cell(name.replace("_", " "), STATES.get(name, Tone.BAD))


def took(run: shapes.Run, clock: Clock) -> str:
    """Word how long a run has taken, or has been going."""
    if run["started_at"] is None:
        return "-"
    end = datetime.fromisoformat(run["ended_at"]) if run["ended_at"] else clock.now
    return duration(max(0.0, (end - datetime.fromisoformat(run["started_at"])).total_seconds()))


def jobs_table(jobs: Sequence[shapes.Job], clock: Clock, title: str = "") -> Table:
    """Show jobs with their schedule in words."""
    rows = tuple(
        (
            Cell(f"{job['project']}/{job['job']}", Tone.STRONG),
            Cell(job["words"]),
            _due(job, clock),
            Cell(job["type"] if job["type"] == "janitor" else job["environment"]),
            Cell(", ".join(job["select"]) or "every model", Tone.PLAIN if job["select"] else Tone.FAINT),
        )
        for job in jobs
    )
    empty = "No jobs yet: commit a meshbot.yaml to the branch that `meshbot up` follows."
    return Table(("job", "schedule", f"next ({clock.zone_name})", "environment", "models"), rows, title, empty)


def runs_table(runs: Sequence[shapes.Run], clock: Clock, title: str = "", empty: str = "No runs yet.") -> Table:
    """Show runs, in the order given."""
    rows = tuple(
        (
            Cell(run["id"], Tone.STRONG),
            state(run["state"]),
            Cell(run["trigger"].replace("_", " ") + (f" #{run['attempt']}" if run["attempt"] > 1 else "")),
            Cell(clock.at(run["started_at"] or run["created_at"])),
            Cell(took(run, clock)),
            Cell(_first_line(run["message"]), Tone.FAINT),
        )
        for run in runs
    )
    return Table(("run", "state", "why", "began", "took", ""), rows, title, empty)


def models_table(models: Sequence[shapes.Model]) -> Table:
    """Show what became of each model, the failed ones first."""
    order = {"failed": 0, "blocked": 1, "evaluated": 2}
    rows = tuple(
        (
            Cell(model["model"], Tone.STRONG),
            Cell(model["status"].replace("_", " "), MODELS.get(model["status"], Tone.WARNING)),
            Cell(f"{model['seconds']:.1f} s" if model["seconds"] else ""),
            Cell(f"{model['rows']:,}" if model["rows"] is not None else ""),
            Cell(_because(model), Tone.FAINT),
        )
        for model in sorted(models, key=lambda model: order.get(model["status"], 3))
    )
    return Table(("model", "result", "took", "rows", ""), rows, empty="No model was reported.")


def reply_page(reply: Reply, prefix: str = "meshbot") -> Page:
    """Lay out what was done, and the commands that come next."""
    width = max((len(step.command) for step in reply.next), default=0)
    steps = (
        Line((Cell(f"  {prefix} {step.command:{width}}", Tone.STRONG), Cell(f"  {step.purpose}", Tone.FAINT)))
        for step in reply.next
    )
    return Line((Cell(reply.text),)), *steps


def drawing(lines: Sequence[draw.Line], answer: shapes.Answer) -> Page:
    """Lay out the graph of the models, coloured by job."""
    return proposals.graph(lines, answer)


def page(command: str, answer: shapes.Answer, clock: Clock) -> Page:
    """Lay out the answer of a command. A command without a page of its own has only its reply."""
    layout = LAYOUTS.get(command)
    return layout(answer, clock) if layout else ()


def _validate(answer: shapes.Answer, _clock: Clock) -> Page:
    parts: list[Line | Table] = []
    for file in cast("shapes.ValidateAnswer", answer)["files"]:
        if not file["faults"]:
            jobs = file["jobs"]
            text = f"{file['path']}: project {file['project']}, {len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}"
            parts.append(Line((_verdict(file["findings"]), Cell(f" {text}"))))
            parts += proposals.findings(file["path"], file["findings"])
        else:
            parts += faults(file["path"], file["faults"])
    return tuple(parts)


def faults(path: str, found: Sequence[shapes.Fault]) -> list[Line]:
    """Show what is wrong in a file, each fault with its place first, so that an editor can jump to it."""
    count = f"{len(found)} {'fault' if len(found) == 1 else 'faults'}"
    lines = [Line((CHECKS["broken"], Cell(f" {path}: {count}", Tone.STRONG)))]
    for fault in found:
        place = f"  {path}:{fault['line']}:{fault['column']}: "
        key = f"{fault['path']}: " if fault["path"] else ""
        lines.append(Line((Cell(place, Tone.FAINT), Cell(key, Tone.STRONG), Cell(fault["problem"]))))
        if fault["remedy"]:
            lines.append(Line((Cell("      → ", Tone.FAINT), Cell(fault["remedy"], Tone.GOOD))))
    return lines


def _jobs(answer: shapes.Answer, clock: Clock) -> Page:
    return (jobs_table(cast("shapes.JobsAnswer", answer)["jobs"], clock),)


def _runs(answer: shapes.Answer, clock: Clock) -> Page:
    return (runs_table(cast("shapes.RunsAnswer", answer)["runs"], clock),)


def _run(answer: shapes.Answer, clock: Clock) -> Page:
    found = cast("shapes.RunAnswer", answer)
    if found["run"]["ended_at"] is None:
        return ()
    run = found["run"]
    cells = [Cell(f"{run['id']} ", Tone.STRONG), state(run["state"]), Cell(f" after {took(run, clock)}")]
    if run["message"]:
        cells.append(Cell(f": {run['message']}", Tone.FAINT))
    return (Line(tuple(cells)), models_table(found["models"])) if found["models"] else (Line(tuple(cells)),)


def _status(answer: shapes.Answer, clock: Clock) -> Page:
    found = cast("shapes.StatusAnswer", answer)
    parts: list[Line | Table] = [
        Line((Cell("✖ ", Tone.BAD), Cell(f"{one['project']}/{one['job']}", Tone.STRONG), Cell(_trouble(one, clock))))
        for one in found["incidents"]
    ]
    parts.append(runs_table(found["active"], clock, "Running", "Nothing runs."))
    if found["next"] or not found["jobs"]:
        parts.append(jobs_table(found["next"], clock, "Next"))
    if found["paused"]:
        parts.append(jobs_table(found["paused"], clock, "Paused"))
    if found["ended"]:
        parts.append(runs_table(found["ended"], clock, "Last"))
    return tuple(parts)


def _claims(answer: shapes.Answer, clock: Clock) -> Page:
    rows = tuple(
        (
            Cell(claim["project"]),
            Cell(claim["model"], Tone.STRONG),
            Cell(claim["run"] or "-"),
            Cell(clock.at(claim["taken_at"])),
            Cell(clock.at(claim["expires_at"])),
        )
        for claim in cast("shapes.ClaimsAnswer", answer)["claims"]
    )
    return (Table(("project", "model", "held by", "since", "expires"), rows, empty="No model is held."),)


def _doctor(answer: shapes.Answer, _clock: Clock) -> Page:
    parts: list[Line | Table] = []
    for check in cast("shapes.DoctorAnswer", answer)["checks"]:
        parts.append(Line((CHECKS[check["state"]], Cell(f" {check['name']}: ", Tone.STRONG), Cell(check["found"]))))
        if check["remedy"]:
            parts.append(Line((Cell("    → ", Tone.FAINT), Cell(check["remedy"], Tone.WARNING))))
    return tuple(parts)


def _setup(answer: shapes.Answer, clock: Clock) -> Page:
    lines = cast("shapes.SetupAnswer", answer)["settings"]
    if not lines:
        return _doctor(answer, clock)
    head = Line((Cell("The App is created. Set this for every process of Meshbot:"),))
    rows = tuple(Line((Cell(f"  {line}", Tone.STRONG),)) for line in lines)
    kept = Line((Cell("The key and the secret are in these files, and nowhere else: keep them safe."),))
    return (head, *rows, kept, *_doctor(answer, clock))


def _verdict(findings: Sequence[topologyshapes.Finding]) -> Cell:
    levels = {one["level"] for one in findings}
    return CHECKS["broken" if "error" in levels else "warning" if "warning" in levels else "ok"]


LAYOUTS: dict[str, Callable[[shapes.Answer, Clock], Page]] = {
    "validate": _validate,
    "generate": proposals.generate,
    "diff": proposals.diff,
    "jobs": _jobs,
    "runs": _runs,
    "run": _run,
    "retry": _run,
    "status": _status,
    "claims": _claims,
    "doctor": _doctor,
    "setup-github": _setup,
}


def _due(job: shapes.Job, clock: Clock) -> Cell:
    pause = job["paused"]
    if pause is None:
        return Cell(clock.until(job["next_tick"]))
    until = f" until {clock.at(pause['until'])}" if pause["until"] else ""
    return Cell(f"paused{until}: {pause['reason']}", Tone.WARNING)


def _because(model: shapes.Model) -> str:
    if model["error"]:
        return _first_line(model["error"])
    if model["blocked_by"]:
        return f"behind {', '.join(model['blocked_by'])}"
    return f"held by {model['held_by']}" if model["held_by"] else ""


def _trouble(one: shapes.Incident, clock: Clock) -> str:
    since = f" fails since {clock.at(one['since'])}" if one["since"] else " fails"
    return f"{since}; meshbot logs {one['run']}" if one["run"] else since


def _first_line(text: str | None) -> str:
    return text.strip().splitlines()[0] if text and text.strip() else ""
