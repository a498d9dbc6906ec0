"""The reference of proposals and findings is complete: every code, key and flag stands in it."""

import re
from pathlib import Path

from scheduler.dag import Flag
from scheduler.dagjson import AUDIT, DOCUMENT, FAULT, MODEL

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs/reference/topology.md").read_text()
CODE = re.compile(r'^\s+(?:Level\.\w+,\s+|line, )?"([a-z0-9]+(?:-[a-z0-9]+)+)",', re.MULTILINE)


def codes(path: str) -> set[str]:
    return set(CODE.findall((ROOT / path).read_text()))


def section(title: str) -> set[str]:
    part = REFERENCE.split(f"## {title}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)`", part, re.MULTILINE))


def test_every_note_and_finding_is_explained_and_no_other() -> None:
    notes = codes("scheduler/topology/wording.py") | {"nothing-to-run"}
    assert section("What proposals say beside the jobs") == notes
    assert section("What the linter finds") == codes("scheduler/lintwords.py") | {"selector-not-read"}


def test_every_key_and_flag_of_the_graph_is_named() -> None:
    part = REFERENCE.split("## The graph\n")[1]
    for name in {*MODEL, *AUDIT, *FAULT, *DOCUMENT, *Flag}:
        assert f"`{name}`" in part
