"""The check run `meshbot` on a commit.

The rule: it is found by its name, its `external_id` and our App, and made or changed; so it is there once.

The surprise: GitHub adds the annotations of a change to those that are there, and takes 50 at once. So those that are
there are read first, and only what is missing is added. None can be taken away: what no longer holds stays until the
next commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bot.gh import limits, reading
from bot.gh.asking import CHECKS, Asking, quoted
from bot.gh.reading import field, maybe
from bot.gh.shapes import Check, PostedCheck
from bot.gh.tokens import Tokens
from bot.gh.wire import Wire

NAME = "meshbot"
Key = tuple[object, ...]


class CheckRuns(Asking):
    """The checks that our App has made in a repository."""

    def __init__(
        self, wire: Wire, tokens: Tokens, place: tuple[int, int], login: Callable[[], str], app_id: int
    ) -> None:
        super().__init__(wire, tokens, place, login)
        self._app_id = app_id

    def checks(self, sha: str) -> list[PostedCheck]:
        """Read our checks on a commit, the oldest first."""
        return self._checks(sha, "Checks: read")

    def put_check(self, sha: str, check: Check) -> int:
        """See to it that our check of this `external_id` on the commit is as said; returns its id."""
        found = [one for one in self._checks(sha, CHECKS) if one.external_id == check.external_id]
        wanted = [limits.annotation(one) for one in check.annotations]
        if not found:
            return self._make(sha, check, wanted)
        there = found[-1]
        had = {_key(one) for one in self._annotations(there.id)} if wanted else set()
        missing = [one for one in wanted if _key(one) not in had]
        if missing or not _is_as_said(there, check):
            self._change(there.id, check, missing)
        return there.id

    def _checks(self, sha: str, needs: str) -> list[PostedCheck]:
        """Read them for a purpose that takes a permission: who may not even read is told all that it takes."""
        return sorted(map(reading.check, self._runs(sha, needs)), key=lambda one: one.id)

    def _runs(self, sha: str, needs: str) -> Iterator[object]:
        doing, path = f"reading our checks of {sha[:10]}", f"/commits/{quoted(sha)}/check-runs"
        found = self._pages(doing, needs, path, "check_runs", check_name=NAME, app_id=self._app_id, filter="all")
        for run in found:
            if maybe(maybe(run, "app", dict), "id", int) == self._app_id and maybe(run, "name", str) == NAME:
                yield run

    def _annotations(self, check: int) -> Iterator[Any]:
        return self._pages(f"reading the annotations of check {check}", CHECKS, f"/check-runs/{check}/annotations")

    def _make(self, sha: str, check: Check, annotations: Sequence[dict[str, Any]]) -> int:
        first, rest = annotations[: limits.ANNOTATIONS], annotations[limits.ANNOTATIONS :]
        given = {"name": NAME, "head_sha": sha, "external_id": check.external_id, **_as_given(check, first)}
        data = self._ask(f"making the check of {sha[:10]}", CHECKS, "POST", "/check-runs", **given).data
        made = field(data, "id", int)
        if rest:
            self._change(made, check, rest)
        return made

    def _change(self, made: int, check: Check, annotations: Sequence[dict[str, Any]]) -> None:
        for start in range(0, max(1, len(annotations)), limits.ANNOTATIONS):
            given = _as_given(check, annotations[start : start + limits.ANNOTATIONS])
            self._ask(f"changing check {made}", CHECKS, "PATCH", f"/check-runs/{made}", **given)


def _as_given(check: Check, annotations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    output = {
        "title": limits.title(check.title),
        "summary": limits.summary(check.summary),
        "annotations": list(annotations),
    }
    buttons = [limits.button(one) for one in check.buttons[: limits.BUTTONS]]
    if check.conclusion is None:
        return {"status": "in_progress", "output": output, "actions": buttons}
    return {"status": "completed", "conclusion": check.conclusion, "output": output, "actions": buttons}


def _is_as_said(there: PostedCheck, check: Check) -> bool:
    wanted = (limits.title(check.title), limits.summary(check.summary).rstrip(), check.conclusion)
    return wanted == (there.title, there.summary.rstrip(), there.conclusion)


def _key(annotation: dict[str, Any]) -> Key:
    names = ("path", "start_line", "end_line", "annotation_level", "message", "title")
    return tuple(annotation.get(name) or None for name in names)
