"""The copy of a cluster's objects: resumed, made anew, and not believed while it cannot be kept true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from scheduler.errors import Retryable
from scheduler.launchers import informer
from scheduler.launchers.cluster import Found, Gone, Listed
from scheduler.launchers.informer import Informer

GROUP = "run"


def found(name: str, version: int, group: str = "a") -> Found:
    return {"metadata": {"name": name, "labels": {GROUP: group}, "resourceVersion": str(version)}, "version": version}


def event(kind: str, name: str, version: int, group: str = "a") -> Found:
    return {"type": kind, "object": found(name, version, group)}


@dataclass
class Scripted:
    """A cluster that lists and watches what it is told to, one answer after the other, and keeps what was asked."""

    lists: list[Listed | Exception]
    watches: list[list[Found | Exception]]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def list(
        self, kind: str, namespace: str, *, labels: str = "", fields: str = "", trim: Callable[[Found], Found] = dict
    ) -> Listed:
        assert (kind, namespace, labels, fields) == ("pods", "runs", GROUP, "")
        assert trim({}) == {}
        self.asked.append(("list", ""))
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(self, kind: str, namespace: str, *, labels: str, version: str, seconds: int) -> Iterator[Found]:
        assert (kind, namespace, labels, seconds) == ("pods", "runs", GROUP, informer.WATCH_SECONDS)
        self.asked.append(("watch", version))
        for answer in self.watches.pop(0):
            if isinstance(answer, Exception):
                raise answer
            yield answer


def follower(lists: list[Listed | Exception], watches: list[list[Found | Exception]]) -> tuple[Informer, Scripted]:
    source = Scripted(lists, watches)
    return Informer(source, "pods", "runs", GROUP), source


def versions(copy: Informer, group: str = "a") -> dict[str, int]:
    return {one["metadata"]["name"]: one["version"] for one in copy.of(group)}


def test_what_is_listed_and_what_changes_is_in_the_copy() -> None:
    changes: list[Found | Exception] = [
        event("ADDED", "y", 11),
        event("MODIFIED", "x", 12),
        event("ADDED", "z", 13, "b"),
    ]
    copy, _ = follower([Listed([found("x", 5)], "10")], [changes])
    assert not copy.is_fresh
    copy.step()
    assert copy.is_fresh
    assert versions(copy) == {"x": 12, "y": 11}
    assert versions(copy, "b") == {"z": 13}
    assert len(copy.all()) == 3


def test_a_watch_that_ends_goes_on_where_it_was_without_a_list() -> None:
    bookmark: Found = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "40"}}}
    copy, source = follower([Listed([found("x", 5)], "10")], [[event("DELETED", "x", 11)], [bookmark], []])
    for _ in range(3):
        copy.step()
    assert source.asked == [("list", ""), ("watch", "10"), ("watch", "11"), ("watch", "40")]
    assert copy.all() == []


def test_a_watch_that_breaks_goes_on_after_what_was_seen() -> None:
    copy, source = follower(
        [Listed([], "10")], [[event("ADDED", "x", 11), Retryable("lost")], [event("ADDED", "y", 12)]]
    )
    with pytest.raises(Retryable):
        copy.step()
    copy.step()
    assert source.asked[-1] == ("watch", "11")
    assert versions(copy) == {"x": 11, "y": 12}


def test_what_happened_in_a_gap_that_the_cluster_forgot_is_listed() -> None:
    lists: list[Listed | Exception] = [Listed([found("x", 5), found("y", 6)], "10"), Listed([found("y", 90)], "100")]
    copy, source = follower(lists, [[Gone()], []])
    with pytest.raises(Gone):
        copy.step()
    copy._version = None  # what its thread does then
    copy.step()
    assert source.asked == [("list", ""), ("watch", "10"), ("list", ""), ("watch", "100")]
    assert versions(copy) == {"y": 90}


def test_all_is_listed_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer, "LIST_EVERY", -1.0)
    copy, source = follower([Listed([], "10"), Listed([found("x", 15)], "20")], [[], []])
    copy.step()
    copy.step()
    assert source.asked == [("list", ""), ("watch", "10"), ("list", ""), ("watch", "20")]
    assert versions(copy) == {"x": 15}


def test_a_copy_that_heard_nothing_for_long_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    copy, _ = follower([Listed([], "10")], [[]])
    copy.step()
    monkeypatch.setattr(informer, "STALE_AFTER", -1.0)
    assert not copy.is_fresh


def test_what_was_just_written_is_known_and_older_news_does_not_undo_it() -> None:
    copy, _ = follower([Listed([found("x", 5)], "10")], [[event("MODIFIED", "x", 11)], [event("MODIFIED", "x", 31)]])
    copy.learn(found("x", 30))
    copy.learn(found("x", 29))
    assert versions(copy) == {"x": 30}
    copy._version, copy._listed_at = "10", float("inf")
    copy.step()
    assert versions(copy) == {"x": 30}
    copy.step()
    assert versions(copy) == {"x": 31}


def test_the_thread_outlives_everything_that_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer, "PAUSE", 0.0)
    lists: list[Listed | Exception] = [
        Retryable("down"), OSError("odd"), Listed([], "1"), Listed([found("x", 5)], "10"),
    ]  # fmt: skip
    copy, source = follower(lists, [[Gone()], [event("ADDED", "y", 11)]])
    copy._pause = 0.0
    source.watches[-1].append(_Last(copy))
    copy._work()
    assert versions(copy) == {"x": 5, "y": 11}


class _Last(Retryable):
    """Stops the copy when it is raised: the last thing that goes wrong."""

    def __init__(self, copy: Informer) -> None:
        super().__init__("the end")
        copy_stop = copy._stop
        self.copy_stop = copy_stop

    def __str__(self) -> str:
        self.copy_stop.set()
        return "the end"
