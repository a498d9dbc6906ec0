"""Rules on the tree itself: what a reader may rely on without looking."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "scheduler", "meshrun")
LONGEST_MODULE = 300
LONGEST_FUNCTION = 50


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git knows or would add, so that a new file is held to the rules before its commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


MODULES = [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in PACKAGES]
TESTS = tracked("tests/*.py", "tests/**/*.py")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_opens_with_a_sentence_and_stays_small(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "the module does not say what it is"
    assert docstring.splitlines()[0].rstrip().endswith((".", ":", "?")), "the first line is no sentence"
    assert text.count("\n") <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    functions = [
        n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno is not None}
    assert {k: v for k, v in long.items() if v > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_tests_neither_mock_nor_sleep(path: Path) -> None:
    if path == Path(__file__):
        return
    text = path.read_text()
    assert "unittest.mock" not in text
    assert not re.search(r"\btime\.sleep\(", text), "poll with a deadline: waiting.until"


def test_config_is_data_only() -> None:
    assert [name(path) for path in tracked("config/**") if path.suffix in {".py", ".pyc"}] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    nothing = {"utils", "util", "helpers", "common", "manager", "base", "core", "misc"}
    assert [name(path) for path in tracked("*.py") if path.stem in nothing] == []


def test_the_tests_are_no_package() -> None:
    assert [name(path) for path in tracked("tests/**/__init__.py", "tests/__init__.py")] == []


def test_the_tree_names_no_machine_and_no_registry() -> None:
    machine = re.compile(r"(?<![\w.])/(work|farm|root|opt|home/\w+)/[\w.]")
    registry = re.compile(
        r"\b(" + "|".join(["py" + "pi.org", "python" + "hosted", "docker" + ".io", "gh" + "cr.io"]) + r")\b"
    )
    found = []
    for path in tracked():
        if path.suffix in {".png", ".svg"}:
            continue
        for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1):
            if machine.search(line) or registry.search(line):
                found.append(f"{name(path)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]))
    found = [name(path) for path in tracked("*.py", "*.md", "Makefile") if marks.search(path.read_text())]
    assert found == []


def test_every_word_of_the_makefile_is_explained() -> None:
    text = (ROOT / "Makefile").read_text()
    words = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert words
    assert set(words[1].split()) == set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
