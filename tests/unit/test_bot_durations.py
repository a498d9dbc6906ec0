from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot_samples import NOW, RESULTS, run

from bot import durations
from bot.errors import Unreachable
from scheduler.runs import ModelResult, ModelStatus, Run, RunState
from scheduler.settings import Settings


@dataclass
class FakeStore:
    """The two questions that are asked, answered from lists."""

    found: list[tuple[Run, tuple[ModelResult, ...]]] = field(default_factory=list)

    def runs(self, _wanted: object, limit: int) -> list[Run]:
        return [one for one, _ in self.found][:limit]

    def results(self, run_id: str) -> tuple[ModelResult, ...]:
        return next(results for one, results in self.found if one.id == run_id)


@dataclass
class FakeServices:
    settings: Settings
    store: FakeStore


class Silent:
    """A database that does not answer."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def store(self) -> FakeStore:
        raise Unreachable("opening the database: no answer")


def settings(tmp_path: Path, *, database: bool = True) -> Settings:
    if database:
        (tmp_path / "meshbot.db").touch()
    return Settings(data_dir=tmp_path)


def ask(services: Any) -> durations.Measured:  # noqa: ANN401 - a fake
    return durations.measured(services)("analytics")


def test_what_was_evaluated_has_its_usual_duration(tmp_path: Path) -> None:
    slow = ModelResult("finance.orders", ModelStatus.EVALUATED, 30.0)
    runs = [run(), run(created_at=NOW - timedelta(days=1), id="earlier"), run(RunState.NOOP, id="noop")]
    store = FakeStore(list(zip(runs, (RESULTS, (slow,), ()), strict=True)))
    found = ask(FakeServices(settings(tmp_path), store))
    assert found.models.seconds == {"finance.orders": (12.34 + 30.0) / 2}
    assert found.jobs == {"hourly": 42.0}


def test_a_proposal_needs_no_database(tmp_path: Path) -> None:
    assert ask(Silent(settings(tmp_path, database=False))) == durations.NOTHING
    assert ask(Silent(settings(tmp_path))) == durations.NOTHING
