"""What a first, a second and a third signal mean, while a run is conducted and outside of that."""

from __future__ import annotations

import pytest

from meshrun.stop import Cancelled, Stop


def test_outside_of_a_run_each_of_two_signals_ends_what_goes_on_and_a_third_changes_nothing() -> None:
    stop = Stop()
    for _ in range(2):
        with pytest.raises(Cancelled):
            stop.ask()
    stop.ask()
    assert stop.is_overdue


def test_inside_of_a_run_signals_wake_whoever_waits() -> None:
    stop, woken = Stop(grace=600), []
    with stop.wakes(lambda: woken.append("woken")):
        stop.ask()
        assert (stop.is_asked, stop.is_overdue) == (True, False)
        stop.ask()
        assert stop.is_overdue
    assert woken == ["woken", "woken"]


def test_a_second_signal_after_a_run_has_ended_ends_what_follows_it() -> None:
    stop = Stop(grace=600)
    with stop.wakes(list):
        stop.ask()
    with pytest.raises(Cancelled):
        stop.ask()
