"""From a SQLMesh project to a job file that runs it: generate, validate, change the models, look at what changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import describables
import pytest

from bot import cli

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("describe")]


class Person:
    """Somebody at a command line, in a folder that has a project."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.told: list[str] = []
        self.job_file = "version: 1\nproject: shop\nenvironment: prod\njobs:\n  all:\n    schedule: '@hourly'\n"

    def say(self, *arguments: str, code: int = 0) -> str:
        """Give a command and remember what it answers."""
        ended = cli.run(list(arguments))
        out, err = self._capsys.readouterr()
        assert ended == code, out + err
        shown = "\n".join(line.rstrip() for line in (out + err).splitlines())
        self.told.append(f"$ meshbot {' '.join(arguments)}\n{shown}\n")
        return shown


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    folder = describables.write(tmp_path / "shop", describables.PLAIN)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return Person(capsys)


def test_a_team_goes_from_models_to_jobs(person: Person, golden: Callable[[str, str], None]) -> None:
    assert "Nothing is written" in person.say("generate")
    assert not Path("meshbot.yaml").exists()
    person.say("generate", "--write")
    assert person.say("generate", "--format", "yaml") + "\n" == Path("meshbot.yaml").read_text()
    assert "nothing to change" in person.say("generate")
    person.say("validate")
    Path("before.yaml").write_text(Path("meshbot.yaml").read_text())

    Path("models/late.sql").write_text(describables.model("ops.late", "SELECT * FROM raw.tickets", cron="'@weekly'"))
    Path("meshbot.yaml").write_text(Path("meshbot.yaml").read_text().replace('"0 * * * *"', '"0 0 * * *"'))
    person.say("validate", code=1)
    person.say("generate", "--write")
    person.say("diff", "before.yaml", "meshbot.yaml")
    person.say("validate")
    person.say("graph")
    assert person.say("graph", "--format", "svg").startswith("<svg")
    assert "```mermaid" in person.say("generate", "--format", "markdown")
    answer = json.loads(person.say("graph", "--json"))
    assert {model["model"]: model["job"] for model in answer["models"]}["ops.late"]
    del person.told[-3:]
    golden("cli/topology.txt", "\n".join(person.told))


def test_what_cannot_be_done_is_said(person: Person, tmp_path: Path) -> None:
    assert "there is no 'pdf'" in person.say("generate", "--format", "pdf", code=2)
    assert "looking for a SQLMesh project" in person.say("generate", str(tmp_path), code=2)
    assert "there is no such file" in person.say("diff", "a.yaml", "b.yaml", code=2)
    Path("config.yaml").write_text("gateways: [\n")
    assert "config.yaml" in person.say("generate", code=1)
    Path("meshbot.yaml").write_text(person.job_file)
    assert "The models are not known" in person.say("validate")
    assert "The models are not known" not in person.say("validate", "--no-models")
