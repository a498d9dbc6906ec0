"""What becomes of a delivery after an attempt: done, later, or given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hubsamples import NOW, delivery

from bot.errors import Refused, Unreachable
from bot.gh.faults import Gone, KeyRefused, MissingPermission, Moved, RateLimited
from bot.intake.verdicts import MOST_TRIES, Done, GivenUp, Later, crash_pause, pause, verdict, worn_out
from scheduler.errors import Retryable
from scheduler.store import Delivery

FRESH = delivery()
HOUR = timedelta(hours=1)


def tried(times: int, error: str | None = None) -> Delivery:
    return replace(FRESH, attempts=times, error=error)


def test_what_was_said_is_kept() -> None:
    assert verdict("merged", FRESH, NOW) == Done("merged")
    assert verdict("", FRESH, NOW) == Done("(no words)")
    assert len(verdict("x" * 10_000, FRESH, NOW).outcome) == 2000  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "error", [Gone("gone"), MissingPermission("m", "Checks: write"), Moved("moved"), Refused("no")]
)
def test_what_a_person_can_mend_is_not_tried_again(error: Exception) -> None:
    assert verdict(error, tried(1), NOW) == Done(str(error))


def test_a_limit_holds_the_installation_until_its_end_and_costs_no_try() -> None:
    assert verdict(RateLimited("slow", NOW + HOUR), tried(11), NOW) == Later(NOW + HOUR, "slow", 11, limit=True)


def test_a_limit_that_is_over_is_waited_for_a_moment_all_the_same() -> None:
    later = verdict(RateLimited("slow", NOW - HOUR), FRESH, NOW)
    assert isinstance(later, Later)
    assert NOW < later.until < NOW + timedelta(seconds=10)


def test_a_refused_key_costs_no_try() -> None:
    later = verdict(KeyRefused("401"), tried(40), NOW)
    assert isinstance(later, Later)
    assert (later.tries, later.limit) == (40, False)


@pytest.mark.parametrize("error", [Retryable("502"), Unreachable("the database")])
def test_what_may_work_in_a_moment_is_tried_twelve_times(error: Exception) -> None:
    pauses = []
    for before in range(MOST_TRIES - 1):
        later = verdict(error, tried(before), NOW)
        assert isinstance(later, Later)
        assert later.tries == before + 1
        pauses.append((later.until - NOW).total_seconds())
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
    assert verdict(error, tried(MOST_TRIES - 1), NOW) == GivenUp(f"after 12 tries: {error}")


def test_a_fault_of_ours_is_tried_three_times_in_a_row() -> None:
    first = verdict(KeyError("a"), FRESH, NOW)
    assert first == Later(NOW + pause(1), "unexpected (1): KeyError: 'a'", 1)
    second = verdict(KeyError("b"), tried(1, first.error), NOW)
    assert second == Later(NOW + pause(2), "unexpected (2): KeyError: 'b'", 2)
    assert verdict(KeyError("c"), tried(2, second.error), NOW) == GivenUp("unexpected (3): KeyError: 'c'")
    between = verdict(KeyError("c"), tried(2, "502"), NOW)
    assert isinstance(between, Later)
    assert between.error.startswith("unexpected (1)")
    assert isinstance(verdict(KeyError("c"), tried(MOST_TRIES - 1, "502"), NOW), GivenUp)


def test_a_delivery_that_kills_its_worker_gets_no_more_tries_than_another() -> None:
    assert [crash_pause(tries).total_seconds() for tries in (1, 2, 3, 4)] == [0, 5, 10, 20]
    assert worn_out(tried(MOST_TRIES - 1)) is None
    assert worn_out(tried(MOST_TRIES, "its worker ended")) == GivenUp("after 12 tries: its worker ended")
