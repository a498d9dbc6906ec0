from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from schedules import NOW, a_run, job

from scheduler.reconcile import MOST_LOSSES, follow_up
from scheduler.runs import RunState
from scheduler.tasks import arguments_of, order_of


def test_a_run_is_started_with_what_its_job_says() -> None:
    spec = job(select=["tag:finance+", "db.orders"], environment="staging", max_concurrent_models=3)
    run = a_run(spec=spec)
    assert arguments_of(run) == (
        "run",
        ".",
        "staging",
        "--select=tag:finance+",
        "--select=db.orders",
        "--job=hourly",
        f"--run-id={run.id}",
        "--max-concurrent-models=3",
    )


def test_a_manual_run_has_its_bounds_and_a_retry_its_predecessor() -> None:
    run = a_run(start="2026-01-01", end="--help", retry_of="analytics-hourly-1", attempt=2)
    assert {"--start=2026-01-01", "--end=--help", "--retry-of=analytics-hourly-1"} < set(arguments_of(run))


def test_a_janitor_is_only_that() -> None:
    assert arguments_of(a_run(spec=job(type="janitor"))) == ("janitor", ".")


def test_an_order_has_all_that_a_place_needs() -> None:
    spec = job(
        timeout="15m", parallelism=2, env={"REGION": "eu"}, secrets=["TOKEN"], image="team/x:1", resources={"cpu": "1"}
    )
    order = order_of(a_run(spec=spec))
    assert (order.timeout, order.parallelism) == (timedelta(minutes=15), 2)
    assert (order.env, order.secrets) == ({"REGION": "eu"}, ("TOKEN",))
    assert (order.image, order.resources) == ("team/x:1", {"cpu": "1"})
    assert (order.source.sha, order.source.path) == ("0a1b2c3", ".")


@pytest.mark.parametrize(
    ("state", "limit", "attempt", "losses", "again"),
    [
        (RunState.FAILED, 0, 1, 0, False),
        (RunState.FAILED, 1, 1, 0, True),
        (RunState.FAILED, 1, 2, 0, False),
        (RunState.FAILED, 1, 2, 1, True),  # the first was lost: this is the first that counts
        (RunState.FAILED, 0, 2, 1, False),
        (RunState.LOST, 0, 1, 0, True),
        (RunState.LOST, 0, MOST_LOSSES, MOST_LOSSES - 1, True),
        (RunState.LOST, 0, MOST_LOSSES + 1, MOST_LOSSES, False),
        (RunState.LOST, 1, MOST_LOSSES + 1, MOST_LOSSES, True),  # from now on each counts
        (RunState.LOST, 1, MOST_LOSSES + 2, MOST_LOSSES + 1, False),
        (RunState.SUCCEEDED, 5, 1, 0, False),
        (RunState.CANCELLED, 5, 1, 0, False),
    ],
)
def test_a_loss_does_not_count_as_a_retry_up_to_a_bound(
    state: RunState, limit: int, attempt: int, losses: int, *, again: bool
) -> None:
    run = a_run(state, spec=job(retries={"limit": limit}), attempt=attempt)
    retry = follow_up(run, losses, NOW)
    assert (retry is not None) == again
    if retry is not None:
        assert (retry.spec, retry.attempt, retry.retry_of) == (run.spec, attempt + 1, run.id)


def test_a_lost_run_that_was_to_be_cancelled_is_not_run_again() -> None:
    assert follow_up(replace(a_run(RunState.LOST), cancel_requested_at=NOW), 0, NOW) is None
