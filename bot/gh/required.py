"""Which checks a branch requires, and whether they are green on a commit.

The rule: what is required is read where reading content is enough, from the branch and from the rules that hold for it,
so that the App needs no right to administrate. A check that is required of a certain app only counts when that app made
it: anybody who may push can make another one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.gh.asking import READ_CONTENTS, READ_STATUSES, Asking, branch_path, quoted
from bot.gh.faults import Gone
from bot.gh.reading import field, maybe

GREEN = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True)
class Required:
    """A check that must be green; `app` None means that anybody may make it."""

    name: str
    app: int | None = None


@dataclass(frozen=True)
class Result:
    """A check run or a commit status; a status is of no app."""

    name: str
    app: int | None
    green: bool


class RequiredChecks(Asking):
    """The required checks of a repository's branches."""

    def required_green(self, base: str, sha: str) -> tuple[bool, list[str]]:
        """Whether every check that the base branch requires is green on a commit; the names of those that are not."""
        wanted = sorted(self._required(base), key=lambda one: one.name)
        missing = not_green(wanted, list(self._results(sha))) if wanted else []
        return not missing, missing

    def _required(self, base: str) -> set[Required]:
        name = branch_path(base)
        doing = f"reading which checks {base} requires"
        found = set(of_protection(self._ask(doing, READ_CONTENTS, "GET", f"/branches/{name}").data))
        try:
            for rule in self._pages(doing, "Metadata: read", f"/rules/branches/{name}"):
                found.update(of_rule(rule))
        except Gone:
            self._here()
        return found

    def _results(self, sha: str) -> Iterator[Result]:
        path, doing = f"/commits/{quoted(sha)}", f"reading the checks of {sha[:10]}"
        for run in self._pages(doing, "Checks: read", f"{path}/check-runs", "check_runs", filter="latest"):
            green = maybe(run, "conclusion", str) in GREEN and maybe(run, "status", str) == "completed"
            yield Result(field(run, "name", str), maybe(maybe(run, "app", dict), "id", int), green)
        for status in self._pages(doing, READ_STATUSES, f"{path}/status", "statuses"):
            yield Result(field(status, "context", str), None, maybe(status, "state", str) == "success")


def of_protection(branch: object) -> Iterator[Required]:
    """Read the required checks of a protected branch."""
    protection = maybe(branch, "protection", dict)
    checks = maybe(protection, "required_status_checks", dict)
    if checks is None or maybe(checks, "enforcement_level", str) == "off":
        return
    detailed = maybe(checks, "checks", list) or []
    yield from (_required(one, "app_id") for one in detailed)
    named = {maybe(one, "context", str) for one in detailed}
    yield from (Required(name) for name in maybe(checks, "contexts", list) or [] if name not in named)


def of_rule(rule: object) -> Iterator[Required]:
    """Read the required checks of a rule."""
    if maybe(rule, "type", str) == "required_status_checks":
        wanted = maybe(maybe(rule, "parameters", dict), "required_status_checks", list)
        yield from (_required(one, "integration_id") for one in wanted or [])


def not_green(wanted: Iterable[Required], results: Iterable[Result]) -> list[str]:
    """Return the names of the required checks that are not there, or of which one is not green."""
    kept = list(results)
    return [one.name for one in wanted if not _is_green(one, kept)]


def _is_green(wanted: Required, results: list[Result]) -> bool:
    mine = [one.green for one in results if one.name == wanted.name and wanted.app in {None, one.app}]
    return bool(mine) and all(mine)


def _required(data: object, app: str) -> Required:
    number = maybe(data, app, int)
    return Required(field(data, "context", str), number if number and number > 0 else None)
