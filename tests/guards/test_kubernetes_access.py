"""The Role that operators apply allows the calls that are made, and no other one."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "config" / "kubernetes" / "runs" / "access.yaml"
LAUNCHERS = ROOT / "scheduler" / "launchers"
VERBS = {"create", "get", "list", "watch", "patch", "delete"}
FOLLOWED = ("jobs", "pods")


def allowed() -> set[tuple[str, str]]:
    role: dict[str, Any] = next(one for one in yaml.safe_load_all(ROLE.read_text()) if one["kind"] == "Role")
    return {(verb, what) for rule in role["rules"] for what in rule["resources"] for verb in rule["verbs"]}


def made() -> set[tuple[str, str]]:
    """Find the calls on `self._cluster` in the launcher, whose first word names what is asked for."""
    calls: set[tuple[str, str]] = set()
    for name in ("describer.py", "kubernetes.py", "roster.py"):
        for node in ast.walk(ast.parse((LAUNCHERS / name).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if ast.unparse(node.func.value) != "self._cluster":
                    continue
                if node.func.attr == "log":
                    calls.add(("get", "pods/log"))
                    continue
                assert node.func.attr in VERBS
                kind = node.args[0]
                assert isinstance(kind, ast.Constant)
                calls.add((node.func.attr, str(kind.value)))
    return calls | {(verb, kind) for kind in FOLLOWED for verb in ("list", "watch")}


def test_what_is_allowed_is_what_is_done() -> None:
    assert allowed() == made()


def test_no_secret_can_be_read() -> None:
    assert {verb for verb, what in allowed() if what == "secrets"} == {"create", "delete"}
