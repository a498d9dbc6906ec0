"""Every fault of a job file in one report: what is said of each, and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

from scheduler.errors import UserError
from scheduler.jobfile import Fault, JobFileError, parse

DATA = Path(__file__).parents[1] / "data" / "jobfiles"
HEAD = "version: 1\nproject: shop\nenvironment: prod\n"


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(JobFileError) as caught:
        parse(text)
    return caught.value.faults


def fault_of_job(lines: str) -> Fault:
    """Return the one fault of a file whose job `x` has these lines; they begin in line 6, column 5."""
    schedule = "" if "schedule" in lines else 'schedule: "0 * * * *"\n'
    found = faults(f"{HEAD}jobs:\n  x:\n{indent(lines.strip(), '    ')}\n{indent(schedule, '    ')}")
    assert len(found) == 1, found
    return found[0]


def test_the_whole_report(golden: Callable[[str, str], None]) -> None:
    with pytest.raises(UserError) as caught:
        parse((DATA / "wrong.yaml").read_text(), "shop/meshbot.yaml")
    golden("jobfile_faults.txt", f"{caught.value}\n")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "column", "path", "problem", "remedy"),
    [
        # keys
        ("shedule: x\nschedule: '@daily'", 5, "shedule", "unknown key 'shedule'", "did you mean schedule?"),
        ("cron: x", 5, "cron", "unknown key 'cron'", "did you mean schedule?"),
        ("Catch-Up: all", 5, "Catch-Up", "unknown key", "did you mean catch_up?"),
        ("slack_channel: '#x'", 5, "slack_channel", "unknown key", "write it under alerts"),
        ("command: sqlmesh run", 5, "command", "unknown key", "runs no command of your own"),
        ("zzz: 1", 5, "zzz", "unknown key 'zzz'", "known here are type, schedule"),
        ("name: x", 5, "name", "a job has no key `name`", "the name of a job is its key"),
        ("alerts: {one: 1}", 14, "alerts.one", "unknown key 'one'", "did you mean on?"),
        ("env:", 5, "env", "there is no value", "remove the key"),
        ("description: #1", 5, "description", "an unquoted # begins a comment", "in quotes"),
        ("select:\n  -", 8, "select[0]", "there is no value", "remove the key"),
        # schedules and zones
        ("schedule: 5", 15, "schedule", "schedule is a number, not a text", 'schedule: "*/15 * * * *"'),
        ("schedule: [a]", 5, "schedule", "schedule is a list, not a text", 'schedule: "*/15 * * * *"'),
        ("schedule: null", 15, "schedule", "schedule is nothing, not a text", 'schedule: "*/15 * * * *"'),
        ("schedule: '*/4 * * * *'", 15, "schedule", "4 minutes apart (at 00:00 and 00:04)", "*/5 * * * *"),
        ("schedule: '*/7 * * * *'", 15, "schedule", "4 minutes apart (at 00:56 and 01:00)", "*/5 * * * *"),
        ("schedule: '0,3 * * * *'", 15, "schedule", "3 minutes apart (at 00:00 and 00:03)", "*/5 * * * *"),
        ("schedule: '58,0 * * * *'", 15, "schedule", "2 minutes apart (at 00:58 and 01:00)", "*/5 * * * *"),
        ("schedule: '0,59 0,23 * * *'", 15, "schedule", "1 minute apart (at 23:59 and 00:00)", "*/5 * * * *"),
        ("schedule: '0,59 0,23 1,31 * *'", 15, "schedule", "1 minute apart (at 23:59 and 00:00)", "*/5"),
        ("schedule: '* * * * *'", 15, "schedule", "1 minute apart", "*/5 * * * *"),
        ("schedule: '0 0 30 2 *'", 15, "schedule", "never fires", "write a day that exists"),
        ("schedule: '0 0 6 * * *'", 15, "schedule", "seconds are not supported", "leave out the seconds"),
        ("timezone: Europe/Berln", 15, "timezone", "no time zone 'Europe/Berln'", "did you mean Europe/Berlin"),
        ("timezone: 1", 15, "timezone", "timezone is a number", "timezone: Europe/Berlin"),
        # a run and a janitor
        ("type: [run, janitor]", 5, "type", "a job has one type", "a failed janitor must not keep models"),
        ("type: run,janitor", 11, "type", "a job has one type", "write two jobs"),
        ("type: run + janitor", 11, "type", "a job has one type", "write two jobs"),
        ("type: janitor\nselect: ['*']", 5, "select", "a janitor has no select", "a failed janitor must not"),
        ("type: janitor\nparallelism: 2", 18, "parallelism", "a janitor has no parallelism", "write two jobs"),
        ("type: janitor\nmax_concurrent_models: 5", 5, "max_concurrent_models", "a janitor evaluates no", "two jobs"),
        ("type: janitro", 11, "type", "type cannot be 'janitro'", "did you mean janitor? write run or janitor"),
        # numbers and durations
        ("parallelism: 0", 18, "parallelism", "parallelism cannot be 0", "at least 1"),
        ("parallelism: 65", 18, "parallelism", "parallelism cannot be 65", "at most 64"),
        ("parallelism: '2'", 18, "parallelism", "is a text, not a whole number", "parallelism: 1"),
        ("parallelism: 2.0", 18, "parallelism", "is a number, not a whole number", "parallelism: 1"),
        ("parallelism: true", 18, "parallelism", "is true or false, not a whole", "parallelism: 1"),
        ("max_concurrent_models: 0", 28, "max_concurrent_models", "cannot be 0", "at least 1"),
        ("timeout: 60", 14, "timeout", "the duration 60 has no unit", "60s, 60m or 60h"),
        ("timeout: soon", 14, "timeout", "'soon' is no duration", "30s, 15m, 2h, 1d"),
        ("timeout: 30s", 14, "timeout", "30s is out of bounds", "from 1m to 7d"),
        ("timeout: 8d", 14, "timeout", "8d is out of bounds", "from 1m to 7d"),
        ("retries: 11", 14, "retries", "limit cannot be 11", "at most 10"),
        ("retries: -1", 14, "retries", "limit cannot be -1", "at least 0"),
        ("retries: {backoff: 0s}", 24, "retries.backoff", "0s is out of bounds", "from 1s to 1d"),
        ("retries: {backoff: 1h}", 5, "retries.max_backoff", "10m is shorter than backoff 1h", "at least 1h"),
        ("retries: {backoff: 2m, max_backoff: 1m}", 41, "retries.max_backoff", "shorter than", "at least 2m"),
        # policies
        ("concurrency: no", 18, "concurrency", "concurrency cannot be 'no'", "write allow, forbid or replace"),
        ("concurrency: forbit", 18, "concurrency", "cannot be 'forbit'", "did you mean forbid?"),
        ("catch_up: some", 15, "catch_up", "policy cannot be 'some'", "write latest, none or all"),
        ("catch_up: {policy: latest, limit: 3}", 39, "catch_up.limit", "for the policy `all` only", "policy: all"),
        ("catch_up: {limit: 3}", 23, "catch_up.limit", "for the policy `all` only", "policy: all"),
        ("catch_up: {policy: all, limit: 0}", 36, "catch_up.limit", "limit cannot be 0", "at least 1"),
        ("catch_up: {deadline: 31d}", 26, "catch_up.deadline", "31d is out of bounds", "from 1m to 30d"),
        # selectors
        ("select: tag:x", 13, "select", "select is a text, not a list", "select: [tag:finance+]"),
        ("select: []", 13, "select", "an empty list selects no model", "runs all models"),
        ("select: [a, -b]", 17, "select[1]", "cannot begin with -", "leaves models out"),
        ("select: [a, 1]", 17, "select[1]", "a selector is a text", "in quotes"),
        # alerts and pauses
        ("alerts: {on: [failur]}", 19, "alerts.on[0]", "on cannot be 'failur'", "did you mean failure?"),
        ("alerts: {on: failure}", 18, "alerts.on", "on is a text, not a list", "on: [failure]"),
        ("alerts: {slack_channel: data}", 29, "alerts.slack_channel", "cannot be 'data'", '"#channel"'),
        ("alerts: {longer_than: 5}", 27, "alerts.longer_than", "has no unit", "5m"),
        ("paused: true", 13, "paused", "is true or false, not a mapping", "paused: {reason: the warehouse moves"),
        ("paused: {until: 2027-01-04}", 5, "paused.reason", "`reason` is missing", "reason: the warehouse moves"),
        ("paused: {reason: x, until: monday}", 32, "paused.until", "'monday' is no date", "write 2027-01-04"),
        ("paused: {reason: x, until: 20270104}", 32, "paused.until", "20270104 is no date", "write 2027-01-04"),
        ("paused: {reason: x, until: 2027-02-30}", 32, "paused.until", "'2027-02-30' is no date", "2027-01-04"),
        # images and resources
        ("image: Registry.example.com/Team/x", 12, "image", "has capital letters", "write registry.example.com/team/x"),
        ("image: https://registry.example.com/x", 12, "image", "is a URL", "leave out the scheme"),
        ("image: 'a b'", 12, "image", "'a b' is no image reference", "name:tag"),
        ("image: 'x:'", 12, "image", "'x:' is no image reference", "name:tag"),
        ("image: 'x@sha256:12'", 12, "image", "is no image reference", "name:tag"),
        ("resources: {cpu: 500}", 22, "resources.cpu", "500 is more than 256 cores", "did you mean 500m"),
        ("resources: {cpu: 0}", 22, "resources.cpu", "'0' is no amount of cpu", "500m"),
        ("resources: {memory: 512m}", 25, "resources.memory", "thousandths of a byte", "write 512Mi"),
        ("resources: {memory: 2GB}", 25, "resources.memory", "'2GB' is no amount of memory", "2Mi or 2Gi"),
        ("resources: {memory: [1]}", 17, "resources.memory", "is no number and no text", "cpu"),
        ("resources: {ram: 1Gi}", 22, "resources.ram", "'ram' is no resource", "write cpu, memory"),
        ("resources: {nvidia.com/gpu: some}", 33, "resources.nvidia.com/gpu", "no number of devices", "such as 1"),
        # texts
        ("owner: ''", 12, "owner", "owner cannot be ''", "owner: team-finance"),
        (f"owner: {'x' * 201}", 12, "owner", "owner is too long", "at most 200 characters"),
        ("environment: -p", 18, "environment", "environment cannot be '-p'", "begin with no `-`"),
    ],
)
def test_a_fault_of_a_job_says_where_what_and_what_instead(
    lines: str, column: int, path: str, problem: str, remedy: str
) -> None:
    fault = fault_of_job(lines)
    assert problem in fault.problem
    assert remedy in fault.remedy
    assert (fault.column, fault.path) == (column, f"jobs.x.{path}")
    last = lines.strip().count("\n") if "\nschedule" not in lines else 0
    assert fault.line == 6 + last


@pytest.mark.parametrize(
    ("text", "place", "path", "problem"),
    [
        ("project: shop\nenvironment: prod\njobs: {}", (1, 1), "version", "`version` is missing"),
        ("version: '1'\nproject: shop\nenvironment: prod\njobs: {}", (1, 10), "version", "version cannot be '1'"),
        ("version: true\nproject: shop\nenvironment: prod\njobs: {}", (1, 10), "version", "version cannot be True"),
        ("version: 1.0\nproject: shop\nenvironment: prod\njobs: {}", (1, 10), "version", "version cannot be 1.0"),
        (HEAD + "jobs: [a]", (4, 1), "jobs", "jobs is a list, not a mapping"),
        (HEAD + "jobs:", (4, 1), "jobs", "there is no value"),
        (HEAD + "jobs: {a: }", (4, 8), "jobs.a", "there is no value"),
        (HEAD + "jobs: {a: run}", (4, 11), "jobs.a", "a job is a mapping"),
        (HEAD + "jobs: {a: {}}", (4, 8), "jobs.a.schedule", "`schedule` is missing"),
        (HEAD + "jobs: {A_b: {schedule: '@daily'}}", (4, 8), "jobs.A_b", "name cannot be 'A_b'"),
        (HEAD + "jobs: {}\ndefaults: 5", (5, 11), "defaults", "defaults is a number, not a mapping"),
        (HEAD + "jobs: {}\ndefaults: {timezone: UTC}", (5, 12), "defaults.timezone", "cannot have a default"),
        (HEAD + "jobs: {}\ndefaults: {paused: {reason: x}}", (5, 12), "defaults.paused", "cannot have a default"),
        (HEAD + "jobs: {}\ndefaults: {timeout: 9}", (5, 21), "defaults.timeout", "has no unit"),
        (HEAD + "jobs: {}\ntimezone: Mars", (5, 11), "timezone", "there is no time zone 'Mars'"),
    ],
)
def test_a_fault_of_the_file_says_where_and_what(text: str, place: tuple[int, int], path: str, problem: str) -> None:
    (fault,) = faults(text)
    assert problem in fault.problem
    assert fault.remedy
    assert ((fault.line, fault.column), fault.path) == (place, path)


def test_a_fault_in_the_defaults_is_said_once_and_there() -> None:
    text = f"{HEAD}defaults: {{timeout: 5}}\njobs:\n  a: {{schedule: '@daily'}}\n  b: {{schedule: '@daily'}}\n"
    assert [(fault.line, fault.path) for fault in faults(text)] == [(4, "defaults.timeout")]


def test_faults_come_in_the_order_of_the_file() -> None:
    found = faults((DATA / "wrong.yaml").read_text())
    assert [(fault.line, fault.column) for fault in found] == sorted((fault.line, fault.column) for fault in found)
    assert all(fault.problem and fault.remedy for fault in found)
