"""Signs of life: who is there, and who is not any more."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from schedules import NOW
from waiting import until

from scheduler.errors import UserError
from scheduler.places import place_of
from scheduler.pulse import beating, is_heard
from scheduler.store import SILENT, Heartbeat, Store

CLOCK = Heartbeat("clock", "a:1", NOW, NOW)


def test_a_process_is_heard_of_again_and_again_and_two_of_a_kind_apart(store: Store) -> None:
    later = replace(CLOCK, at=NOW + timedelta(seconds=10), place="here")
    other = replace(CLOCK, instance="b:1")
    for one in (CLOCK, other, later):
        store.beat(one)
    assert store.heartbeats() == [later, other]
    store.fall_silent("clock", "a:1")
    assert store.heartbeats() == [other]


def test_who_was_silent_for_a_week_is_forgotten(store: Store) -> None:
    store.beat(CLOCK)
    store.beat(replace(CLOCK, instance="b:1", at=NOW + timedelta(days=8)))
    assert [one.instance for one in store.heartbeats()] == ["b:1"]


def test_a_process_is_heard_of_until_it_ends(store: Store) -> None:
    with beating(store, "watch", "here"):
        [one] = until(store.heartbeats)
        assert (one.process, one.place) == ("watch", "here")
    assert store.heartbeats() == []


def test_a_probe_hears_a_process_of_its_own_machine_that_spoke_lately(store: Store) -> None:
    now, here = datetime.now(UTC), socket.gethostname()
    store.beat(Heartbeat("clock", f"not-{here}:1", now, now))
    store.beat(Heartbeat("watch", f"{here}:1", now, now))
    store.beat(Heartbeat("clock", f"{here}:1", now, now - SILENT - timedelta(seconds=1)))
    assert not is_heard(store, "clock")
    store.beat(Heartbeat("clock", f"{here}:2", now, now))
    assert is_heard(store, "clock")


def test_a_database_out_of_reach_hinders_nobody() -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    with beating(store, "watch"):
        pass
    store.close()


def test_a_place_keeps_its_name_also_when_it_moves(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    name = place_of(tmp_path / "a")
    assert place_of(tmp_path / "a") == name != place_of(tmp_path / "b")
    (tmp_path / "a").rename(tmp_path / "c")
    assert place_of(tmp_path / "c") == name
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["place"]


def test_an_empty_name_is_said(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("")
    with pytest.raises(UserError, match="is empty; remove it"):
        place_of(tmp_path)
