"""Environment variables of meshrun are numbers; empty means the default, and anything else is refused by name."""

from __future__ import annotations

import pytest

from meshrun.environ import Variable
from meshrun.errors import ProjectError

WAIT = Variable("SOME_SECONDS", "60", 1, "For how many seconds.")


@pytest.mark.parametrize(("text", "value"), [("", 60), ("1.5", 1.5), (" 2 ", 2), ("1e3", 1000)])
def test_a_number_is_read(monkeypatch: pytest.MonkeyPatch, text: str, value: float) -> None:
    monkeypatch.setenv("SOME_SECONDS", text)
    assert WAIT.value() == value


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1s", " "])
def test_anything_else_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOME_SECONDS", text)
    with pytest.raises(ProjectError, match=f"reading SOME_SECONDS: '{text}' is not a number of at least 1"):
        WAIT.value()


def test_unset_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_SECONDS", raising=False)
    assert WAIT.value() == 60
