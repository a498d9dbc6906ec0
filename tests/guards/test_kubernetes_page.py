"""The page about pods names every key of the operator's file, with its default."""

from __future__ import annotations

import re
from pathlib import Path

from scheduler.jobfile import durations
from scheduler.launchers.tenancy import Lodging, Mount, Tenant

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "kubernetes.md").read_text()


def test_every_key_is_there_and_no_other() -> None:
    part = PAGE.split("## The operator's file")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Tenant.model_fields)
    assert [name for name in Mount.model_fields if f"`{name}" not in part] == []


def test_the_defaults_are_those_of_the_code() -> None:
    defaults = Lodging()
    for name in ("grace", "start_within", "schedule_within", "ttl"):
        assert f"| `{name}` | `{durations.say(getattr(defaults, name))}` |" in PAGE
    for name in ("namespace", "service_account", "python", "run_as"):
        assert f"| `{name}` | `{getattr(defaults, name)}` |" in PAGE
